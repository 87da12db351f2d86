//! Certificates of somebody else: the controller tells when they expire, and writes nothing.

use std::time::UNIX_EPOCH;

use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use pullpass::pki;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use time::OffsetDateTime;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    controller::ControllerProcess,
    eventually::eventually,
    managed::{CONTROLLER, SOON},
    manifests::GIVEN_CERTIFICATE,
    pki::Authority,
};

const SERVICE: [&str; 1] = ["pullpass-webhook.pullpass-system.svc"];

#[tokio::test]
async fn the_expiry_of_a_given_certificate_is_told_and_nothing_is_written() {
    let cluster = Cluster::exclusive().await;
    cluster.install(GIVEN_CERTIFICATE).await;
    let manifests = cluster.render(GIVEN_CERTIFICATE).await;
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "Secret"] {
        for object in manifests.of_kind(kind) {
            cluster.apply(object).await;
        }
    }
    let authority = Authority::new("given");
    let own = cluster.controllers_kubeconfig().await;
    let controller = cluster
        .controller()
        .kubeconfig(&own)
        .argument("--certificates=external")
        .argument("--copies=none");
    let controller = controller.start().await;

    let end = OffsetDateTime::now_utc() + std::time::Duration::from_secs(3600);
    for leaf in [authority.issue(&SERVICE), authority.issue_until(&SERVICE, end)] {
        cluster.write_tls_secret(&leaf, &authority).await;
        expiry(&controller, "serving", not_after(&leaf.certificate)).await;
        expiry(&controller, "ca", not_after(&authority.pem())).await;
    }

    let good = authority.issue(&SERVICE);
    let over = authority.issue_expired(&SERVICE);
    let mut broken = good.clone();
    broken.key = broken.key.replace("-----END", "-----");
    for (spoilt, told) in [(&over, "it expired at"), (&broken, "cannot be parsed")] {
        let before = controller.metric("pullpass_certificate_failures_total").await;
        cluster.write_tls_secret(spoilt, &authority).await;
        is_told(&cluster, told).await;
        expiry(&controller, "serving", 0.0).await;
        assert!(controller.metric("pullpass_certificate_failures_total").await > before);
        cluster.write_tls_secret(&good, &authority).await;
        expiry(&controller, "serving", not_after(&good.certificate)).await;
    }
    let deleted = kube::api::DeleteParams::default();
    cluster.secrets().delete("pullpass-tls", &deleted).await.unwrap();
    expiry(&controller, "serving", 0.0).await;
    is_told(&cluster, "it does not exist").await;

    let key_line = good.key.lines().nth(2).unwrap();
    assert!(!controller.log().contains(key_line), "{}", controller.log());
    assert!(controller.leads().await);
    let asked = cluster.audit_events(|event| event.user.username == CONTROLLER);
    for event in &asked {
        let resource = event.object_ref.resource.as_str();
        let is_read = ["list", "watch"].contains(&event.verb.as_str());
        let may = matches!(resource, "leases" | "events") || (resource == "secrets" && is_read);
        assert!(may && event.response_status.code != 403, "{event:?}");
    }
    assert!(asked.iter().any(|event| event.object_ref.resource == "secrets"));
}

async fn expiry(controller: &ControllerProcess, certificate: &str, expected: f64) {
    let sample =
        format!("pullpass_managed_certificate_not_after_seconds{{certificate=\"{certificate}\"}}");
    eventually(&format!("{sample} {expected}"), SOON, async || {
        let value = controller.metric(&sample).await;
        (value == Some(expected)).then_some(()).ok_or(format!("{value:?} {}", controller.log()))
    })
    .await;
}

fn not_after(pem: &str) -> f64 {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let end = pki::validity(&certificate).unwrap().not_after;
    end.duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Waits for an Event on the certificate with these words.
async fn is_told(cluster: &Cluster, words: &str) {
    eventually("an Event of the certificate", SOON, async || {
        let notes = unusable(cluster).await;
        notes.iter().any(|note| note.contains(words)).then_some(()).ok_or(notes.concat())
    })
    .await;
}

/// The notes of the Events that say so.
async fn unusable(cluster: &Cluster) -> Vec<String> {
    let events: Api<Event> = Api::namespaced(cluster.client(), SYSTEM_NAMESPACE);
    let events = events.list(&ListParams::default()).await.unwrap().into_iter();
    let wanted = events.filter(|event| event.reason.as_deref() == Some("CertificateUnusable"));
    wanted.filter_map(|event| event.note).collect()
}
