//! The controller's loop within the test, with a client whose every request the test can meddle with.

use std::{path::Path, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{Method, Request, Response},
};
use kube::{Client, client::Body};
use pullpass::{
    controller::{CertificateMode, CertificateOptions, certificates},
    telemetry::{Component, Metrics},
};
use tower::{BoxError, service_fn};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    control_plane,
    managed::SERVICE,
};

/// The answer to a request.
pub type Answer<B = Body> = Result<Response<B>, BoxError>;

impl Cluster {
    /// A client of the controller's own ServiceAccount.
    pub async fn controllers_client(&self) -> Client {
        client(&self.controllers_kubeconfig().await).await
    }
}

/// A client whose requests are handed, with the client, to `meddle`.
pub fn meddled<F, B>(
    client: &Client,
    meddle: impl Fn(Client, Request<Body>) -> F + Clone + Send + 'static,
) -> Client
where
    F: Future<Output = Answer<B>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    Client::new(service_fn(move |request| meddle(client.clone(), request)), namespace)
}

/// Sends a request as it is.
pub async fn send(client: &Client, request: Request<Body>) -> Answer {
    Ok(client.send(request).await?)
}

/// Whether a request changes anything.
pub fn is_write(request: &Request<Body>) -> bool {
    *request.method() != Method::GET
}

/// Looks after the certificates for ever, as the leader does.
pub async fn look_after(client: Client, delays: [Duration; 2]) {
    let metrics = Arc::new(Metrics::new("0.0.0", Component::Controller));
    certificates::run(client, options(delays), metrics, std::time::SystemTime::now).await;
}

/// Certificates as in the default overlay, with these delays of propagation and of pickup.
pub fn options([propagation_delay, pickup_delay]: [Duration; 2]) -> CertificateOptions {
    let day = Duration::from_secs(24 * 60 * 60);
    CertificateOptions {
        mode: CertificateMode::Managed,
        namespace: SYSTEM_NAMESPACE.into(),
        service: "pullpass-webhook".into(),
        names: vec![SERVICE.into(), "127.0.0.1".into()],
        ca_secret: "pullpass-ca".into(),
        tls_secret: "pullpass-tls".into(),
        webhook_configuration: "pullpass".into(),
        ca_lifetime: day * 365,
        ca_renewal_percent: 67,
        certificate_lifetime: day * 30,
        certificate_renewal_percent: 67,
        propagation_delay,
        pickup_delay,
    }
}

async fn client(kubeconfig: &Path) -> Client {
    control_plane::client(kubeconfig).await.expect("the kubeconfig is valid")
}
