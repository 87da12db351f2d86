//! Metrics of the credentials of entries.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::families::{Gauges, label};

label! {
    /// What is the matter with the credential of an entry.
    pub enum CredentialState: "state" {
        /// The controller makes it.
        Wanted = "wanted",
        /// It cannot be made.
        Broken = "broken",
        /// A Secret that is not ours has the name of the one that it would be in.
        Foreign = "foreign",
    }
}

/// Metrics of the credentials of entries.
#[derive(Debug)]
pub struct CredentialMetrics {
    /// How many there are.
    pub credentials: Gauges<CredentialState>,
    /// Requests and watches that failed; each is tried again.
    pub failures: Counter,
}

impl CredentialMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let failures = Counter::default();
        let help = "Requests and watches for the credentials of entries that failed";
        registry.register("credential_failures", help, failures.clone());
        let help = "Credentials of entries that the controller makes";
        Self { credentials: Gauges::register(registry, "credentials", help), failures }
    }
}
