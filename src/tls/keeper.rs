//! Which serving certificate is in force: the last good one.

use super::{
    files::FollowError,
    load::{LoadError, LoadedCertificate, load},
    resolver::ServingCertificate,
};
use crate::{server::ReadyHandle, telemetry::Metrics};
use std::{sync::Arc, time::SystemTime};

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
