//! The webhook of the targets: a table with all that decides without a cluster, and its router.

use crate::answer::Answer;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use pullpass::{
    cluster::{ObjectName, namespaces::Namespaces},
    config::{self, Config},
    server::{BodyReader, Limits},
    telemetry::{Component, Metrics},
    webhook::{ConfigSlot, WebhookState, router},
};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - {name: project, images: ["gcr.io/p/*"], exceptImages: ["gcr.io/p/public/*"], pullSecrets: [project, both]}
  - {name: quay, images: ["quay.io/team/*:v*", "*.quay.io/*"], namespaces: {names: ["team*"], except: ["team-x"]}, pullSecrets: [both, quay]}
  - {name: hub, images: ["docker.io/*"]}
  - {name: selected, images: ["gcr.io/*"], namespaces: {selector: {matchLabels: {tier: paid}}}}
  - {name: elsewhere, images: ["registry:5000/*/app", "[::1]:5000/*"]}
"#;

/// A review of a new Pod, up to the Pod and from there.
const BEFORE: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","resource":{"group":"","version":"v1","resource":"pods"},"name":"a","namespace":"team","operation":"CREATE","object":"#;
const AFTER: &[u8] = br#","oldObject":null,"dryRun":false}}"#;

/// The review of a request to create this Pod.
pub fn review_of(pod: &[u8]) -> Vec<u8> {
    [BEFORE, pod, AFTER].concat()
}

/// The table in force, the router, and a runtime to ask it in.
pub struct Webhook {
    /// The table.
    pub config: Arc<Config>,
    /// The router, without the layers of the server.
    pub router: Router,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Of this thread alone, so that an input takes the same path every time.
    pub runtime: Runtime,
}

impl Webhook {
    /// A webhook that has answered nothing yet.
    #[allow(clippy::new_without_default, reason = "it starts a runtime")]
    pub fn new() -> Self {
        Self::with_limits(&Limits::default())
    }

    /// The same with other limits.
    pub fn with_limits(limits: &Limits) -> Self {
        let metrics = Arc::new(Metrics::new("fuzz", Component::Webhook));
        let config = config::parse(CONFIG).unwrap().config;
        let slot = Arc::new(ConfigSlot::default());
        slot.install(&config, &[]).unwrap();
        let body = BodyReader::new(limits, Arc::clone(&metrics));
        let name = ObjectName::default_config_map();
        let state =
            WebhookState::new(slot, name, Namespaces::NoCluster, body, Arc::clone(&metrics));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { config, router: router(Arc::new(state)), metrics, runtime }
    }

    /// The answer to this body.
    pub fn mutate(&self, body: &[u8]) -> Answer {
        let request = Request::post("/mutate")
            .header("content-type", "application/json")
            .body(Body::from(body.to_vec()))
            .unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            Answer { status, text: String::from_utf8(body.into()).unwrap() }
        })
    }
}
