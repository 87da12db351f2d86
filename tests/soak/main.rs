//! An hour of a busy cluster in ten minutes, on a webhook that is changed all the time and badly treated;
//! then ten times the load that it can serve. `make soak` runs it. It fails if a condition does, and says which.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the fixtures of the tests end what they cannot do, and say why"
)]

mod account;
mod binary;
mod changes;
mod clients;
mod connection;
mod fixtures;
mod hostile;
mod options;
mod overload;
mod process;
mod report;
mod reviews;
mod site;
mod slow;
mod soak;

// The fixtures name each other by these.
use fixtures::{
    control_plane, eventually, kubectl, pki, plain_http, ports, programs, run_folder, statistics,
    supervised,
};

use std::{process::ExitCode, sync::Arc};

use anyhow::Result;

use crate::{options::Options, report::Report, site::Site};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::from_environment()?;
    pullpass::tls::install_provider();
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => binary::of_image()?,
    };
    let site = Arc::new(Site::start(&binary).await?);
    let mut report = Report::default();
    soak::run(&site, &options, &mut report).await?;
    overload::run(&site, &options, &mut report).await?;
    Ok(report.tell(&site.log_file()))
}
