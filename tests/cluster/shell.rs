//! The commands of the documents, run in a shell as a person runs them.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{cluster::Cluster, kubectl::Output, programs};

/// Runs commands in a folder, with the administrator's kubectl and pullpass on the PATH. The first that
/// fails ends them.
pub async fn run(
    cluster: &Cluster,
    folder: &Path,
    environment: &[(&str, &str)],
    commands: &str,
) -> Output {
    let kubectl = programs::path("kubectl");
    let pullpass = PathBuf::from(env!("CARGO_BIN_EXE_pullpass"));
    let folders = [&kubectl, &pullpass].into_iter().filter_map(|program| program.parent());
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(folders.map(Path::to_path_buf).chain(env::split_paths(&path)));
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(folder)
        .env("PATH", path.expect("no folder has a colon in its name"))
        .env("KUBECONFIG", cluster.control_plane().admin_kubeconfig())
        .env("KUBECTL_KUBERC", "false")
        .env("HOME", cluster.control_plane().folder().path())
        .envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || shell.output()).await;
    let output = output.expect("the shell is waited for").expect("the shell starts");
    Output {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        success: output.status.success(),
    }
}
