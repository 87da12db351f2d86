//! Measures Pullpass on a real node, from its own image and manifests: `make bench-node`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the fixtures of the tests end what they cannot do, and say why"
)]

#[path = "../common/mod.rs"]
mod common;
mod fixtures;
mod image;
mod installation;
mod memory;
mod options;
mod report;
mod round;
mod side_by_side;
mod work;

// The fixtures name each other by these.
use fixtures::{
    built, containerd, installed, kubelet, namespaces, node,
    of_cluster::{
        control_plane, docker_config, eventually, kubectl, oci_layout, pki, plain_http, ports,
        programs, registry, run_folder, supervised,
    },
};

use std::{sync::Arc, thread};

use anyhow::{Result, anyhow};

use crate::{
    common::{machine::Machine, results},
    image::Image,
    options::Options,
    report::{TITLE, section},
};

fn main() -> Result<()> {
    let options = Arc::new(Options::from_environment());
    pullpass::tls::install_provider();
    fixtures::machine::is_able();
    let machine = Machine::look();
    let image = Arc::new(Image::build()?);
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        eprintln!("round {number} of {}", options.rounds);
        let (options, image) = (Arc::clone(&options), Arc::clone(&image));
        // A thread enters the network of its node, and does not come back from there.
        let round = thread::spawn(move || round::run(&options, &image)).join();
        rounds.push(round.map_err(|_| anyhow!("round {number} failed, and said why"))??);
    }
    let section = section(&options, &machine, &image, &rounds);
    results::tell(&options.results, TITLE, &section)
}
