//! A second mutating webhook, as service meshes have one: it adds a container to every Pod.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, routing::post};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Pod;
use kube::core::admission::{AdmissionReview, Operation};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    endpoint::Endpoint,
    in_force,
    manifests::client_config,
    pki::{Authority, Leaf},
};

/// The name of its configuration. It is after `pullpass`, and so is its call.
const NAME: &str = "sidecar-injector";

/// The running webhook. Dropping it stops it.
pub struct SidecarInjector {
    port: u16,
    authority: Authority,
    calls: Arc<AtomicUsize>,
    handle: Handle<std::net::SocketAddr>,
}

impl SidecarInjector {
    /// Serves on the runtime of the calling test; the added container has this image.
    pub fn start(image: &str) -> Self {
        let authority = Authority::new(NAME);
        let tls = tls(&authority.issue(&["127.0.0.1"]));
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("the listener serves tokio");
        let port = listener.local_addr().expect("a listener has an address").port();

        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let image = image.to_string();
        let review = move |Json(review): Json<AdmissionReview<Pod>>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer(review, &image);
            async move { Json(answer) }
        };
        let router = Router::new().route("/mutate", post(review));
        let handle = Handle::new();
        let server = axum_server::from_tcp_rustls(listener, tls)
            .expect("the listener is taken over")
            .handle(handle.clone());
        tokio::spawn(server.serve(router.into_make_service()));
        Self { port, authority, calls, handle }
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Endpoint for SidecarInjector {
    fn port(&self) -> u16 {
        self.port
    }
    fn ca_pem(&self) -> String {
        self.authority.pem()
    }
}

impl Drop for SidecarInjector {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

impl Cluster {
    /// Has the API server ask the injector about every new Pod, and refuse Pods without an answer.
    pub async fn register_sidecar_injector(&self, injector: &SidecarInjector) {
        self.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": [{
                "name": "sidecar-injector.example.com",
                "clientConfig": client_config(injector, "/mutate"),
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
            }],
        }))
        .await;
        in_force::wait_for_mutating(self, NAME).await;
    }
}

fn tls(leaf: &Leaf) -> RustlsConfig {
    let chain = CertificateDer::pem_slice_iter(leaf.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .expect("the certificate is PEM");
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).expect("the key is PEM");
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key fits the certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    RustlsConfig::from_config(Arc::new(config))
}

fn answer(review: AdmissionReview<Pod>, image: &str) -> Value {
    let request = review.request.expect("the API server sends a request");
    let mut response = json!({"uid": request.uid, "allowed": true});
    let containers = request.object.and_then(|pod| pod.spec).map(|spec| spec.containers);
    let present = containers.is_some_and(|all| all.iter().any(|container| container.name == NAME));
    if request.operation == Operation::Create && !present {
        let patch = json!([{
            "op": "add",
            "path": "/spec/containers/-",
            "value": {"name": NAME, "image": image},
        }]);
        response["patchType"] = "JSONPatch".into();
        response["patch"] = STANDARD.encode(patch.to_string()).into();
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}
