//! Which serving certificate is in force: the last good one.

use super::{files::FollowError, load::LoadedCertificate, resolver::ServingCertificate};
use crate::{
    server::ReadyHandle,
    telemetry::{Metrics, metrics::Watch},
};
use std::{sync::Arc, time::SystemTime};
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

    /// Takes a pair in PEM. Only the certificate is compared with what is in force: a new key
    /// comes with a new certificate, and no key is kept beyond this call.
    pub fn offer(&mut self, origin: &str, certificate_pem: &[u8], key_pem: &[u8]) {
        if matches!(&self.last, Some(Offered::Loaded(seen)) if seen == certificate_pem) {
            return;
        }
        let now = SystemTime::now();
        self.last =
            match self.certificate.offer(certificate_pem, key_pem, origin, now, &self.metrics) {
                Ok(_) => {
                    self.ready.ready();
                    Some(Offered::Loaded(certificate_pem.to_vec()))
                }
                Err(error) => {
                    self.not_ready(origin, &error.to_string());
                    None
                }
            };
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

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Absent<'a>(&'a str);
