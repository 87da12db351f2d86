//! The programs of the test cluster, built by `tests/cluster/build`, and those of the test registry, found
//! by `tests/cluster/registry-programs`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/build");
const REGISTRY_PROGRAMS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/registry-programs");

/// The path of a program of the test cluster. Builds them all if that was never done; the build's messages
/// go to stderr.
pub fn path(name: &str) -> PathBuf {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(|| build(BUILD)) {
        Ok(folder) => folder.join(name),
        Err(reason) => panic!("there is no test cluster: {reason}"),
    }
}

/// The path of a program of the test registry. What is missing is installed by `make registry` alone.
pub fn of_registry(name: &str) -> PathBuf {
    static PATHS: OnceLock<Result<String, String>> = OnceLock::new();
    match PATHS.get_or_init(|| run(REGISTRY_PROGRAMS)) {
        Ok(paths) => {
            let mut paths = paths.lines().map(Path::new);
            let path = paths.find(|path| path.ends_with(name));
            path.unwrap_or_else(|| panic!("{REGISTRY_PROGRAMS} names no {name}")).to_path_buf()
        }
        Err(reason) => panic!("there is no test registry: {reason}"),
    }
}

/// The folder that a script has filled with programs.
pub fn build(script: &str) -> Result<PathBuf, String> {
    run(script).map(|folder| Path::new(folder.trim_end()).to_path_buf())
}

/// What a script writes.
fn run(script: &str) -> Result<String, String> {
    let output = Command::new(script)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {script}: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{script} failed and said why on stderr; run it again once that is put right"
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
