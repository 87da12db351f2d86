//! With `failurePolicy: Fail`, which an administrator may choose, a Pod is refused and told why.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpStream;

use crate::{
    cluster::Cluster,
    endpoint::{BlackHole, DeadPort, Endpoint},
    eventually::eventually,
    in_force::CANARY,
    installed::SOON,
    pods::{pod, pull_secrets},
};

/// `timeoutSeconds` as it is set here, and the API server's own work on a busy machine.
const TIMEOUT: u64 = 2;
const SLACK: Duration = Duration::from_secs(3);

/// Has the API server refuse Pods without an answer, and gives the words of its refusal.
async fn refusal(cluster: &Cluster, endpoint: &impl Endpoint) -> String {
    cluster.register("cluster-wide", endpoint).await;
    cluster
        .change_registration(json!([
            {"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"},
            {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": TIMEOUT},
        ]))
        .await;
    let pods = kube::Api::namespaced(cluster.client(), CANARY);
    let dry_run = kube::api::PostParams { dry_run: true, ..Default::default() };
    let pod = pod("a").image("gcr.io/p/a").build();
    let refused = async || pods.create(&dry_run, &pod).await.err().ok_or("it was created");
    eventually("the Pod to be refused", SOON, refused).await;

    let started = Instant::now();
    let words = refused().await.unwrap().to_string();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(TIMEOUT) + SLACK, "{took:?}");
    assert!(words.contains(r#"failed calling webhook "inject.pullpass.io""#), "{words}");
    words
}

#[tokio::test]
async fn a_pod_is_refused_while_nothing_listens() {
    let cluster = Cluster::exclusive().await;
    let words = refusal(&cluster, &DeadPort::new()).await;
    assert!(words.contains("connection refused"), "{words}");
}

#[tokio::test]
async fn a_pod_is_refused_while_the_webhook_is_silent() {
    let cluster = Cluster::exclusive().await;
    let words = refusal(&cluster, &BlackHole::open()).await;
    assert!(words.contains("context deadline exceeded"), "{words}");
}

/// The webhook's own words reach whoever made the Pod.
#[tokio::test]
async fn fault_34_a_pod_is_refused_while_the_webhook_has_no_configuration() {
    let cluster = Cluster::exclusive().await;
    let absent = cluster.control_plane().folder().path().join("absent.yaml");
    let webhook = cluster.webhook().config_file(&absent).spawn();
    eventually("the webhook to listen", SOON, async || {
        TcpStream::connect(("127.0.0.1", webhook.port())).await
    })
    .await;

    let words = refusal(&cluster, &webhook).await;

    assert!(words.contains("no configuration in force yet"), "{words}");
    assert_eq!(webhook.ready().await.status, 503);
}

/// The same under the manifest's own `failurePolicy: Ignore`.
#[tokio::test]
async fn fault_34_a_pod_is_created_as_it_is_while_the_webhook_has_no_configuration() {
    let cluster = Cluster::exclusive().await;
    let absent = cluster.control_plane().folder().path().join("absent.yaml");
    let webhook = cluster.webhook().config_file(&absent).spawn();
    cluster.register("cluster-wide", &webhook).await;
    let namespace = cluster.namespace("team").create().await;

    let stored = namespace.create(&pod("a").image("gcr.io/p/a").build()).await.unwrap();

    assert!(pull_secrets(&stored).is_empty());
    let event = cluster.creation_of(&namespace.name, "a").await;
    assert_eq!(event.failed_open(), ["inject.pullpass.io"]);
}
