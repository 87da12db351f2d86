//! Certificates are renewed in time, with nobody who asks for it.

use crate::{eventually::eventually, managed::SOON, upkeep::Upkeep};

const EXPIRY: &str = "pullpass_managed_certificate_not_after_seconds";

#[tokio::test]
async fn an_authority_of_seconds_is_renewed_over_and_over_and_no_admission_fails() {
    let mut upkeep = Upkeep::start(&[
        "--ca-lifetime=20s",
        "--ca-renewal-percent=50",
        "--certificate-lifetime=10s",
        "--certificate-renewal-percent=50",
        "--certificate-name=*.corp.example",
    ])
    .await;
    let stream = upkeep.cluster.pod_stream().await;
    let begin = expiries(&upkeep).await;
    for authorities in [2, 3, 4] {
        eventually("another authority in time", SOON, async || {
            let issued = upkeep.issued().await;
            (issued[0] >= authorities).then_some(()).ok_or(format!("{issued:?}"))
        })
        .await;
    }
    upkeep.in_order().await;

    println!("{} Pods were admitted", stream.end().await);
    let end = expiries(&upkeep).await;
    assert!(end[0] >= begin[0] + 20.0 && end[1] >= begin[1] + 20.0, "{begin:?} {end:?}");
    let issued = upkeep.issued().await;
    // One of its own at half of its life, and one with each authority.
    assert!(issued[1] >= 6 && issued[1] <= 4 * issued[0], "{issued:?}");
    assert_eq!(upkeep.controller.metric("pullpass_certificate_failures_total").await, Some(0.0));
    upkeep.kept_its_keys().await;
}

/// When the authority and the certificate expire.
async fn expiries(upkeep: &Upkeep) -> [f64; 2] {
    let mut expiries = [0.0; 2];
    for (expiry, certificate) in expiries.iter_mut().zip(["ca", "serving"]) {
        let sample = format!("{EXPIRY}{{certificate=\"{certificate}\"}}");
        *expiry = upkeep.controller.metric(&sample).await.expect("the metric is there");
    }
    expiries
}
