//! Somebody else issues the certificates: nothing is written, only their expiry is told.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use tokio::time::timeout;
use tracing::warn;

use super::report::Report;
use super::secrets::read_serving;
use crate::cluster::ObjectName;
use crate::cluster::single::{self, Seen, reason_of};
use crate::controller::CertificateOptions;
use crate::pki::rotation::Found;
use crate::telemetry::Metrics;
use crate::telemetry::certificates::Certificate;

/// How often the certificate is judged anew while its Secret does not change.
const INTERVAL: Duration = Duration::from_secs(60);

/// Reports the expiry of the serving certificate, and of the authority beside it, for ever.
pub async fn report(
    client: Client,
    options: CertificateOptions,
    metrics: Arc<Metrics>,
    clock: impl Fn() -> SystemTime,
) {
    let mut report = Report::new(client.clone(), &options, metrics);
    let name = ObjectName {
        namespace: options.namespace.as_str().into(),
        name: options.tls_secret.as_str().into(),
    };
    let mut seen = pin!(single::watch::<Secret>(client, &name));
    let mut secret = None;
    loop {
        match timeout(INTERVAL, seen.next()).await {
            Ok(Some(Seen::Object(object))) => secret = Some(object),
            Ok(Some(Seen::Absent)) => secret = None,
            Ok(Some(Seen::Failed(error))) => {
                warn!("the watch of the Secret {name} failed; trying again: {}", reason_of(&error));
                continue;
            }
            Ok(None) => return,
            Err(_) => {}
        }
        let serving = read_serving(secret.as_ref(), clock());
        let good = serving.good();
        report.expiry(Certificate::Serving, good.and_then(|serving| serving.chain.first()));
        report.expiry(Certificate::Ca, good.and_then(|serving| serving.authorities.iter().next()));
        match serving {
            Found::Good(_) => report.in_order(clock()),
            Found::Absent => report.unusable("it does not exist").await,
            Found::Broken(reason) => report.unusable(&reason).await,
        }
    }
}
