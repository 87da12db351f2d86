//! Several who would issue certificates on an empty cluster: one authority and one certificate come of it.

use std::time::Duration;

use crate::{
    audit,
    cluster::Cluster,
    eventually::eventually,
    managed::{Certificates, SOON},
    meddled::look_after,
    sweep,
};

const ROUNDS: usize = 10;
const WRITES: [&str; 4] = [
    "create secrets/pullpass-ca",
    "create secrets/pullpass-tls",
    "patch mutatingwebhookconfigurations/pullpass",
    "patch validatingwebhookconfigurations/pullpass",
];

#[tokio::test]
async fn fault_22_two_controllers_started_together_issue_one_authority_and_one_certificate() {
    let cluster = Cluster::exclusive().await;
    let began = audit::end(&cluster.control_plane().audit_log());
    cluster.apply_default_overlay(1).await;
    let controllers =
        [cluster.managing_controller().await.spawn(), cluster.managing_controller().await.spawn()];

    let certificates = cluster.steady().await;
    // Who ends before an answer leaves a write that is no success in the audit log.
    is_written_once(&cluster, began, &certificates).await;
    for controller in controllers {
        assert_eq!(controller.terminate().await.code(), Some(0));
    }

    is_written_once(&cluster, began, &certificates).await;
}

/// Should two lead at once after all, the API server's answer to the first write is what counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_even_without_a_lease_two_issue_one_authority_and_one_certificate() {
    let cluster = Cluster::exclusive().await;
    for _ in 0..ROUNDS {
        sweep::leftovers(&cluster).await;
        cluster.apply_default_overlay(1).await;
        let (one, two) = (cluster.controllers_client().await, cluster.controllers_client().await);
        let began = audit::end(&cluster.control_plane().audit_log());
        let loops = [one, two].map(|client| tokio::spawn(look_after(client, [Duration::ZERO; 2])));

        let certificates = cluster.steady().await;

        is_written_once(&cluster, began, &certificates).await;
        loops.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Each object was written once by now, and is as it was then.
async fn is_written_once(cluster: &Cluster, since: u64, before: &Certificates) {
    assert_eq!(cluster.certificates().await.unwrap(), *before);
    let written = eventually("all writes in the audit log", SOON, async || {
        let written = written(cluster, since);
        (written.len() >= WRITES.len()).then_some(written.clone()).ok_or(format!("{written:?}"))
    })
    .await;
    assert_eq!(written, WRITES);
}

fn written(cluster: &Cluster, since: u64) -> Vec<String> {
    let mut written: Vec<String> = cluster
        .writes_of_controllers(since)
        .iter()
        .filter(|event| !["events", "leases"].contains(&&*event.object_ref.resource))
        .map(|event| {
            let object = &event.object_ref;
            format!("{} {}/{}", event.verb, object.resource, object.name)
        })
        .collect();
    written.sort();
    written
}
