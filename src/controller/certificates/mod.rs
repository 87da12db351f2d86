//! The webhook's certificates: look, decide, act, and look again.
//!
//! The watches only wake this loop. What it decides on it reads anew each time, so that a stalled or
//! late watch can delay a step and never falsify one.

pub mod bundles;
mod error;
mod external;
mod keeper;
mod last_published;
mod repairs;
mod report;
pub mod secrets;
mod store;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::{CertificateMode, CertificateOptions};
use crate::cluster::ObjectName;
use crate::cluster::single::{self, Seen, reason_of};
use crate::telemetry::Metrics;
use keeper::Keeper;

/// How long the loop sleeps at most: what a watch did not tell is found by then.
const RESYNC: Duration = Duration::from_secs(30);
/// The first wait after a failure; it doubles.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// Between a change and the look at it: others may belong to it, and whoever makes many is not followed
/// at every one.
const SETTLE: Duration = Duration::from_millis(50);

/// Looks after the certificates until it is dropped.
pub async fn run(
    client: Client,
    options: CertificateOptions,
    metrics: Arc<Metrics>,
    clock: impl Fn() -> SystemTime,
) {
    match options.mode {
        CertificateMode::Managed => manage(client, options, metrics, clock).await,
        CertificateMode::External => external::report(client, options, metrics, clock).await,
    }
}

async fn manage(
    client: Client,
    options: CertificateOptions,
    metrics: Arc<Metrics>,
    clock: impl Fn() -> SystemTime,
) {
    let mut changes = pin!(changes(&client, &options));
    let mut keeper = Keeper::new(client, options, metrics);
    let mut retry = FIRST_RETRY;
    loop {
        let pause = match keeper.round(&clock).await {
            Ok(pause) => {
                retry = FIRST_RETRY;
                pause
            }
            Err(error) => {
                keeper.failed(&error).await;
                let pause = retry;
                retry = (retry * 2).min(RESYNC);
                pause
            }
        };
        if !pause.is_zero() {
            // Changes that come together are looked at together.
            if timeout(pause.min(RESYNC), changes.next()).await.is_ok() {
                sleep(SETTLE).await;
            }
        }
    }
}

/// One item a batch of changes of the four objects.
fn changes(client: &Client, options: &CertificateOptions) -> impl Stream<Item = ()> + use<> {
    let secret = |name: &str| {
        let name = ObjectName { namespace: options.namespace.as_str().into(), name: name.into() };
        single::watch::<PartialObjectMeta<Secret>>(client.clone(), &name)
    };
    let configuration = &options.webhook_configuration;
    let mutating = single::watch_cluster_scoped::<PartialObjectMeta<MutatingWebhookConfiguration>>(
        client.clone(),
        configuration,
    );
    let validating = single::watch_cluster_scoped::<
        PartialObjectMeta<ValidatingWebhookConfiguration>,
    >(client.clone(), configuration);
    stream::select_all([
        wakes(secret(&options.ca_secret)).boxed(),
        wakes(secret(&options.tls_secret)).boxed(),
        wakes(mutating).boxed(),
        wakes(validating).boxed(),
    ])
    .ready_chunks(64)
    .map(|_| ())
}

fn wakes<K>(seen: impl Stream<Item = Seen<K>> + Send) -> impl Stream<Item = ()> + Send
where
    K: Resource + DeserializeOwned,
{
    seen.filter_map(|seen| {
        let wake = match seen {
            Seen::Object(_) | Seen::Absent => Some(()),
            Seen::Failed(error) => {
                let reason = reason_of(&error);
                warn!("a watch of what certificates go by failed; trying again: {reason}");
                None
            }
        };
        std::future::ready(wake)
    })
}
