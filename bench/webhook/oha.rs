//! What oha says of a load. Pure.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

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
