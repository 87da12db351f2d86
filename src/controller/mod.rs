//! The controller: what looks after the webhook, one replica at a time.

pub mod options;
pub mod process;

pub use options::{CertificateMode, CertificateOptions};

use crate::telemetry::Metrics;
use kube::Client;
use std::sync::Arc;

/// What the leader does, until it is dropped with the end of its term.
pub async fn run(_client: Client, _options: CertificateOptions, _metrics: Arc<Metrics>) {
    std::future::pending::<()>().await;
}
