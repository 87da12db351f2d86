//! A gate before each write of a copy: the API server asks it, and it lets through as many as the test says.
//! The others wait in the API server, as writes that are on their way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, routing::post};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    cluster::Cluster, eventually::eventually, manifests::client_config, reviewer::Reviewer,
};

const NAME: &str = "gate";
const SOON: Duration = Duration::from_secs(30);
/// More than are ever on their way.
const ALL: usize = 10_000;

/// The gate. Dropping it stops the server, and no copy can be written any more.
pub struct Gate {
    way: Arc<Way>,
    _reviewer: Reviewer,
}

struct Way {
    places: Semaphore,
    is_open: AtomicBool,
    asked: AtomicUsize,
    waiting: AtomicUsize,
}

/// Someone who waits, until let through or gone.
struct Waiting<'a>(&'a AtomicUsize);

impl Gate {
    /// An open one, which the API server asks from now on.
    pub async fn before_copies(cluster: &Cluster) -> Self {
        let way = Arc::new(Way {
            places: Semaphore::new(0),
            is_open: AtomicBool::new(true),
            asked: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        });
        let asked = Arc::clone(&way);
        let review = move |Json(review): Json<Value>| {
            let way = Arc::clone(&asked);
            async move {
                way.pass().await;
                let response = json!({"uid": review["request"]["uid"], "allowed": true});
                Json(json!({
                    "apiVersion": "admission.k8s.io/v1",
                    "kind": "AdmissionReview",
                    "response": response,
                }))
            }
        };
        let reviewer = Reviewer::start(NAME, Router::new().route("/review", post(review)));
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": [{
                "name": "gate.example.com",
                "clientConfig": client_config(&reviewer, "/review"),
                "rules": [{
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": ["secrets"],
                }],
                "objectSelector": {"matchLabels": {"pullpass.io/copy": "true"}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 30,
            }],
        });
        cluster.apply(&configuration).await;
        is_asked(cluster, &way).await;
        Self { way, _reviewer: reviewer }
    }

    /// Nothing passes any more.
    pub fn close(&self) {
        self.way.is_open.store(false, Ordering::SeqCst);
        self.way.places.forget_permits(ALL);
    }

    /// Lets so many through, of those that wait or of those to come.
    pub fn let_through(&self, count: usize) {
        self.way.places.add_permits(count);
    }

    /// Everything passes.
    pub fn open(&self) {
        self.way.is_open.store(true, Ordering::SeqCst);
        self.let_through(ALL);
    }

    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.way.waiting.load(Ordering::SeqCst)
    }
}

impl Way {
    async fn pass(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        if !self.is_open.load(Ordering::SeqCst) {
            self.places.acquire().await.expect("it is never closed").forget();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until the API server asks: it learns of the configuration by a watch.
async fn is_asked(cluster: &Cluster, way: &Way) {
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), "default");
    let copy = json!({"metadata": {"name": NAME, "labels": {"pullpass.io/copy": "true"}}});
    let copy: Secret = serde_json::from_value(copy).expect("it is a Secret");
    let dry_run = PostParams { dry_run: true, ..Default::default() };
    eventually("the API server to ask the gate", SOON, async || {
        let made = secrets.create(&dry_run, &copy).await.map_err(|error| error.to_string());
        made.and_then(|_| match way.asked.load(Ordering::SeqCst) {
            0 => Err("it was not asked".to_owned()),
            _ => Ok(()),
        })
    })
    .await;
}
