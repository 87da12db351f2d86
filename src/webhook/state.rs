//! What requests are answered with.

use crate::{
    cluster::{ObjectName, namespaces::Namespaces},
    config::{Config, Entry},
    server::BodyReader,
    telemetry::{Metrics, Throttle},
};
use arc_swap::ArcSwapOption;
use std::{sync::Arc, time::Instant};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::yield_now,
};

/// How many large bodies are decided on at once.
const MAX_LARGE_BODIES: usize = 2;

/// The configuration in force; none before the first good one.
#[derive(Debug, Default)]
pub struct ConfigSlot(ArcSwapOption<Config>);

impl ConfigSlot {
    /// The configuration in force.
    pub fn current(&self) -> Option<Arc<Config>> {
        self.0.load_full()
    }

    /// Puts a configuration in force for the requests to come, and further entries after those that are
    /// written.
    ///
    /// # Errors
    /// Why the two cannot be one.
    pub fn install(&self, written: &Arc<Config>, further: &[Entry]) -> Result<(), String> {
        let both = written.with(further).map_err(|error| error.to_string())?;
        self.0.store(Some(both));
        Ok(())
    }
}

/// What the handlers share. Nothing in it is locked on the request path.
#[derive(Debug)]
pub struct WebhookState {
    /// The configuration in force.
    pub config: Arc<ConfigSlot>,
    /// The ConfigMap that `/validate-config` watches over.
    pub config_map: ObjectName,
    /// What is known of namespaces.
    pub namespaces: Namespaces,
    /// Reads request bodies within their bounds.
    pub body: BodyReader,
    /// Places for deciding on a large body, whose decoded form may be many times its size.
    large_bodies: Semaphore,
    /// The one place for checking a configuration, which may take a while.
    pub(super) validation: Arc<Semaphore>,
    /// For warnings that anyone can cause.
    pub(super) warnings: Throttle,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl WebhookState {
    /// The state of a webhook that has answered nothing yet.
    pub fn new(
        config: Arc<ConfigSlot>,
        config_map: ObjectName,
        namespaces: Namespaces,
        body: BodyReader,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            config,
            config_map,
            namespaces,
            body,
            large_bodies: Semaphore::new(MAX_LARGE_BODIES),
            validation: Arc::new(Semaphore::new(1)),
            warnings: Throttle::new(Instant::now()),
            metrics,
        }
    }
    /// The turn of a large body. Nothing interrupts a decision, so whoever has the turn first lets all
    /// go ahead that are ready: many large bodies at once delay neither small reviews, nor handshakes,
    /// nor refusals by more than a turn.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // An error would mean that the places are closed, which they never are.
        let place = self.large_bodies.acquire().await.ok();
        yield_now().await;
        place
    }
}
