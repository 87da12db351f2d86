//! What `pullpass webhook` and `pullpass controller` are both told.

use crate::{
    server::parse_duration,
    telemetry::{self, logs::LogFormat},
};
use anyhow::Context as _;
use clap::Args;
use std::{io, net::SocketAddr, path::PathBuf, time::Duration};
use tracing::warn;

#[derive(Debug, Args)]
#[group(skip)]
pub struct ProcessArgs {
    /// The kubeconfig of the cluster [default: the Pod's ServiceAccount; where a cluster is needed also KUBECONFIG]
    #[arg(long, value_name = "FILE", env = "PULLPASS_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Where /livez, /readyz and /metrics are answered, over plain HTTP
    #[arg(
        long,
        value_name = "ADDR",
        env = "PULLPASS_ADMIN_LISTEN",
        default_value = "0.0.0.0:8080"
    )]
    pub admin_listen: SocketAddr,
    /// What is logged: error, warn, info, debug, trace, or directives such as pullpass=debug
    #[arg(long, value_name = "LEVEL", env = "PULLPASS_LOG_LEVEL", default_value = "info")]
    log_level: String,
    /// How log lines are written
    #[arg(
        long,
        value_name = "FORMAT",
        env = "PULLPASS_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    log_format: LogFormat,
    /// At the end: the time for requests in flight to finish
    #[arg(long, env = "PULLPASS_SHUTDOWN_GRACE", value_parser = parse_duration, default_value = "20s")]
    pub shutdown_grace: Duration,
}

/// What the logs of a process are to be.
#[derive(Debug)]
pub struct Logging {
    level: String,
    format: LogFormat,
}

impl ProcessArgs {
    pub fn logging(&self) -> Logging {
        Logging { level: self.log_level.clone(), format: self.log_format }
    }
}

/// Starts the logs, then runs a process to its end.
pub fn run(
    logging: &Logging,
    process: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    telemetry::logs::start(&logging.level, logging.format)?;
    if let Err(error) = keep_memory_private() {
        warn!(%error, "failed to keep this process out of core dumps; set `ulimit -c 0`");
    }
    let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
    runtime.block_on(process)
}

/// In the memory are the pull secrets and the private key: the kernel then writes it into no core dump, and
/// shows it to no other process of the same user.
#[cfg(target_os = "linux")]
fn keep_memory_private() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn keep_memory_private() -> io::Result<()> {
    Ok(())
}
