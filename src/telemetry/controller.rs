//! Metrics of the controller.

use super::families::{Counters, label};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

label! {
    /// How the leadership of this replica changed.
    pub enum Transition: "transition" {
        /// It leads.
        Acquired = "acquired",
        /// The Lease could not be renewed in time, or is another's.
        Lost = "lost",
        /// The process ends.
        Resigned = "resigned",
    }
}

label! {
    /// What was asked of the API server for the Lease.
    pub enum LeaseRequest: "request" {
        /// To see it.
        Get = "get",
        /// To create it or to take it over.
        Acquire = "acquire",
        /// To renew it.
        Renew = "renew",
        /// To give it up.
        Release = "release",
    }
}

/// Metrics of the controller.
#[derive(Debug)]
pub struct ControllerMetrics {
    /// 1 while this replica leads, else 0.
    pub leader: Gauge,
    /// Changes of the leadership of this replica.
    pub leader_transitions: Counters<Transition>,
    /// Requests for the Lease that failed; lost races are none.
    pub lease_failures: Counters<LeaseRequest>,
}

impl ControllerMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let leader = Gauge::default();
        registry.register("leader", "1 while this replica leads, else 0", leader.clone());
        Self {
            leader,
            leader_transitions: Counters::register(
                registry,
                "leader_transitions",
                "Changes of the leadership of this replica",
            ),
            lease_failures: Counters::register(
                registry,
                "lease_failures",
                "Requests for the Lease that failed",
            ),
        }
    }
}
