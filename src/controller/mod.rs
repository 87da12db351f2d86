//! The controller: what looks after the webhook, one replica at a time.

pub mod certificates;
mod contest;
pub mod copies;
pub mod credentials;
pub mod options;
pub mod process;
mod relisted;
pub mod request;
mod told;

pub use copies::{CopyMode, CopyOptions, SHARED_GRACE};
pub use options::{CertificateMode, CertificateOptions};

use crate::{server::Liveness, telemetry::Metrics, tokens::Tokens};
use kube::Client;
use std::{sync::Arc, time::SystemTime};

/// What the leader does, until it is dropped with the end of its term.
pub async fn run(
    client: Client,
    certificates: CertificateOptions,
    (copies, tokens): (Option<CopyOptions>, Tokens),
    metrics: Arc<Metrics>,
    liveness: Liveness,
) {
    let certificates =
        certificates::run(client.clone(), certificates, Arc::clone(&metrics), SystemTime::now);
    match copies {
        Some(copies) => {
            let observed = (Arc::clone(&metrics), liveness.clone());
            let clock = SystemTime::now;
            let credentials =
                credentials::run(client.clone(), copies.clone(), tokens, clock, observed);
            tokio::join!(certificates, credentials, copies::run(client, copies, metrics, liveness));
        }
        None => certificates.await,
    }
}
