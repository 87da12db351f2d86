//! Rotation while Pods are created without pause, under failurePolicy Fail: any miss is an error.
//!
//! One hundred rotations; `PULLPASS_ROTATIONS` says another number (`make soak-rotation`).

use crate::{cluster::Cluster, deployed::config, endpoint::Endpoint, forwarder::Forwarder};

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
    let stream = cluster.pod_stream().await;
    for number in 1..=rotations {
        let before = stream.created();
        cluster.ask_for_renewal("pullpass-ca").await;
        certificates = cluster.steady_after(&certificates).await;
        stream.is_unharmed(&format!("rotation {number}"));
        assert!(stream.created() > before, "no Pod was created during rotation {number}");
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
    println!("{} Pods during {rotations} rotations", stream.end().await);
}
