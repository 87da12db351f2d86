//! Pods created without pause, while something happens to what admission depends on: each must be stored
//! with its pull secret.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    cluster::Cluster,
    deployed::IMAGE,
    eventually::eventually,
    managed::SOON,
    pods::{pod, pull_secrets},
};

/// The first stores its Pods and deletes them; the others ask for dry runs.
const CLIENTS: usize = 3;
/// So many failures are told; more of them say nothing more.
const TOLD: usize = 5;

/// Several clients that create Pods as fast as they are answered.
pub struct PodStream {
    tally: Arc<Tally>,
    clients: JoinSet<()>,
}

#[derive(Default)]
struct Tally {
    is_over: AtomicBool,
    created: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Cluster {
    /// Has the API server refuse every Pod that the webhook gave no answer on, waits until Pods are
    /// injected, and begins with them.
    pub async fn pod_stream(&self) -> PodStream {
        let fail = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]);
        self.change_registration(fail).await;
        let namespace = self.namespace("stream").create().await;
        let client = asked_once(&self.control_plane().admin_kubeconfig()).await;
        let pods: Api<Pod> = Api::namespaced(client, &namespace.name);
        eventually("the first injected Pod", SOON, async || injected(&pods, "first", true).await)
            .await;
        let mut stream = PodStream { tally: Arc::default(), clients: JoinSet::new() };
        for client in 0..CLIENTS {
            stream.clients.spawn(create_until_over(client, pods.clone(), stream.tally.clone()));
        }
        stream
    }
}

impl PodStream {
    /// How many Pods were created.
    pub fn created(&self) -> usize {
        self.tally.created.load(Ordering::SeqCst)
    }

    /// Panics if a Pod was refused or had no secret; `moment` says when that was.
    pub fn is_unharmed(&self, moment: &str) {
        let failures = self.tally.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let told: Vec<_> = failures.iter().take(TOLD).collect();
        let (count, created) = (failures.len(), self.created());
        assert!(told.is_empty(), "{moment}: {count} failures beside {created} Pods: {told:#?}");
    }

    /// Waits for so many more Pods.
    pub async fn advances(&self, count: usize) {
        let goal = self.created() + count;
        eventually("more Pods", SOON, async || {
            self.is_unharmed("while more are awaited");
            self.created() >= goal
        })
        .await;
    }

    /// Ends it, and says how many Pods were created. None may have failed.
    pub async fn end(mut self) -> usize {
        self.tally.is_over.store(true, Ordering::SeqCst);
        while let Some(client) = self.clients.join_next().await {
            client.expect("a client does not panic");
        }
        self.is_unharmed("at the end");
        let created = self.created();
        assert!(created > 0, "no Pod was created");
        created
    }
}

async fn create_until_over(client: usize, pods: Api<Pod>, tally: Arc<Tally>) {
    let is_dry_run = client > 0;
    for number in 1_u32.. {
        if tally.is_over.load(Ordering::SeqCst) {
            return;
        }
        let name = format!("pod-{client}-{number}");
        match injected(&pods, &name, is_dry_run).await {
            Ok(()) => drop(tally.created.fetch_add(1, Ordering::SeqCst)),
            Err(failure) => {
                let mut failures = tally.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push(failure);
            }
        }
    }
}

/// Creates a Pod, and leaves none.
async fn injected(pods: &Api<Pod>, name: &str, is_dry_run: bool) -> Result<(), String> {
    let failed = |error: kube::Error| format!("{name}: {error}");
    let params = PostParams { dry_run: is_dry_run, ..Default::default() };
    let stored = pods.create(&params, &pod(name).image(IMAGE).build()).await.map_err(failed)?;
    if !is_dry_run {
        let at_once = DeleteParams { grace_period_seconds: Some(0), ..Default::default() };
        pods.delete(name, &at_once).await.map_err(failed)?;
    }
    let secrets = pull_secrets(&stored);
    (secrets == ["project"]).then_some(()).ok_or(format!("{name} has {secrets:?}"))
}

/// A client that takes a refusal for an answer.
async fn asked_once(kubeconfig: &Path) -> Client {
    let read = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig is valid");
    let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .expect("the kubeconfig is valid");
    config.default_retry = false;
    Client::try_from(config).expect("the kubeconfig is valid")
}
