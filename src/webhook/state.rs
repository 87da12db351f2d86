//! What requests are answered with.

use crate::{
    cluster::namespaces::Namespaces, config::Config, server::BodyReader, telemetry::Metrics,
};
use arc_swap::ArcSwapOption;
use std::sync::Arc;

/// The configuration in force; none before the first good one.
#[derive(Debug, Default)]
pub struct ConfigSlot(ArcSwapOption<Config>);

impl ConfigSlot {
    /// The configuration in force.
    pub fn current(&self) -> Option<Arc<Config>> {
        self.0.load_full()
    }

    /// Puts a configuration in force, for the requests to come.
    pub fn install(&self, config: Config) {
        self.0.store(Some(Arc::new(config)));
    }
}

/// What the handlers share. Nothing in it is locked on the request path.
#[derive(Debug)]
pub struct WebhookState {
    /// The configuration in force.
    pub config: Arc<ConfigSlot>,
    /// The ConfigMap that `/validate-config` watches over.
    pub config_map: ConfigMapName,
    /// What is known of namespaces.
    pub namespaces: Namespaces,
    /// Reads request bodies within their bounds.
    pub body: BodyReader,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The namespace and name of the ConfigMap that holds the configuration.
pub type ConfigMapName = crate::cluster::ObjectName;
