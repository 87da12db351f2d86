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
    server::{BodyReader, Bound, Limits, Process, ShutdownTimes, accept::Tls, os_signals},
    telemetry::Component,
};
use anyhow::{Context as _, bail};
use kube::Client;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tracing::warn;

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
    let mut process = Webhook {
        shared: Process::new(Component::Webhook, options.shutdown),
        limits: options.limits,
    };
    let tls = process.start_tls(options.tls, client.as_ref())?;
    let namespaces = process.watch_namespaces(client.as_ref());
    let state = process.follow_configuration(options.configuration, client, namespaces)?;
    let Webhook { mut shared, limits } = process;
    shared.serve_webhook(bound, router(Arc::new(state)), tls, limits.clone());
    shared.serve_admin(admin, &limits);
    Ok(shared.run(signals).await?)
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

struct Webhook {
    shared: Process,
    limits: Limits,
}

impl Webhook {
    fn start_tls(&mut self, options: TlsOptions, client: Option<&Client>) -> anyhow::Result<Tls> {
        let Process { tasks, readiness, metrics, .. } = &mut self.shared;
        tls::start(options, client, tasks, readiness, metrics)
    }

    fn watch_namespaces(&mut self, client: Option<&Client>) -> Namespaces {
        let Some(client) = client else { return Namespaces::NoCluster };
        let store = NamespaceStore::new(client.clone(), Arc::clone(&self.shared.metrics));
        let ready = self.shared.readiness.register("namespaces");
        let watch = cluster::namespaces::watch(Arc::clone(&store), ready);
        self.shared.tasks.spawn("namespaces", watch);
        Namespaces::Watched(store)
    }

    fn follow_configuration(
        &mut self,
        origin: ConfigOrigin,
        client: Option<Client>,
        namespaces: Namespaces,
    ) -> anyhow::Result<WebhookState> {
        let slot = Arc::new(ConfigSlot::default());
        let ready = self.shared.readiness.register("configuration");
        let keeper = ConfigKeeper::new(
            Arc::clone(&slot),
            ready,
            Arc::clone(&self.shared.metrics),
            client.is_some(),
        );
        let config_map = match (origin, client) {
            (ConfigOrigin::File(path), _) => {
                self.shared.tasks.spawn("configuration", configuration::follow_file(path, keeper));
                ObjectName::default_config_map()
            }
            (ConfigOrigin::ConfigMap(name), Some(client)) => {
                let task = configuration::follow_config_map(client, name.clone(), keeper);
                self.shared.tasks.spawn("configuration", task);
                name
            }
            (ConfigOrigin::ConfigMap(name), None) => {
                bail!("failed to read the ConfigMap {name}: there is no cluster");
            }
        };
        let body = BodyReader::new(&self.limits, Arc::clone(&self.shared.metrics));
        let metrics = Arc::clone(&self.shared.metrics);
        Ok(WebhookState::new(slot, config_map, namespaces, body, metrics))
    }
}
