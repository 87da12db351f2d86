//! The programs of the test cluster, built by `tests/cluster/build`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/build");

/// The path of one program. Builds them all if that was never done; the build's messages go to stderr.
pub fn path(name: &str) -> PathBuf {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(build) {
        Ok(folder) => folder.join(name),
        Err(reason) => panic!("there is no test cluster: {reason}"),
    }
}

fn build() -> Result<PathBuf, String> {
    let output = Command::new(BUILD)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {BUILD}: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{BUILD} failed and said why on stderr; run it again once that is put right"
        ));
    }
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(Path::new(folder.trim_end()).to_path_buf())
}
