//! The programs of the test node, built by `tests/node/build`.

use std::{path::PathBuf, sync::OnceLock};

use crate::programs;

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/build");

/// The path of one program. Builds them all if that was never done; the build's messages go to stderr.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(|| programs::build(BUILD)) {
        Ok(folder) => folder.join(name),
        Err(reason) => panic!("there is no test node: {reason}"),
    }
}
