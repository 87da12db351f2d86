//! From an empty cluster to the first injected Pod, with no manual step.

use std::time::Instant;

use crate::{
    cluster::Cluster,
    deployed::{IMAGE, config},
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    managed::SOON,
    pods::{pod, pull_secrets},
};

#[tokio::test]
async fn the_default_overlay_injects_without_a_manual_step() {
    let cluster = Cluster::exclusive().await;
    let service = Forwarder::to(&[]).await;
    let namespace = cluster.namespace("team").create().await;
    let start = Instant::now();

    cluster.apply_default_overlay(service.port()).await;
    cluster.configure(&config("project")).await.expect_success();
    let webhook = cluster.managed_webhook().await.spawn();
    let controllers =
        [cluster.managing_controller().await.spawn(), cluster.managing_controller().await.spawn()];
    service.direct_to(&[webhook.port()]);
    let mut number = 0;
    eventually("the first injected Pod", SOON, async || {
        number += 1;
        let pod = pod(&format!("pod-{number}")).image(IMAGE).build();
        let stored = namespace.create(&pod).await.map_err(|error| error.to_string())?;
        (pull_secrets(&stored) == ["project"]).then_some(()).ok_or_else(|| {
            let logs = controllers.iter().map(|controller| controller.log());
            format!("not injected: {} {}", webhook.log(), logs.collect::<String>())
        })
    })
    .await;

    println!(
        "the first injected Pod came {:.1} s after kubectl apply",
        start.elapsed().as_secs_f64()
    );
    assert!(cluster.steady().await.are_steady());
    eventually("the webhook to be ready", SOON, async || {
        let answer = webhook.admin_if_up("/readyz").await?;
        (answer.status == 200).then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
    assert_eq!(webhook.metric("pullpass_certificate_verified").await, Some(1.0));
}
