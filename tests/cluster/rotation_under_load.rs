//! Rotation while Pods are created without pause, under failurePolicy Fail: any miss is an error.
//!
//! One hundred rotations; `PULLPASS_ROTATIONS` says another number (`make soak`).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::DeleteParams};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    cluster::Cluster,
    deployed::{IMAGE, config},
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    managed::SOON,
    namespace::Namespace,
    pods::{pod, pull_secrets},
};

/// Clients that create Pods all the time.
const CLIENTS: usize = 4;
const ROTATIONS: usize = 100;

#[tokio::test]
async fn a_hundred_rotations_are_noticed_by_no_request() {
    let rotations = match std::env::var("PULLPASS_ROTATIONS") {
        Ok(number) => number.parse().expect("PULLPASS_ROTATIONS is a number"),
        Err(_) => ROTATIONS,
    };
    let cluster = Cluster::exclusive().await;
    let service = Forwarder::to(&[]).await;
    cluster.apply_default_overlay(service.port()).await;
    cluster.configure(&config("project")).await.expect_success();
    let delays = ["--propagation-delay=1s", "--pickup-delay=1s"];
    let controller = cluster.managing_controller().await;
    let controller = delays.iter().fold(controller, |new, delay| new.argument(delay)).start().await;
    // The one keeps its connections, the other makes the API server open new ones all the time.
    let kept = cluster.managed_webhook().await.start().await;
    let fresh = cluster.managed_webhook().await.argument("--connection-max-requests=3");
    let fresh = fresh.start().await;
    service.direct_to(&[kept.port(), fresh.port()]);
    let mut certificates = cluster.steady().await;
    let namespace = Arc::new(cluster.namespace("team").create().await);
    is_injected(&namespace).await;
    cluster
        .change_registration(
            json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]),
        )
        .await;

    let created = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (namespace, created, done) =
            (Arc::clone(&namespace), Arc::clone(&created), Arc::clone(&done));
        clients.spawn(async move { create_until(client, &namespace, &created, &done).await });
    }
    for _ in 0..rotations {
        let before = created.load(Ordering::SeqCst);
        cluster.ask_for_renewal("pullpass-ca").await;
        certificates = cluster.steady_after(&certificates).await;
        assert!(created.load(Ordering::SeqCst) > before, "no Pod was created meanwhile");
    }
    done.store(true, Ordering::SeqCst);
    for client in clients.join_all().await {
        client.unwrap_or_else(|error| panic!("{error}: {} {}", kept.log(), fresh.log()));
    }

    let issued = async |which: &str| {
        let sample = format!("pullpass_certificate_rotations_total{{certificate=\"{which}\"}}");
        controller.metric(&sample).await.unwrap_or_default()
    };
    let wanted = f64::from(u32::try_from(rotations).unwrap() + 1);
    assert_eq!((issued("ca").await, issued("serving").await), (wanted, wanted));
    assert!(
        fresh.metric("pullpass_certificate_loads_total{result=\"loaded\"}").await >= Some(wanted)
    );
    println!("{} Pods during {rotations} rotations", created.load(Ordering::SeqCst));
}

/// Creates Pods one after the other. The first client stores its own and deletes them; the others ask
/// for dry runs.
async fn create_until(
    client: usize,
    namespace: &Namespace,
    created: &AtomicUsize,
    done: &AtomicBool,
) -> Result<(), String> {
    let mut number = 0;
    while !done.load(Ordering::SeqCst) {
        number += 1;
        let pod = pod(&format!("pod-{client}-{number}")).image(IMAGE).build();
        let answer = match client {
            0 => namespace.create(&pod).await,
            _ => namespace.dry_run(&pod).await,
        };
        let stored =
            answer.map_err(|error| format!("{} was not created: {error}", pod.name_any()))?;
        if pull_secrets(&stored) != ["project"] {
            return Err(format!("{} was not injected", pod.name_any()));
        }
        created.fetch_add(1, Ordering::SeqCst);
        if client == 0 {
            let at_once = DeleteParams { grace_period_seconds: Some(0), ..Default::default() };
            let _ = namespace.api::<Pod>().delete(&pod.name_any(), &at_once).await;
        }
    }
    Ok(())
}

async fn is_injected(namespace: &Namespace) {
    let pod = pod("first").image(IMAGE).build();
    eventually("the first injected Pod", SOON, async || {
        let answer = namespace.dry_run(&pod).await.map_err(|error| error.to_string())?;
        (pull_secrets(&answer) == ["project"])
            .then_some(())
            .ok_or_else(|| "not injected".to_string())
    })
    .await;
}
