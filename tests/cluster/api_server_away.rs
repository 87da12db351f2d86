//! The API server away: the webhook answers from what it knows, and catches up afterwards.

use std::time::Duration;

use crate::{
    cluster::Cluster,
    deployed::{IMAGE, config, config_by_label},
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    kept_connection::KeptConnection,
    pki::Leaf,
    pods::{pod, pull_secrets},
    webhook::WebhookProcess,
};

const SOON: Duration = Duration::from_secs(20);
/// The longest pause between two tries of a watch is 30 s, and it is spread by chance.
const RECOVERY: Duration = Duration::from_secs(75);
const WATCH_ERRORS: &str = "pullpass_watch_errors_total{watch=\"namespaces\"}";

#[tokio::test]
async fn fault_39_with_the_api_server_unreachable_it_answers_and_catches_up_afterwards() {
    let cluster = Cluster::exclusive().await;
    let network = cluster.network().await;
    let webhook = registered(&cluster, &network).await;
    let namespace = cluster.namespace("team").create().await;

    network.cut();
    eventually("the watch to fail twice", SOON, async || {
        webhook.metric(WATCH_ERRORS).await >= Some(2.0)
    })
    .await;

    let stored = namespace.create(&pod("a").image(IMAGE).build()).await.unwrap();
    assert_eq!(pull_secrets(&stored), ["before"]);
    assert_eq!(webhook.ready().await.status, 200);
    let leaf = change_everything(&cluster, &webhook).await;

    network.restore();
    caught_up(&webhook, &leaf).await;
}

#[tokio::test]
async fn fault_39_with_the_api_server_silent_it_answers_and_catches_up_afterwards() {
    let cluster = Cluster::exclusive().await;
    let network = cluster.network().await;
    let webhook = registered(&cluster, &network).await;
    let namespace = cluster.namespace("team").create().await;

    network.freeze();
    let leaf = change_everything(&cluster, &webhook).await;

    let stored = namespace.create(&pod("a").image(IMAGE).build()).await.unwrap();
    assert_eq!(pull_secrets(&stored), ["before"]);
    assert_eq!(webhook.ready().await.status, 200);

    network.restore();
    caught_up(&webhook, &leaf).await;
}

#[tokio::test]
async fn fault_39_started_without_the_api_server_it_becomes_ready_once_that_is_back() {
    let cluster = Cluster::exclusive().await;
    let network = cluster.network().await;
    let webhook = cluster.deployed_behind(&network).await;
    cluster.configure(&config("project")).await.expect_success();
    network.cut();
    let mut webhook = webhook.spawn();

    eventually("three reasons in /readyz", SOON, async || {
        let answer = webhook.admin_if_up("/readyz").await?;
        let names = ["certificate: Secret", "namespaces: ", "configuration: ConfigMap"];
        let all = answer.status == 503 && names.iter().all(|name| answer.body.contains(name));
        all.then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
    assert!(webhook.exited().is_none());

    network.restore();
    eventually("the webhook to be ready", RECOVERY, async || webhook.ready().await.status == 200)
        .await;
}

async fn registered(cluster: &Cluster, network: &Forwarder) -> WebhookProcess {
    let webhook = cluster.deployed_behind(network).await;
    cluster.configure(&config("before")).await.expect_success();
    let webhook = webhook.start().await;
    cluster.register("cluster-wide", &webhook).await;
    webhook
}

/// Edits while the webhook cannot see them: the ConfigMap, the certificate, and namespaces.
async fn change_everything(cluster: &Cluster, webhook: &WebhookProcess) -> Leaf {
    cluster.configure(&config_by_label("after")).await.expect_success();
    cluster.namespace("_").named("made-meanwhile").labelled(&[("tier", "paid")]).create().await;
    let leaf = webhook.authority().issue(&["127.0.0.1"]);
    cluster.write_tls_secret(&leaf, webhook.authority()).await;
    leaf
}

async fn caught_up(webhook: &WebhookProcess, leaf: &Leaf) {
    eventually("the edits to be in force", RECOVERY, async || {
        let given = webhook.additions("made-meanwhile", 5).await?;
        let refused = webhook.metric("pullpass_config_refused").await;
        let is_done = given == ["after"] && refused == Some(0.0);
        is_done.then_some(()).ok_or(format!("{given:?} {refused:?}"))
    })
    .await;
    eventually("the new certificate to be served", RECOVERY, async || {
        let connection = KeptConnection::open(webhook.port(), webhook.authority()).await?;
        (connection.certificate() == leaf.der()).then_some(()).ok_or("another one".to_string())
    })
    .await;
}
