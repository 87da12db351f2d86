//! Commands that a person types, run in a shell.

use std::{env, fs, path::PathBuf, process::ExitStatus, time::Duration};

use crate::{
    eventually::eventually,
    node::Node,
    programs,
    supervised::{Program, Supervised},
};

/// By when commands have ended, those among them that wait.
const ENDED: Duration = Duration::from_mins(5);

/// What commands wrote to stdout and stderr, and how the last one ended.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub status: ExitStatus,
}

/// Runs commands in the folder of the project, with the administrator's kubectl and pullpass on the PATH. The
/// first that fails ends them. Each line that they write is handed on at once.
pub async fn run(node: &Node, commands: &str, mut each_line: impl FnMut(&str)) -> Said {
    let log = node.folder().join("shell.log");
    // That of the commands before.
    fs::write(&log, "").expect("the log of the shell is emptied");
    let mut shell = Supervised::start(&Program {
        command: ["bash", "-euo", "pipefail", "-c", commands].map(Into::into).into(),
        environment: environment(node),
        log,
        scratch: node.folder().join("shell.scratch"),
        ..Program::default()
    });
    let mut told = 0;
    let (text, status) = eventually(&format!("the end of `{commands}`"), ENDED, async || {
        // In this order: what it wrote last is read too.
        let status = shell.exited();
        let text = shell.log();
        let whole =
            if status.is_some() { text.len() } else { text.rfind('\n').map_or(0, |at| at + 1) };
        text[told..whole].lines().for_each(&mut each_line);
        told = whole;
        status.map(|status| (text, status))
    })
    .await;
    Said { text, status }
}

/// The folders of kubectl and pullpass.
pub fn folders() -> [PathBuf; 2] {
    let programs = [programs::path("kubectl"), env!("CARGO_BIN_EXE_pullpass").into()];
    programs.map(|program| program.parent().expect("it is in a folder").to_path_buf())
}

fn environment(node: &Node) -> Vec<(String, String)> {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(folders().into_iter().chain(env::split_paths(&path)));
    let path = path.expect("no folder has a colon in its name").into_string();
    let kubeconfig = node.plane.admin_kubeconfig();
    let variables = [
        ("PATH", path.expect("the PATH is UTF-8")),
        ("HOME", node.folder().display().to_string()),
        ("KUBECONFIG", kubeconfig.display().to_string()),
        ("KUBECTL_KUBERC", "false".into()),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}
