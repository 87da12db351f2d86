//! What every process of the program has: tasks, readiness, metrics, the admin listener, and its end.

use std::sync::Arc;

use axum::Router;
use futures::Stream;
use tracing::info;

use super::accept::Tls;
use super::admin::admin_router;
use super::listen::{Bound, Serving};
use super::liveness::Liveness;
use super::options::{Limits, ShutdownTimes};
use super::readiness::Readiness;
use super::shutdown::{Shutdown, shut_down_on};
use super::tasks::{TaskError, Tasks};
use crate::telemetry::metrics::Listener;
use crate::telemetry::{Component, Metrics};

/// The parts that every task of the process shares.
pub struct Process {
    /// The long tasks.
    pub tasks: Tasks,
    /// What must go on for the process to be alive.
    pub liveness: Liveness,
    /// What must be there before the process is ready.
    pub readiness: Readiness,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How far the process is on its way out.
    pub shutdown: Shutdown,
    times: ShutdownTimes,
}

impl Process {
    /// A process that does nothing yet.
    pub fn new(component: Component, times: ShutdownTimes) -> Self {
        Self {
            tasks: Tasks::new(),
            liveness: Liveness::new(),
            readiness: Readiness::new(),
            metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), component)),
            shutdown: Shutdown::new(),
            times,
        }
    }

    /// Answers admission reviews.
    pub fn serve_webhook(&mut self, bound: Bound, router: Router, tls: Tls, limits: Limits) {
        let serving = self.serving(Listener::Webhook, Some(tls), limits);
        self.tasks.spawn_draining("webhook", bound.serve(router, serving));
    }

    /// Answers probes and scrapes. To be called last, so that no probe sees readiness before all that
    /// it waits for is registered.
    pub fn serve_admin(&mut self, bound: Bound, limits: &Limits) {
        let (liveness, readiness) = (self.liveness.clone(), self.readiness.clone());
        let router = admin_router(liveness, readiness, Arc::clone(&self.metrics));
        let serving = self.serving(Listener::Admin, None, limits.for_admin());
        self.tasks.spawn_draining("admin", bound.serve(router, serving));
    }

    fn serving(&self, listener: Listener, tls: Option<Tls>, limits: Limits) -> Serving {
        Serving {
            listener,
            tls,
            limits,
            grace: self.times.grace,
            metrics: Arc::clone(&self.metrics),
            shutdown: self.shutdown.clone(),
        }
    }

    /// Runs until a signal ends it in good order.
    ///
    /// # Errors
    /// The first task that ended out of turn, or the second signal.
    pub async fn run(self, signals: impl Stream<Item = ()> + Unpin) -> Result<(), TaskError> {
        let Self { tasks, readiness, shutdown, times, .. } = self;
        let orderly = shut_down_on(signals, &shutdown, &readiness, times.delay);
        tasks.run_until(&shutdown, orderly).await?;
        info!("stopped");
        Ok(())
    }
}
