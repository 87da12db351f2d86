//! The load: oha, in a closed loop, or at a constant rate.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    bench::{Bench, Reviews},
    cpu::Cores,
    oha::{Seen, seen},
    server::Server,
};

/// What is sent, and how.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// One of them at a time, by chance.
    pub reviews: &'a Reviews,
    /// Connections that are kept.
    pub connections: usize,
    /// For how long.
    pub time: Duration,
    /// Requests in a second, whenever the one before is answered; without it each connection waits.
    pub rate: Option<f64>,
    /// Where the load runs.
    pub cores: Cores,
}

/// Sends a load to a server. One answer that is not 200, or none, is an error.
pub async fn send(bench: &Bench, server: &Server, load: &Load<'_>) -> Result<Seen> {
    let mut command = command(bench, server, load);
    let output = spawn_blocking(move || command.output()).await?;
    let output = output.context("failed to run oha")?;
    if !output.status.success() {
        bail!("oha: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    // The connections end with it; the server has yet to see that.
    sleep(Duration::from_millis(20)).await;
    let member = server.member;
    seen(&output.stdout).with_context(|| format!("{member} did not answer all that it was sent"))
}

fn command(bench: &Bench, server: &Server, load: &Load<'_>) -> Command {
    let oha = bench.programs.oha();
    let mut command = match load.cores.of_load() {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", cores]).arg(oha).args(["--worker-threads", "1"]);
            command
        }
        None => {
            let mut command = Command::new(oha);
            command.args(["--worker-threads", "2"]);
            command
        }
    };
    command
        .args(["--no-tui", "--output-format", "json", "--insecure", "--http-version", "1.1"])
        .args(["-m", "POST", "-T", "application/json", "-w"])
        .args(["-c", &load.connections.to_string()])
        .args(["-z", &format!("{}ms", load.time.as_millis())])
        .arg("-Z")
        .arg(&load.reviews.file);
    if let Some(rate) = load.rate {
        command.args(["-q", &rate.to_string(), "--latency-correction"]);
    }
    command.arg(format!("https://127.0.0.1:{}/mutate?timeout=5s", server.port));
    command
}
