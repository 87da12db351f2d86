//! What the kubelet and Prometheus are told, from the start to the end.

use std::time::Duration;

use crate::{
    cluster::Cluster,
    deployed::{broken_config, config},
    eventually::eventually,
};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn alive_is_not_ready() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.webhook().config(broken_config()).spawn();

    let ready = eventually("the probe to be answered", SOON, async || {
        let answer = webhook.admin_if_up("/readyz").await?;
        // Once the certificate has been read, nothing else is missing.
        let is_said = answer.body.starts_with("configuration: ") && answer.body.contains("line 4");
        is_said.then_some(answer.clone()).ok_or(format!("{answer:?}"))
    })
    .await;

    assert_eq!(ready.status, 503);
    assert!(ready.body.starts_with("configuration: file "), "{}", ready.body);
    assert_eq!(webhook.admin("/livez").await.status, 200);
    assert_eq!(webhook.metric("pullpass_ready").await, Some(0.0));
}

#[tokio::test]
async fn fault_19_in_the_shutdown_delay_it_is_not_ready_and_still_answers() {
    let cluster = Cluster::exclusive().await;
    let delay = ["--shutdown-delay=3s", "--shutdown-grace=5s"];
    let webhook = cluster.webhook().config(&config("project"));
    let mut webhook = webhook.argument(delay[0]).argument(delay[1]).start().await;
    assert_eq!(webhook.metric("pullpass_ready").await, Some(1.0));

    webhook.signal("TERM");
    eventually("not ready", SOON, async || webhook.ready().await.status == 503).await;

    assert!(webhook.ready().await.body.contains("process: shutting down"));
    assert_eq!(webhook.admin("/livez").await.status, 200);
    assert_eq!(webhook.metric("pullpass_ready").await, Some(0.0));
    assert_eq!(webhook.additions("default", 5).await.unwrap(), ["project"]);
    let status = eventually("the end", SOON, async || webhook.exited()).await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn fault_19_a_second_signal_ends_it_at_once() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.webhook().config(&config("project"));
    let mut webhook = webhook.argument("--shutdown-delay=10m").start().await;

    webhook.signal("TERM");
    eventually("not ready", SOON, async || webhook.ready().await.status == 503).await;
    webhook.signal("TERM");

    let status = eventually("the end", SOON, async || webhook.exited()).await;
    assert_eq!(status.code(), Some(1));
}
