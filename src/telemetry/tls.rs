//! Metrics of certificates: the one that is served, and those of clients.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::families::{Counters, label};

label! {
    /// How an attempt to load a certificate ended.
    pub enum Load: "result" {
        /// It is in force.
        Loaded = "loaded",
        /// It was refused; the last good one stays in force.
        Refused = "refused",
    }
}

/// Metrics of the serving certificate and of the authorities of client certificates.
#[derive(Debug)]
pub struct TlsMetrics {
    /// When the certificate in force expires, in seconds since 1970; 0 without one.
    pub not_after: Gauge<u64, AtomicU64>,
    /// 1 if the newest certificate was refused, passed over or could not be had, else 0.
    pub refused: Gauge,
    /// Certificates offered, by what became of them.
    pub loads: Counters<Load>,
    /// Whether the published caBundles verify the certificate in force.
    pub verified: OptionalFlag,
    /// 1 if the newest authorities of client certificates were refused or could not be had, else 0.
    pub client_ca_refused: Gauge,
    /// Authorities of client certificates offered, by what became of them.
    pub client_ca_loads: Counters<Load>,
}

impl TlsMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let not_after = Gauge::default();
        registry.register(
            "certificate_not_after_seconds",
            "When the serving certificate expires, in seconds since 1970; 0 without one",
            not_after.clone(),
        );
        let refused = Gauge::default();
        registry.register(
            "certificate_refused",
            "1 if the newest serving certificate was refused, passed over or could not be had, else 0",
            refused.clone(),
        );
        let verified = OptionalFlag::default();
        registry.register(
            "certificate_verified",
            "1 if the published caBundles verify the serving certificate, else 0; only with --webhook-configuration",
            verified.clone(),
        );
        let client_ca_refused = Gauge::default();
        registry.register(
            "client_ca_refused",
            "1 if the newest file of --client-ca was refused or could not be had, else 0",
            client_ca_refused.clone(),
        );
        Self {
            not_after,
            refused,
            loads: Counters::register(
                registry,
                "certificate_loads",
                "Serving certificates offered, by result",
            ),
            verified,
            client_ca_refused,
            client_ca_loads: Counters::register(
                registry,
                "client_ca_loads",
                "Files of --client-ca offered, by result",
            ),
        }
    }
}

/// 1 or 0, and not exposed before it is set.
#[derive(Clone, Debug)]
pub struct OptionalFlag(Arc<AtomicI64>);

/// Stands for a flag that is not set.
const UNSET: i64 = -1;

impl Default for OptionalFlag {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNSET)))
    }
}

impl OptionalFlag {
    /// Sets it.
    pub fn set(&self, value: bool) {
        self.0.store(value.into(), Ordering::Relaxed);
    }

    /// What it is set to, if it is.
    pub fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            UNSET => None,
            value => Some(value == 1),
        }
    }
}

impl EncodeMetric for OptionalFlag {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        match self.get() {
            Some(value) => encoder.encode_gauge(&i64::from(value)),
            None => Ok(()),
        }
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text;

    #[test]
    fn a_flag_is_exposed_once_it_is_set() {
        let mut registry = Registry::default();
        let flag = OptionalFlag::default();
        registry.register("flag", "A flag", flag.clone());
        let exposed = || {
            let mut text = String::new();
            text::encode(&mut text, &registry).unwrap();
            text
        };
        assert!(!exposed().contains("\nflag "), "{}", exposed());
        for (value, line) in [(true, "\nflag 1\n"), (false, "\nflag 0\n")] {
            flag.set(value);
            assert!(exposed().contains(line), "{}", exposed());
        }
    }
}
