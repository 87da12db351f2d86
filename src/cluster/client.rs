//! The client of the API server.

use axum::http::Uri;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use thiserror::Error;
use tower::{Layer as _, service_fn};
use tower_http::timeout::ResponseBodyTimeoutLayer;

/// The longest silence within an answer. Of a watch the API server tells something each minute, a bookmark
/// if there is nothing else (`bookmarkFrequency` of `k8s.io/apiserver/pkg/storage/cacher`): one that is
/// silent for more than two stands still, is given up, and begins anew where it stood.
const SILENCE: Duration = Duration::from_secs(150);
/// For a connection to the API server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two reads; above the 290 s after which the API server ends a watch.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The file is missing, unreadable, or no kubeconfig.
    #[error("failed to read the kubeconfig {path}: {reason}; pass one with --kubeconfig FILE")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why. Its sources stand in its text already.
        reason: String,
    },
    /// Neither a kubeconfig nor a Pod's ServiceAccount is to be found.
    #[error("failed to find the cluster: {0}; pass --kubeconfig FILE, or run in a Pod")]
    Infer(String),
    /// The client cannot be built.
    #[error("failed to build the client of the API server: {0}")]
    Build(String),
}

/// Connects by this kubeconfig, else by the environment: `KUBECONFIG`, or a Pod's ServiceAccount.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ClientError> {
    client(config(kubeconfig).await?)
}

/// The same, and each request is sent once: "try again later" is an answer.
pub async fn connect_without_retries(kubeconfig: Option<&Path>) -> Result<Client, ClientError> {
    let mut config = config(kubeconfig).await?;
    config.default_retry = false;
    client(config)
}

fn client(config: Config) -> Result<Client, ClientError> {
    let client = Client::try_from(config).map_err(|error| ClientError::Build(told(&error)))?;
    Ok(without_silence(client, SILENCE))
}

/// The same client, for which an answer that is silent for so long has failed.
pub fn without_silence(client: Client, silence: Duration) -> Client {
    let namespace = client.default_namespace().to_owned();
    let send = service_fn(move |request| {
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(ResponseBodyTimeoutLayer::new(silence).layer(send), namespace)
}

async fn config(kubeconfig: Option<&Path>) -> Result<Config, ClientError> {
    let mut config = match kubeconfig {
        Some(path) => of(Kubeconfig::read_from(path)).await.map_err(|error| {
            ClientError::Kubeconfig { path: path.to_owned(), reason: reason_of(&error) }
        })?,
        None => match of(Kubeconfig::read()).await {
            Ok(config) => config,
            Err(error) => Config::incluster().map_err(|in_cluster| {
                ClientError::Infer(format!("{in_cluster}; {}", reason_of(&error)))
            })?,
        },
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    Ok(config)
}

/// The proxy of the environment is the way to registries and issuers: the API server is asked directly, as in
/// a Pod.
async fn of(kubeconfig: Result<Kubeconfig, KubeconfigError>) -> Result<Config, KubeconfigError> {
    let kubeconfig = kubeconfig?;
    let clusters = kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref());
    let written: Vec<Uri> =
        clusters.filter_map(|cluster| cluster.proxy_url.as_ref()?.parse().ok()).collect();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    config.proxy_url = config.proxy_url.filter(|proxy| written.contains(proxy));
    Ok(config)
}

/// kube shows the whole URL of a proxy, with the password in it.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            "its kubeconfig names a proxy (`proxy-url`), and the API server can only be asked directly; take it out".to_owned()
        }
        other => other.to_string(),
    }
}

/// Of what cannot be parsed only the place is told: the text may be that of a token.
fn reason_of(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(error) = error else { return error.to_string() };
    match error.location() {
        Some(at) => {
            format!("the kubeconfig cannot be parsed at line {}, column {}", at.line(), at.column())
        }
        None => "the kubeconfig cannot be parsed".to_owned(),
    }
}

/// Whether this process runs in a Pod.
pub fn is_in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}
