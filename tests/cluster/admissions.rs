//! Pods created without pause while something happens to what admission depends on.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    cluster::Cluster,
    deployed::IMAGE,
    eventually::eventually,
    in_force::CANARY,
    installed::SOON,
    pods::{pod, pull_secrets},
};

const CLIENTS: usize = 2;
/// So that the two cores of a small machine do something else as well.
const PAUSE: Duration = Duration::from_millis(5);

/// Clients that create Pods, each as a dry run, until [`Admissions::end`].
pub struct Admissions {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What became of the Pods of one client.
#[derive(Debug, Default)]
struct Tally {
    injected: usize,
    failed: Vec<String>,
}

impl Cluster {
    /// Has the API server refuse every Pod that the webhook gave no answer on, waits until Pods are
    /// injected, and goes on creating them.
    pub async fn admissions(&self) -> Admissions {
        let fail = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]);
        self.change_registration(fail).await;
        let client = asked_once(&self.control_plane().admin_kubeconfig()).await;
        eventually("the first injected Pod", SOON, async || create(&client).await).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let clients =
            (0..CLIENTS).map(|_| tokio::spawn(create_until(Arc::clone(&is_over), client.clone())));
        Admissions { clients: clients.collect(), is_over }
    }
}

impl Admissions {
    /// Ends them. Every Pod must have been created, and injected; gives how many there were.
    pub async fn end(self) -> usize {
        self.is_over.store(true, Ordering::SeqCst);
        let mut injected = 0;
        for client in self.clients {
            let tally = client.await.expect("the client comes to its end");
            let failed = &tally.failed;
            assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), failed.first());
            injected += tally.injected;
        }
        assert!(injected > 0);
        injected
    }
}

async fn create_until(is_over: Arc<AtomicBool>, client: Client) -> Tally {
    let mut tally = Tally::default();
    while !is_over.load(Ordering::SeqCst) {
        match create(&client).await {
            Ok(()) => tally.injected += 1,
            Err(reason) => tally.failed.push(reason),
        }
        tokio::time::sleep(PAUSE).await;
    }
    tally
}

async fn create(client: &Client) -> Result<(), String> {
    let params = PostParams { dry_run: true, ..Default::default() };
    let pod = pod("admitted").image(IMAGE).build();
    let stored = Api::<Pod>::namespaced(client.clone(), CANARY).create(&params, &pod).await;
    let secrets = pull_secrets(&stored.map_err(|error| error.to_string())?);
    (secrets == ["project"]).then_some(()).ok_or_else(|| format!("not injected: {secrets:?}"))
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
