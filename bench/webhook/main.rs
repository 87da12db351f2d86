//! Measures what the webhook costs, beside others that do the same: `make bench`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the fixtures of the tests end what they cannot do, and say why"
)]

mod answers;
mod asked;
mod axes;
mod base;
mod bench;
mod charts;
mod client;
#[allow(dead_code, reason = "the other benches need more of it")]
#[path = "../common/mod.rs"]
mod common;
mod cost;
mod cpu;
mod figures;
mod fixtures;
mod fixtures_of_cluster;
mod latency;
mod load;
mod members;
mod memory;
mod oha;
mod options;
mod reloads;
mod report;
mod server;
mod startup;
mod svg;
mod tables;
mod targets;

// The fixtures name each other by these.
use fixtures_of_cluster::{
    control_plane, eventually, pki, plain_http, ports, programs, run_folder, supervised,
};

use std::{path::Path, thread};

use anyhow::{Result, ensure};

use crate::{
    bench::Bench,
    common::{machine::Machine, results},
    figures::Figures,
    options::Options,
    report::{TITLE, section},
};

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::from_environment()?;
    let processors = thread::available_parallelism()?.get();
    ensure!(
        processors >= 2,
        "the server has one processor and the load another: there must be two"
    );
    pullpass::tls::install_provider();
    let machine = Machine::look();
    let bench = Bench::new(options)?;
    let figures = Figures::measure(&bench).await;
    let results = &bench.options.results;
    let charts = results.parent().unwrap_or(Path::new(".")).join("charts");
    let charts = charts::draw(&figures, &charts)?;
    let section = section(&bench, &machine, &figures, &charts)?;
    results::tell(results, TITLE, &section)?;
    let failed = figures.failed();
    ensure!(failed.is_empty(), "these have no figures: {}", failed.join("; "));
    Ok(())
}
