//! Metrics of the copies of pull secrets.

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use prometheus_client::registry::Registry;

use super::families::{Counters, Gauges, label};

label! {
    /// What is the matter with a copy.
    pub enum CopyState: "state" {
        /// An entry's grant asks for it.
        Wanted = "wanted",
        /// It is wanted, and as it should be.
        InPlace = "in_place",
        /// It is wanted, and a Secret that is not ours has the name.
        Foreign = "foreign",
        /// It is wanted, and its source cannot be used.
        WithoutSource = "without_source",
        /// It is no longer wanted, and was left.
        Retained = "retained",
        /// It is being deleted, and a finalizer of somebody else holds it.
        Terminating = "terminating",
        /// The last request for it failed.
        Failed = "failed",
        /// Something else keeps undoing it.
        Contested = "contested",
    }
}

label! {
    /// What was written.
    pub enum CopyWrite: "write" {
        /// A copy was made.
        Created = "created",
        /// A copy was put right, in place.
        Updated = "updated",
        /// A copy was deleted.
        Deleted = "deleted",
    }
}

label! {
    /// What is watched.
    pub enum CopyWatch: "watch" {
        /// The ConfigMap of the configuration.
        Configuration = "configuration",
        /// The ConfigMap in which the webhook finds what is shared by label.
        Shared = "shared",
        /// Namespaces.
        Namespaces = "namespaces",
        /// Secrets of our own namespace.
        Sources = "sources",
        /// Secrets under the label of copies.
        Copies = "copies",
    }
}

/// Metrics of the copies of pull secrets.
#[derive(Debug)]
pub struct CopyMetrics {
    /// How many there are.
    pub copies: Gauges<CopyState>,
    /// What was written.
    pub writes: Counters<CopyWrite>,
    /// Attempts that failed; each is tried again.
    pub failures: Counter,
    /// Watches that failed; each is tried again.
    pub watch_errors: Counter,
    /// When each watch was told something last, in seconds since 1970; 0 on a replica that is not active.
    pub watch_progress: Gauges<CopyWatch>,
    /// What is wrong with sources.
    pub source_findings: Gauge,
    /// For how long the oldest one that is due has been due, in seconds.
    pub lag: Gauge,
    /// When nothing was left to do, in seconds since 1970; 0 if not yet.
    pub last_success: Gauge,
}

impl CopyMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let failures = Counter::default();
        let help = "Attempts to bring a copy into place that failed";
        registry.register("copy_failures", help, failures.clone());
        let watch_errors = Counter::default();
        let help = "Watches of what copies go by that failed";
        registry.register("copy_watch_errors", help, watch_errors.clone());
        let source_findings = Gauge::default();
        let help =
            "Sources that are missing or cannot be used, and patterns that they do not cover";
        registry.register("source_findings", help, source_findings.clone());
        let lag = Gauge::default();
        let help = "For how long the oldest copy that is due has been due";
        registry.register("copy_lag_seconds", help, lag.clone());
        let last_success = Gauge::default();
        let help = "When nothing was left to do, in seconds since 1970; 0 if not yet";
        registry.register("copies_last_success_timestamp_seconds", help, last_success.clone());
        Self {
            copies: Gauges::register(registry, "copies", "Copies of pull secrets"),
            writes: Counters::register(registry, "copy_writes", "Copies that were written"),
            failures,
            watch_errors,
            watch_progress: Gauges::register(
                registry,
                "copy_watch_progress_timestamp_seconds",
                "When a watch of what copies go by was told something last, in seconds since 1970; 0 without one",
            ),
            source_findings,
            lag,
            last_success,
        }
    }
}
