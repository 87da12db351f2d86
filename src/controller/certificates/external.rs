//! Somebody else issues the certificates: nothing is written, only their expiry is told.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use tokio::time::timeout;

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
    // Nothing is known before the first answer.
    let mut known: Option<Option<Secret>> = None;
    loop {
        match timeout(INTERVAL, seen.next()).await {
            Ok(Some(Seen::Object(object))) => known = Some(Some(object)),
            Ok(Some(Seen::Absent)) => known = Some(None),
            Ok(Some(Seen::Failed(error))) => {
                report.unread(&name, &reason_of(&error));
                continue;
            }
            Ok(None) => return,
            Err(_) => {}
        }
        let Some(secret) = &known else { continue };
        let serving = read_serving(secret.as_ref(), clock());
        let good = serving.good();
        report.expiry(Certificate::Serving, good.and_then(|serving| serving.chain.first()));
        report.expiry(Certificate::Ca, good.and_then(|serving| serving.authorities.iter().next()));
        match serving {
            Found::Good(serving) => report.in_order(serving.renew, clock()),
            Found::Absent => report.unusable("it does not exist").await,
            Found::Broken(reason) => report.unusable(&reason).await,
        }
    }
}
