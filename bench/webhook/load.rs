//! The load: oha, in a closed loop, or at a constant rate.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    bench::{Bench, Reviews},
    cpu::Cores,
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

/// What was seen. Latencies are in seconds, from when a request was due.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Answers, all of them 200.
    pub requests: usize,
    /// Answers in a second.
    pub rate: f64,
    /// Of all latencies: the half, 99%, 99.9%, and 99.99%, and the greatest.
    pub latencies: [f64; 5],
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, usize>,
    error_distribution: BTreeMap<String, usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    total: f64,
    slowest: f64,
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

/// Reads what oha says.
pub fn seen(output: &[u8]) -> Result<Seen> {
    let report: Report = serde_json::from_slice(output).context("oha said what is not known")?;
    let Report { summary, latency_percentiles, status_code_distribution, error_distribution } =
        report;
    let all_ok = status_code_distribution.keys().all(|code| code == "200");
    ensure!(
        all_ok && error_distribution.is_empty(),
        "answers by status: {status_code_distribution:?}; without one: {error_distribution:?}"
    );
    let requests = status_code_distribution.get("200").copied().unwrap_or_default();
    ensure!(requests > 0, "there was no answer");
    let percentile = |name: &str| {
        let value = latency_percentiles.get(name).copied().flatten();
        value.with_context(|| format!("oha says no {name}"))
    };
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let rate = requests as f64 / summary.total;
    let latencies = [
        percentile("p50")?,
        percentile("p99")?,
        percentile("p99.9")?,
        percentile("p99.99")?,
        summary.slowest,
    ];
    Ok(Seen { requests, rate, latencies })
}
