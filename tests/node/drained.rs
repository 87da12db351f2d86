//! The node is drained, as before its maintenance.

use crate::{
    eventually::eventually,
    installed::SOON,
    kubelet::NODE,
    node::{HOST, Node},
};

const NAMESPACE: &str = "granted-drained";

/// There is no other node: one replica stays, until it is not to be kept.
pub async fn a_drain_of_the_only_node_leaves_a_replica_at_work(node: &Node) {
    node.namespace(NAMESPACE, &[]).await;
    let of_pullpass = ["drain", NODE, "--pod-selector=app.kubernetes.io/name=pullpass"];
    let drain = async |how| node.kubectl(&[&of_pullpass[..], &[how]].concat(), None).await;

    let budgeted = drain("--timeout=10s").await;

    assert!(!budgeted.success, "{}", budgeted.stdout);
    let reason = "Cannot evict pod as it would violate the pod's disruption budget";
    assert!(budgeted.stderr.contains(reason), "{}", budgeted.stderr);
    assert_eq!(node.pods_of("webhook").await.len(), 2, "one at work, and one without a node");
    is_at_work(node).await;

    drain("--disable-eviction").await.expect_success();
    node.kubectl(&["uncordon", NODE], None).await.expect_success();

    node.deployments_are_ready().await;
    is_at_work(node).await;
}

async fn is_at_work(node: &Node) {
    let image = format!("{HOST}/team/drained:1");
    eventually("a Pod to get its pull secret", SOON, async || {
        let secrets = node.would_add(NAMESPACE, &image).await?;
        (secrets == ["team"]).then_some(()).ok_or(format!("pull secrets: {secrets:?}"))
    })
    .await;
}
