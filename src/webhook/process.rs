//! The webhook's process: what is started, and in which order.

use super::{
    ConfigSlot, WebhookState,
    certificate::{self, CertificateKeeper},
    configuration::{self, ConfigKeeper},
    router,
};
use crate::{
    cluster::{
        self, ObjectName,
        namespaces::{NamespaceStore, Namespaces},
    },
    pki,
    server::{BodyReader, Bound, Limits, Process, ShutdownTimes, accept::Tls, os_signals},
    telemetry::Component,
    tls::{self, ServingCertificate},
};
use anyhow::{Context as _, bail};
use kube::Client;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing::warn;

/// How long an in-memory certificate lasts. The process makes a new one at each start.
const SELF_SIGNED_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// What an in-memory certificate is for.
const SELF_SIGNED_NAMES: [&str; 4] =
    ["localhost", "127.0.0.1", "::1", "pullpass-webhook.pullpass-system.svc"];

/// What the webhook is to do, checked.
#[derive(Debug)]
pub struct Options {
    /// Where the configuration comes from.
    pub configuration: ConfigOrigin,
    /// Where the serving certificate comes from.
    pub certificate: CertificateOrigin,
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

/// Where the serving certificate comes from.
#[derive(Debug)]
pub enum CertificateOrigin {
    /// Two files in PEM, which are followed.
    Files {
        /// The certificate with its chain.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A Secret, which is watched.
    Secret(ObjectName),
    /// Made in memory.
    SelfSigned {
        /// Where the CA certificate is written.
        ca_out: Option<PathBuf>,
    },
}

/// Runs the webhook until a signal ends it: bind and load first, ready after.
///
/// # Errors
/// What could not be started, or which task ended out of turn.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    tls::install_provider();
    let signals = os_signals().context("failed to install the signal handlers")?;
    let bound = Bound::bind(options.listen).await?;
    let admin = Bound::bind(options.admin_listen).await?;
    let client = connect(&options).await?;
    let mut process = Webhook {
        shared: Process::new(Component::Webhook, options.shutdown),
        limits: options.limits,
    };
    let tls = process.follow_certificate(options.certificate, client.as_ref())?;
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
        || matches!(options.certificate, CertificateOrigin::Secret(_));
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
    fn follow_certificate(
        &mut self,
        origin: CertificateOrigin,
        client: Option<&Client>,
    ) -> anyhow::Result<Tls> {
        let certificate = Arc::new(ServingCertificate::default());
        let config = tls::server_config(Arc::clone(&certificate))
            .context("failed to set up TLS with aws-lc-rs")?;
        let ready = self.shared.readiness.register("certificate");
        let mut keeper = CertificateKeeper::new(
            Arc::clone(&certificate),
            ready,
            Arc::clone(&self.shared.metrics),
        );
        match (origin, client) {
            (CertificateOrigin::Files { certificate, key }, _) => {
                let origin = format!("files {} and {}", certificate.display(), key.display());
                let apply = move |outcome| keeper.apply(&origin, outcome);
                let every = tls::files::DEFAULT_INTERVAL;
                let task = tls::follow_files(certificate, key, every, SystemTime::now, apply);
                self.shared.tasks.spawn("certificate", task);
            }
            (CertificateOrigin::Secret(name), Some(client)) => {
                let task = certificate::follow_secret(client.clone(), name, keeper);
                self.shared.tasks.spawn("certificate", task);
            }
            (CertificateOrigin::Secret(name), None) => {
                bail!("failed to read the Secret {name}: there is no cluster");
            }
            (CertificateOrigin::SelfSigned { ca_out }, _) => {
                self_sign(&mut keeper, ca_out.as_deref())?;
                self.shared.tasks.spawn("certificate", hold(keeper));
            }
        }
        Ok(Tls { config, certificate })
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

fn self_sign(keeper: &mut CertificateKeeper, ca_out: Option<&Path>) -> anyhow::Result<()> {
    let names = SELF_SIGNED_NAMES.map(str::to_owned);
    let made = pki::self_signed(&names, SystemTime::now(), SELF_SIGNED_LIFETIME)
        .context("failed to make a certificate in memory")?;
    if let Some(path) = ca_out {
        std::fs::write(path, &made.ca_pem)
            .with_context(|| format!("failed to write the CA certificate to {}", path.display()))?;
    }
    let key = made.pair.key_pem.expose().as_bytes();
    keeper.offer("--self-signed", made.pair.certificate_pem.as_bytes(), key);
    Ok(())
}

/// Keeps the certificate, and with it readiness, for as long as the process runs.
async fn hold(_keeper: CertificateKeeper) {
    std::future::pending::<()>().await;
}
