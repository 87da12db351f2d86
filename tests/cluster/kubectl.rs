//! kubectl, as an administrator uses it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::programs;

/// What kubectl wrote, and whether it exited with 0.
#[derive(Debug, Clone)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub success: bool,
}

impl Output {
    /// Stdout of a command that must have worked.
    pub fn expect_success(self) -> String {
        assert!(self.success, "kubectl failed: {}", self.stderr);
        self.stdout
    }
}

/// Runs kubectl with `input` on stdin. `home` keeps its caches away from the user's own.
pub async fn run(
    home: &Path,
    kubeconfig: &Path,
    arguments: &[&str],
    input: Option<&str>,
) -> Output {
    let home = home.to_path_buf();
    let kubeconfig = kubeconfig.to_path_buf();
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let input = input.unwrap_or_default().to_string();
    tokio::task::spawn_blocking(move || run_to_end(&home, &kubeconfig, &arguments, &input))
        .await
        .expect("kubectl runs to its end")
}

fn run_to_end(home: &PathBuf, kubeconfig: &PathBuf, arguments: &[String], input: &str) -> Output {
    let mut child = Command::new(programs::path("kubectl"))
        .env("HOME", home)
        .env("KUBECONFIG", kubeconfig)
        .env("KUBECTL_KUBERC", "false")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_string();
    // kubectl may end before it has read all: that shows in its exit code.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("kubectl ends");
    let _ = writer.join();
    Output {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        success: output.status.success(),
    }
}
