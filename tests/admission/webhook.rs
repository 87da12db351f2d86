//! The webhook's router, asked in this process.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use pullpass::{
    cluster::{ObjectName, namespaces::Namespaces},
    config,
    server::{BodyReader, Limits},
    telemetry::{Component, Metrics},
    webhook::{ConfigSlot, WebhookState, router},
};
use serde_json::Value;
use tower::ServiceExt;

use crate::answer::{Answer, Response};

pub const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
  - name: quay
    images: ["quay.io/team/*"]
    namespaces:
      names: ["team"]
"#;

/// A configuration of these entries, each as YAML.
pub fn config_of(entries: impl Iterator<Item = String>) -> String {
    let entries: Vec<_> = entries.collect();
    format!("apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n{}", entries.concat())
}

/// The router, and what it counts.
pub struct Webhook {
    router: Router,
    pub metrics: Arc<Metrics>,
}

impl Webhook {
    /// With [`CONFIG`] in force.
    pub fn new() -> Self {
        Self::with_config(Some(CONFIG))
    }

    /// With this configuration in force, or none yet.
    pub fn with_config(yaml: Option<&str>) -> Self {
        let metrics = Arc::new(Metrics::new("test", Component::Webhook));
        let config = Arc::new(ConfigSlot::default());
        if let Some(yaml) = yaml {
            let parsed = config::parse(yaml).expect("the configuration is in order");
            config.install(&parsed.config, &[]).expect("it can be in force");
        }
        let body = BodyReader::new(&Limits::default(), Arc::clone(&metrics));
        let name = ObjectName::default_config_map();
        let state =
            WebhookState::new(config, name, Namespaces::NoCluster, body, Arc::clone(&metrics));
        Self { router: router(Arc::new(state)), metrics }
    }

    /// Posts a body as JSON.
    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(body.into())
            .expect("the request is valid");
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body is whole");
        Answer { status, text: String::from_utf8(body.into()).expect("the body is UTF-8") }
    }

    /// Posts to `/mutate`.
    pub async fn mutate(&self, body: impl Into<Body>) -> Answer {
        self.post("/mutate", body).await
    }

    /// The answer to a review that can be answered.
    pub async fn review(&self, review: &Value) -> Response {
        self.mutate(review.to_string()).await.response()
    }

    /// The answer to a ConfigMap.
    pub async fn validate(&self, review: &Value) -> Response {
        self.post("/validate-config", review.to_string()).await.response()
    }
}
