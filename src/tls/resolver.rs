//! The certificate in force, behind a pointer that handshakes read without a lock.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::load::{LoadError, LoadedCertificate, load};
use crate::telemetry::metrics::{Load, Metrics};

/// The certificate that handshakes are answered with; without one they are refused.
#[derive(Debug, Default)]
pub struct ServingCertificate {
    current: ArcSwapOption<CertifiedKey>,
}

impl ServingCertificate {
    /// Puts a certificate in force for the handshakes to come.
    pub fn install(&self, certificate: &LoadedCertificate) {
        self.current.store(Some(Arc::clone(&certificate.key)));
    }

    /// Whether there is a certificate.
    pub fn is_loaded(&self) -> bool {
        self.current.load().is_some()
    }

    /// Loads a pair and puts it in force. If it is refused the last good one stays; either way it is
    /// logged and counted.
    ///
    /// `origin` says in messages where the pair comes from, such as `Secret pullpass-tls`.
    ///
    /// # Errors
    /// Why the pair was refused.
    pub fn offer(
        &self,
        certificate_pem: &[u8],
        key_pem: &[u8],
        origin: &str,
        now: SystemTime,
        metrics: &Metrics,
    ) -> Result<LoadedCertificate, LoadError> {
        match load(certificate_pem, key_pem, now) {
            Ok(loaded) => {
                self.accept(&loaded, origin, metrics);
                Ok(loaded)
            }
            Err(error) => {
                self.refuse(&error, origin, metrics);
                Err(error)
            }
        }
    }

    /// Puts a loaded certificate in force, logs and counts it.
    pub fn accept(&self, loaded: &LoadedCertificate, origin: &str, metrics: &Metrics) {
        self.install(loaded);
        metrics.tls.loads.inc(Load::Loaded);
        metrics.tls.refused.set(0);
        metrics.tls.not_after.set(loaded.not_after);
        info!(origin, names = ?loaded.names, not_after = loaded.not_after, "serving certificate loaded");
    }

    /// Logs and counts that a certificate could not be had; what is in force stays so.
    pub fn refuse(&self, error: &dyn std::error::Error, origin: &str, metrics: &Metrics) {
        metrics.tls.loads.inc(Load::Refused);
        metrics.tls.refused.set(1);
        let in_force = if self.is_loaded() {
            "the last good one stays in force"
        } else {
            "there is none in force: handshakes are refused"
        };
        warn!(origin, %error, "serving certificate refused; {in_force}");
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load_full()
    }
}
