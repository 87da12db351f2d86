//! The controller: what looks after the webhook, one replica at a time.

pub mod certificates;
pub mod options;
pub mod process;

pub use options::{CertificateMode, CertificateOptions};

use crate::telemetry::Metrics;
use kube::Client;
use std::{sync::Arc, time::SystemTime};

/// What the leader does, until it is dropped with the end of its term.
pub async fn run(client: Client, options: CertificateOptions, metrics: Arc<Metrics>) {
    certificates::run(client, options, metrics, SystemTime::now).await;
}
