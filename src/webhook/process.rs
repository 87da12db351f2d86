//! The webhook's process: what is started, and in which order.

use super::{
    ConfigSlot, WebhookState,
    configuration::{self, ConfigKeeper},
    router,
    tls::{self, TlsOptions},
};
use crate::{
    cluster::{
        self, ObjectName,
        namespaces::{NamespaceStore, Namespaces},
    },
    server::{
        BodyReader, Bound, Limits, Readiness, Serving, Shutdown, ShutdownTimes, Tasks, accept::Tls,
        admin_router, os_signals, shut_down_on,
    },
    telemetry::{Metrics, metrics::Listener},
};
use anyhow::{Context as _, bail};
use kube::Client;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tracing::{info, warn};

/// What the webhook is to do, checked.
#[derive(Debug)]
pub struct Options {
    /// Where the configuration comes from.
    pub configuration: ConfigOrigin,
    /// The serving certificate, and which clients may connect.
    pub tls: TlsOptions,
    /// The kubeconfig of the cluster, if not the environment's.
    pub kubeconfig: Option<PathBuf>,
    /// Where AdmissionReviews are answered.
    pub listen: SocketAddr,
    /// Where the admin endpoints are answered.
    pub admin_listen: SocketAddr,
    /// The limits of the listeners.
    pub limits: Limits,
    /// The times of an orderly end.
    pub shutdown: ShutdownTimes,
}

/// Where the configuration comes from.
#[derive(Debug)]
pub enum ConfigOrigin {
    /// A file, which is followed.
    File(PathBuf),
    /// A ConfigMap, which is watched.
    ConfigMap(ObjectName),
}

/// Runs the webhook until a signal ends it: bind and load first, ready after.
///
/// # Errors
/// What could not be started, or which task ended out of turn.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    crate::tls::install_provider();
    let signals = os_signals().context("failed to install the signal handlers")?;
    let bound = Bound::bind(options.listen).await?;
    let admin = Bound::bind(options.admin_listen).await?;
    let client = connect(&options).await?;
    let mut process = Process {
        tasks: Tasks::new(),
        readiness: Readiness::new(),
        metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))),
        shutdown: Shutdown::new(),
        limits: options.limits,
        times: options.shutdown,
    };
    let tls = process.start_tls(options.tls, client.as_ref())?;
    let namespaces = process.watch_namespaces(client.as_ref());
    let state = process.follow_configuration(options.configuration, client, namespaces)?;
    process.serve_webhook(bound, tls, state);
    // Last, so that no probe sees readiness before all that it waits for is registered.
    process.serve_admin(admin);
    let Process { tasks, readiness, shutdown, times, .. } = process;
    let orderly = shut_down_on(signals, &shutdown, &readiness, times.delay);
    tasks.run_until(&shutdown, orderly).await?;
    info!("stopped");
    Ok(())
}

/// A client if one is asked for, or if this process runs in a Pod that has a ServiceAccount; a
/// trial needs no cluster.
async fn connect(options: &Options) -> anyhow::Result<Option<Client>> {
    let is_wanted = options.kubeconfig.is_some()
        || matches!(options.configuration, ConfigOrigin::ConfigMap(_))
        || options.tls.needs_cluster();
    if is_wanted {
        return Ok(Some(cluster::client::connect(options.kubeconfig.as_deref()).await?));
    }
    if !cluster::client::is_in_cluster() {
        return Ok(None);
    }
    let client = cluster::client::connect(None).await;
    Ok(client.inspect_err(|error| warn!(%error, "going on without the cluster")).ok())
}

/// The parts that every task of the process shares.
struct Process {
    tasks: Tasks,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    limits: Limits,
    times: ShutdownTimes,
}

impl Process {
    fn serve_admin(&mut self, admin: Bound) {
        let router = admin_router(self.readiness.clone(), Arc::clone(&self.metrics));
        let serving = self.serving(Listener::Admin, None, self.limits.for_admin());
        self.tasks.spawn_listener("admin", admin.serve(router, serving));
    }

    fn serve_webhook(&mut self, bound: Bound, tls: Tls, state: WebhookState) {
        let serving = self.serving(Listener::Webhook, Some(tls), self.limits.clone());
        self.tasks.spawn_listener("webhook", bound.serve(router(Arc::new(state)), serving));
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

    fn start_tls(&mut self, options: TlsOptions, client: Option<&Client>) -> anyhow::Result<Tls> {
        let Self { tasks, readiness, metrics, .. } = self;
        tls::start(options, client, tasks, readiness, metrics)
    }

    fn watch_namespaces(&mut self, client: Option<&Client>) -> Namespaces {
        let Some(client) = client else { return Namespaces::NoCluster };
        let store = NamespaceStore::new(client.clone(), Arc::clone(&self.metrics));
        let ready = self.readiness.register("namespaces");
        let watch = cluster::namespaces::watch(Arc::clone(&store), ready);
        self.tasks.spawn("namespaces", watch);
        Namespaces::Watched(store)
    }

    fn follow_configuration(
        &mut self,
        origin: ConfigOrigin,
        client: Option<Client>,
        namespaces: Namespaces,
    ) -> anyhow::Result<WebhookState> {
        let slot = Arc::new(ConfigSlot::default());
        let ready = self.readiness.register("configuration");
        let keeper = ConfigKeeper::new(
            Arc::clone(&slot),
            ready,
            Arc::clone(&self.metrics),
            client.is_some(),
        );
        let config_map = match (origin, client) {
            (ConfigOrigin::File(path), _) => {
                self.tasks.spawn("configuration", configuration::follow_file(path, keeper));
                ObjectName::default_config_map()
            }
            (ConfigOrigin::ConfigMap(name), Some(client)) => {
                let task = configuration::follow_config_map(client, name.clone(), keeper);
                self.tasks.spawn("configuration", task);
                name
            }
            (ConfigOrigin::ConfigMap(name), None) => {
                bail!("failed to read the ConfigMap {name}: there is no cluster");
            }
        };
        let body = BodyReader::new(&self.limits, Arc::clone(&self.metrics));
        let metrics = Arc::clone(&self.metrics);
        Ok(WebhookState::new(slot, config_map, namespaces, body, metrics))
    }
}
