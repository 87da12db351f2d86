//! `pullpass import`: what a team has today, as entries and Secrets to apply. Nothing is written to a
//! cluster.

mod cluster;
mod docker_config;
mod grants;
mod labelled;
mod live;
mod report;
mod secrets;

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use std::process::ExitCode;

/// Print the entries and Secrets that take over the pull secrets of today.
///
/// It says what it left out, and why. No cluster is changed. The contents of Secrets are written with
/// --out DIR alone, or shown with --show-secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass import docker-config ~/.docker/config.json --names 'team-*'
  pullpass import secrets gitlab,docker-hub --namespace reana --names 'reana-*'
  pullpass import labelled run.ai/cluster-wide=true --namespace runai --names 'runai-*'
  pullpass import cluster --out pullpass-import")]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    DockerConfig(docker_config::FromDockerConfig),
    Secrets(secrets::FromSecrets),
    Labelled(labelled::FromLabelled),
    Cluster(cluster::FromCluster),
}

impl Import {
    /// Exit code 0 if there is something to apply, 1 if not.
    pub fn run(&self) -> Result<ExitCode> {
        match &self.from {
            From::DockerConfig(from) => from.run(),
            From::Secrets(from) => from.run(),
            From::Labelled(from) => from.run(),
            From::Cluster(from) => from.run(),
        }
    }
}

/// The present, in seconds since 1970.
fn now() -> i64 {
    Timestamp::now().as_second()
}
