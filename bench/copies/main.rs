//! Measures what the controller's copies cost, on a real etcd and kube-apiserver: `make bench-copies`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the fixtures of the tests end what they cannot do, and say why"
)]

mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod controller;
mod fixtures;
mod observer;
mod options;
mod report;
mod requests;
mod stages;

// The fixtures name each other by these.
use fixtures::{
    audit, control_plane, eventually, kubectl, pki, plain_http, ports, programs, run_folder,
    supervised,
};

use anyhow::Result;

use crate::{
    common::{machine::Machine, results},
    options::Options,
    report::{Figures, TITLE, section},
    stages::Bench,
};

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::from_environment()?;
    pullpass::tls::install_provider();
    let machine = Machine::look();
    let mut bench = Bench::start(&options).await?;
    let versions = bench.versions().await?;
    let mut figures = Figures::default();
    for (stage, &namespaces) in options.sizes.iter().enumerate() {
        bench.grow_to(namespaces, &mut figures).await?;
        bench.restarts(if stage == 0 { options.restarts } else { 1 }, &mut figures).await?;
        if stage <= 1 {
            let rotations = if stage == 0 { options.rotations } else { 1 };
            bench.rotations(rotations, &mut figures).await?;
        }
        if stage == 1 {
            bench.newcomers_during_rotation(&mut figures).await?;
        }
        if stage == 0 {
            bench.newcomers(&options, &mut figures).await?;
            bench.bystanders(options.bystanders, &mut figures).await?;
            bench.newcomers(&options, &mut figures).await?;
        }
    }
    bench.end().await?;
    let section = section(&options.command, &machine, &versions, &figures);
    results::tell(&options.results, TITLE, &section)
}
