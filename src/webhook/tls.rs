//! TLS of the webhook's port: its own certificate, and those of its clients.

use super::{
    certificate::{self, CertificateKeeper},
    client_ca,
};
use crate::{
    cluster::ObjectName,
    pki,
    server::{Readiness, Tasks, accept::Tls},
    telemetry::Metrics,
    tls::{self, ClientAuth, ServingCertificate},
};
use anyhow::{Context as _, bail};
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
    let ready = readiness.register("certificate");
    let mut keeper = CertificateKeeper::new(Arc::clone(&certificate), ready, Arc::clone(metrics));
    match (options.certificate, client) {
        (CertificateOrigin::Files { certificate, key }, _) => {
            let origin = format!("files {} and {}", certificate.display(), key.display());
            let apply = move |outcome| keeper.apply(&origin, outcome);
            let every = tls::files::DEFAULT_INTERVAL;
            let task = tls::follow_files(certificate, key, every, SystemTime::now, apply);
            tasks.spawn("certificate", task);
        }
        (CertificateOrigin::Secret(name), Some(client)) => {
            let task = certificate::follow_secret(client.clone(), name, keeper);
            tasks.spawn("certificate", task);
        }
        (CertificateOrigin::Secret(name), None) => {
            bail!("failed to read the Secret {name}: there is no cluster");
        }
        (CertificateOrigin::SelfSigned { ca_out }, _) => {
            self_sign(&mut keeper, ca_out.as_deref())?;
            tasks.spawn("certificate", hold(keeper));
        }
    }
    Ok(Tls { config, certificate })
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
