//! A second mutating webhook, as service meshes have one: it adds a container to every Pod.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Pod;
use kube::core::admission::{AdmissionReview, Operation};
use serde_json::{Value, json};

use crate::{cluster::Cluster, in_force, manifests::client_config, reviewer::Reviewer};

/// The name of its configuration. It is after `pullpass`, and so is its call.
const NAME: &str = "sidecar-injector";

/// The running webhook. Dropping it stops it.
pub struct SidecarInjector {
    reviewer: Reviewer,
    calls: Arc<AtomicUsize>,
}

impl SidecarInjector {
    /// Serves on the runtime of the calling test; the added container has this image.
    pub fn start(image: &str) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let image = image.to_string();
        let review = move |Json(review): Json<AdmissionReview<Pod>>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer(review, &image);
            async move { Json(answer) }
        };
        let reviewer = Reviewer::start(NAME, Router::new().route("/mutate", post(review)));
        Self { reviewer, calls }
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
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
                "clientConfig": client_config(&injector.reviewer, "/mutate"),
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
