//! What is told at the end: a table, the conditions, and what failed.

use std::{fmt::Display, path::Path, process::ExitCode};

use crate::{account::Account, statistics::Sample};

/// What was seen, and whether it is what it must be.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(String, String)>,
    conditions: Vec<(bool, String)>,
    failures: Vec<String>,
}

impl Report {
    /// Something that was seen.
    pub fn row(&mut self, what: impl Into<String>, value: impl Display) {
        self.rows.push((what.into(), format!("{value}")));
    }

    /// Something that must hold.
    pub fn condition(&mut self, holds: bool, what: impl Into<String>) {
        self.conditions.push((holds, what.into()));
    }

    /// The latencies of answers.
    pub fn latencies(&mut self, what: &str, seconds: &[f64]) {
        let sample: Sample = seconds.iter().copied().collect();
        let [median, late, greatest] =
            [50.0, 99.0, 100.0].map(|p| milliseconds(sample.percentile(p)));
        self.row(what, format!("p50 {median}, p99 {late}, longest {greatest}"));
    }

    /// What should not have been seen: a condition that fails for each kind.
    pub fn failures_of(&mut self, account: &Account) {
        self.failures.extend(account.failures());
    }

    /// Prints it.
    pub fn tell(&self, log: &Path) -> ExitCode {
        println!("\n| what | seen |\n|---|---|");
        for (what, value) in &self.rows {
            println!("| {what} | {value} |");
        }
        println!();
        for (holds, what) in &self.conditions {
            println!("{} {what}", if *holds { "ok    " } else { "FAILED" });
        }
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
        match self.failures.is_empty() && self.conditions.iter().all(|(holds, _)| *holds) {
            true => ExitCode::SUCCESS,
            false => {
                println!("\nThe log of the webhook: {}", log.display());
                ExitCode::FAILURE
            }
        }
    }
}

/// Seconds, in milliseconds.
pub fn milliseconds(seconds: Option<f64>) -> String {
    seconds.map_or("-".to_owned(), |seconds| format!("{:.1} ms", seconds * 1_000.0))
}
