//! TLS of the webhook's port: its own certificate, and those of its clients.

use super::{
    certificate::CertificateKeeper,
    certificate_source::{self as source, Input},
    client_ca,
    published::PublishedBundles,
};
use crate::{
    cluster::ObjectName,
    pki,
    server::{Readiness, Tasks, accept::Tls},
    telemetry::Metrics,
    tls::{self, ClientAuth, LoadedCertificate, PairWatch, ServingCertificate},
};
use anyhow::{Context as _, bail};
use futures::stream::BoxStream;
use kube::Client;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long an in-memory certificate lasts. The process makes a new one at each start.
const SELF_SIGNED_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// What an in-memory certificate is for.
const SELF_SIGNED_NAMES: [&str; 4] =
    ["localhost", "127.0.0.1", "::1", "pullpass-webhook.pullpass-system.svc"];

/// What the webhook's port is to do about certificates.
#[derive(Debug)]
pub struct TlsOptions {
    /// Where the serving certificate comes from.
    pub certificate: CertificateOrigin,
    /// The name that it has to be for, if it matters.
    pub server_name: Option<String>,
    /// The name of the webhook configurations whose caBundles have to verify it, if they have to.
    pub webhook_configuration: Option<String>,
    /// Which clients may connect; none for any.
    pub clients: Option<ClientOptions>,
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

/// Which clients may connect.
#[derive(Debug)]
pub struct ClientOptions {
    /// The authorities that sign their certificates, in PEM; followed.
    pub ca: PathBuf,
    /// Their names; none for any.
    pub names: Vec<String>,
}

impl TlsOptions {
    /// Whether the API server has to be asked.
    pub fn needs_cluster(&self) -> bool {
        matches!(self.certificate, CertificateOrigin::Secret(_))
            || self.webhook_configuration.is_some()
    }
}

/// Starts what keeps certificates, and gives what a listener needs.
///
/// # Errors
/// What could not be started.
pub fn start(
    options: TlsOptions,
    client: Option<&Client>,
    tasks: &mut Tasks,
    readiness: &Readiness,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Tls> {
    let clients = options.clients.map(|clients| {
        let auth = Arc::new(ClientAuth::new(clients.names));
        let ready = readiness.register("client-ca");
        let task = client_ca::follow(clients.ca, Arc::clone(&auth), ready, Arc::clone(metrics));
        tasks.spawn("client-ca", task);
        auth
    });
    let certificate = Arc::new(ServingCertificate::default());
    let config = tls::server_config(Arc::clone(&certificate), clients)
        .context("failed to set up TLS with aws-lc-rs")?;
    let (origin, certificates) = options.certificate.open(client)?;
    let mut sources = vec![certificates];
    let published = match (options.webhook_configuration, client) {
        (Some(name), Some(client)) => {
            sources.push(source::webhook_configurations(
                client,
                &name,
                options.server_name.as_deref(),
            ));
            Some(PublishedBundles::new(name))
        }
        (Some(name), None) => {
            bail!("failed to watch the webhook configurations {name}: there is no cluster");
        }
        (None, _) => None,
    };
    let keeper = CertificateKeeper::new(
        Arc::clone(&certificate),
        readiness.register("certificate"),
        Arc::clone(metrics),
        origin,
        options.server_name,
        published,
    );
    let task = source::follow(keeper, sources, client.cloned(), Arc::clone(metrics));
    tasks.spawn("certificate", task);
    Ok(Tls { config, certificate })
}

impl CertificateOrigin {
    /// Its name in messages, and what comes from there.
    fn open(self, client: Option<&Client>) -> anyhow::Result<(String, BoxStream<'static, Input>)> {
        Ok(match (self, client) {
            (Self::Files { certificate, key }, _) => {
                let origin = format!("files {} and {}", certificate.display(), key.display());
                let every = tls::files::DEFAULT_INTERVAL;
                (origin, source::files(PairWatch::new(certificate, key, every)))
            }
            (Self::Secret(name), Some(client)) => {
                (format!("Secret {name}"), source::secret(client.clone(), &name))
            }
            (Self::Secret(name), None) => {
                bail!("failed to read the Secret {name}: there is no cluster");
            }
            (Self::SelfSigned { ca_out }, _) => {
                ("--self-signed".to_owned(), source::fixed(self_sign(ca_out.as_deref())?))
            }
        })
    }
}

fn self_sign(ca_out: Option<&Path>) -> anyhow::Result<LoadedCertificate> {
    let names = SELF_SIGNED_NAMES.map(str::to_owned);
    let made = pki::self_signed(&names, SystemTime::now(), SELF_SIGNED_LIFETIME)
        .context("failed to make a certificate in memory")?;
    if let Some(path) = ca_out {
        std::fs::write(path, &made.ca_pem)
            .with_context(|| format!("failed to write the CA certificate to {}", path.display()))?;
    }
    let key = made.pair.key_pem.expose().as_bytes();
    Ok(tls::parse(made.pair.certificate_pem.as_bytes(), key)?)
}
