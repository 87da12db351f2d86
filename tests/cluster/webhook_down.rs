//! Without an answer of the webhook Pods are created as they are, and in bounded time.

use std::time::{Duration, Instant};

use crate::{
    cluster::Cluster,
    endpoint::{BlackHole, DeadPort, Endpoint},
    eventually::eventually,
    pods::{pod, pull_secrets},
};

/// `timeoutSeconds` of the manifest.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The API server's own work on a busy machine.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test]
async fn pods_are_created_while_nothing_listens() {
    pods_are_created_without_an_answer(&DeadPort::new()).await;
}

#[tokio::test]
async fn pods_are_created_while_the_webhook_is_silent() {
    pods_are_created_without_an_answer(&BlackHole::open()).await;
}

async fn pods_are_created_without_an_answer(endpoint: &impl Endpoint) {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").create().await;
    cluster.install("cluster-wide").await;
    cluster.register("cluster-wide", endpoint).await;

    let started = Instant::now();
    let stored =
        namespace.create(&pod("a").image("gcr.io/p/a").secret("own").build()).await.unwrap();
    let took = started.elapsed();

    assert_eq!(pull_secrets(&stored), ["own"]);
    assert!(took < TIMEOUT + SLACK, "{took:?}");
    eventually("the failure in the audit log", TIMEOUT, async || {
        let of_the_pod = cluster.audit_events(|event| event.object_ref.namespace == namespace.name);
        let mut failures = of_the_pod.iter().flat_map(|event| event.failed_open());
        failures.any(|webhook| webhook == "inject.pullpass.io")
    })
    .await;
}
