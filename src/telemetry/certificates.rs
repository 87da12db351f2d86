//! Metrics of the certificates that the controller looks after.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::families::{Counters, Gauges, label};

label! {
    /// Which certificate.
    pub enum Certificate: "certificate" {
        /// That of the authority.
        Ca = "ca",
        /// The one that the webhook serves.
        Serving = "serving",
    }
}

label! {
    /// Which kind of webhook configuration.
    pub enum WebhookKind: "kind" {
        /// MutatingWebhookConfiguration
        Mutating = "mutating",
        /// ValidatingWebhookConfiguration
        Validating = "validating",
    }
}

/// Metrics of the certificates that the controller looks after.
#[derive(Debug)]
pub struct CertificateMetrics {
    /// When each expires, in seconds since 1970; 0 if that is not known.
    pub not_after: Gauges<Certificate>,
    /// Certificates issued.
    pub rotations: Counters<Certificate>,
    /// Rounds of looking after certificates that failed.
    pub failures: Counter,
    /// Webhook configurations whose caBundle was changed by something else and repaired.
    pub repairs: Counter,
    /// Webhooks that call us, whose caBundle is kept.
    pub published_webhooks: Gauges<WebhookKind>,
    /// When all was last found, or put, in order.
    pub last_success: Gauge,
}

impl CertificateMetrics {
    /// Registers every family.
    pub fn register(registry: &mut Registry) -> Self {
        let not_after = Gauges::register(
            registry,
            "managed_certificate_not_after_seconds",
            "When a certificate of the webhook expires, in seconds since 1970; 0 if not known",
        );
        let failures = Counter::default();
        registry.register(
            "certificate_failures",
            "Rounds of looking after certificates that failed",
            failures.clone(),
        );
        let repairs = Counter::default();
        registry.register(
            "ca_bundle_repairs",
            "Webhook configurations whose caBundle was changed by something else and repaired",
            repairs.clone(),
        );
        let published_webhooks = Gauges::register(
            registry,
            "published_webhooks",
            "Webhooks of our webhook configurations that call us; their caBundle is kept",
        );
        let last_success = Gauge::default();
        registry.register(
            "certificates_last_success_timestamp_seconds",
            "When the certificates were last found in order, in seconds since 1970; 0 if not yet",
            last_success.clone(),
        );
        let rotations =
            Counters::register(registry, "certificate_rotations", "Certificates issued");
        Self { not_after, rotations, failures, repairs, published_webhooks, last_success }
    }
}
