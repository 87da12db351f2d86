//! Metrics of what the webhook is for: AdmissionReviews, and the configuration behind them.

use super::families::{Counters, Latencies, label};
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::{sync::atomic::AtomicU64, time::Duration};

label! {
    /// How an AdmissionReview of a Pod was answered.
    pub enum Review: "outcome" {
        /// Pull secrets were added.
        Patched = "patched",
        /// Nothing was due.
        Unchanged = "unchanged",
        /// The Pod or its namespace is left alone: opted out, not opted in, or a mirror Pod.
        Skipped = "skipped",
        /// Observe mode: pull secrets would have been added.
        Observed = "observed",
        /// Another kind or operation: allowed as it was.
        NotAPod = "not_a_pod",
        /// It could not be read.
        Refused = "refused",
        /// There was no configuration in force yet.
        NotReady = "not_ready",
    }
}

label! {
    /// How the labels of a namespace were looked up.
    pub enum NamespaceLookup: "result" {
        /// The watch had seen it.
        Watched = "watched",
        /// It was fetched.
        Fetched = "fetched",
        /// It could not be fetched in time.
        Failed = "failed",
        /// Too many fetches were under way.
        Shed = "shed",
    }
}

label! {
    /// Which watch of the API server.
    pub enum Watch: "watch" {
        /// Of the ConfigMap.
        Configuration = "configuration",
        /// Of the Secret with the serving certificate.
        Certificate = "certificate",
        /// Of our Mutating- and ValidatingWebhookConfiguration.
        WebhookConfigurations = "webhook_configurations",
        /// Of Namespaces.
        Namespaces = "namespaces",
    }
}

label! {
    /// What became of a version of the configuration.
    pub enum ConfigLoad: "result" {
        /// It is in force.
        Applied = "applied",
        /// It was refused, or could not be had.
        Refused = "refused",
    }
}

/// Upper bounds of the time from the head of a review to its answer.
const BOUNDS: &[Duration] = &[
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

/// Metrics of AdmissionReviews.
#[derive(Debug)]
pub struct AdmissionMetrics {
    /// Reviews of Pods, by how they were answered.
    pub reviews: Counters<Review>,
    /// From the head of a review, its body still to come, to its answer.
    pub review_duration: Latencies,
    /// Look-ups of the labels of a namespace.
    pub namespace_lookups: Counters<NamespaceLookup>,
    /// Pods for which an entry did not apply because labels were not known.
    pub labels_missing: Counter,
    /// Failures of watches, each of which is tried again.
    pub watch_errors: Counters<Watch>,
}

impl AdmissionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let labels_missing = Counter::default();
        registry.register(
            "labels_missing",
            "Pods for which an entry did not apply because the labels of the namespace were not known",
            labels_missing.clone(),
        );
        Self {
            reviews: Counters::register(registry, "reviews", "Reviews of Pods, by outcome"),
            review_duration: Latencies::register(
                registry,
                "review_duration_seconds",
                "From the head of a review to its answer",
                BOUNDS,
            ),
            namespace_lookups: Counters::register(
                registry,
                "namespace_lookups",
                "Look-ups of the labels of a namespace",
            ),
            labels_missing,
            watch_errors: Counters::register(
                registry,
                "watch_errors",
                "Failures of watches of the API server",
            ),
        }
    }
}

/// Metrics of the configuration.
#[derive(Debug)]
pub struct ConfigMetrics {
    /// Versions offered, by what became of them.
    pub loads: Counters<ConfigLoad>,
    /// 1 if the newest version was refused or could not be had, else 0.
    pub refused: Gauge,
    /// Written entries in force.
    pub entries: Gauge,
    /// Entries in force that stand for Secrets shared by label.
    pub shared: Gauge,
    /// 1 if what is shared by label was refused or could not be had, else 0.
    pub shared_refused: Gauge,
    /// When the configuration in force was applied, in seconds since 1970; 0 without one.
    pub applied_at: Gauge<u64, AtomicU64>,
}

impl ConfigMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let (refused, entries, applied_at) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register(
            "config_refused",
            "1 if the newest version of the configuration was refused or could not be had, else 0",
            Gauge::clone(&refused),
        );
        registry.register("config_entries", "Written entries in force", Gauge::clone(&entries));
        let (shared, shared_refused) = (Gauge::default(), Gauge::default());
        let help = "Entries in force that stand for Secrets shared by label";
        registry.register("shared_entries", help, Gauge::clone(&shared));
        let help = "1 if what is shared by label was refused or could not be had, else 0";
        registry.register("shared_refused", help, Gauge::clone(&shared_refused));
        registry.register(
            "config_applied_timestamp_seconds",
            "When the configuration in force was applied, in seconds since 1970; 0 without one",
            Gauge::<u64, AtomicU64>::clone(&applied_at),
        );
        let loads = Counters::register(
            registry,
            "config_loads",
            "Versions of the configuration offered, by result",
        );
        Self { loads, refused, entries, shared, shared_refused, applied_at }
    }
}
