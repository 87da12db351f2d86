//! Which serving certificate is in force: the last good one.

use crate::{
    cluster::{
        ObjectName,
        single::{self, Seen},
    },
    server::ReadyHandle,
    telemetry::{Metrics, metrics::Watch},
    tls::{LoadError, LoadedCertificate, ServingCertificate, files::FollowError, load},
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use std::{pin::pin, sync::Arc, time::SystemTime};
use tracing::warn;

/// Takes each version of the certificate, and keeps the last good one.
pub struct CertificateKeeper {
    certificate: Arc<ServingCertificate>,
    ready: ReadyHandle,
    metrics: Arc<Metrics>,
    last: Option<Offered>,
}

/// What was offered last, so that the same is not reported twice.
#[derive(PartialEq, Eq)]
enum Offered {
    Loaded(Vec<u8>),
    Refused(LoadError),
    Absent(String),
}

impl CertificateKeeper {
    /// A keeper of this certificate. Readiness waits for the first good one.
    pub fn new(
        certificate: Arc<ServingCertificate>,
        ready: ReadyHandle,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { certificate, ready, metrics, last: None }
    }

    /// Takes a pair in PEM. What is in force is told by its certificate: a new key comes with a new
    /// certificate, and no key is kept beyond this call.
    pub fn offer(&mut self, origin: &str, certificate_pem: &[u8], key_pem: &[u8]) {
        let outcome = load(certificate_pem, key_pem, SystemTime::now());
        let offered = match &outcome {
            Ok(_) => Offered::Loaded(certificate_pem.to_vec()),
            Err(error) => Offered::Refused(error.clone()),
        };
        if self.last.as_ref() != Some(&offered) {
            self.last = Some(offered);
            self.apply(origin, outcome.map_err(FollowError::from));
        }
    }

    /// There is nothing to take. What is in force stays.
    pub fn absent(&mut self, origin: &str, reason: &str) {
        let offered = Some(Offered::Absent(reason.to_owned()));
        if self.last != offered {
            self.certificate.refuse(&Absent(reason), origin, &self.metrics);
            self.not_ready(origin, reason);
            self.last = offered;
        }
    }

    /// The watch failed and is tried again. What is in force stays.
    pub fn watch_failed(&self, origin: &str, reason: &str) {
        self.metrics.admission.watch_errors.inc(Watch::Certificate);
        warn!(origin, "the watch of the serving certificate failed; trying again: {reason}");
        self.not_ready(origin, reason);
    }

    /// Takes what the files gave.
    pub fn apply(&mut self, origin: &str, outcome: Result<LoadedCertificate, FollowError>) {
        match outcome {
            Ok(loaded) => {
                self.certificate.accept(&loaded, origin, &self.metrics);
                self.ready.ready();
            }
            Err(error) => {
                self.certificate.refuse(&error, origin, &self.metrics);
                self.not_ready(origin, &error.to_string());
            }
        }
    }

    fn not_ready(&self, origin: &str, reason: &str) {
        if !self.certificate.is_loaded() {
            self.ready.not_ready(format!("{origin}: {reason}"));
        }
    }
}

/// Keeps the serving certificate as the Secret has it, for ever.
pub async fn follow_secret(client: Client, name: ObjectName, mut keeper: CertificateKeeper) {
    let origin = format!("Secret {name}");
    let mut seen = pin!(single::watch::<Secret>(client, &name));
    while let Some(seen) = seen.next().await {
        match seen {
            Seen::Object(object) => {
                let bytes = |key| {
                    let value = object.data.as_ref().and_then(|data| data.get(key));
                    value.map_or(&[][..], |bytes| &bytes.0)
                };
                keeper.offer(&origin, bytes("tls.crt"), bytes("tls.key"));
            }
            Seen::Absent => keeper.absent(&origin, "it does not exist; create it"),
            Seen::Failed(error) => keeper.watch_failed(&origin, &single::reason_of(&error)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Absent<'a>(&'a str);
