//! Whose private images run, and whose do not.

use serde_json::json;

use crate::{
    eventually::eventually,
    installed::{SOON, pull_secrets},
    node::{Node, PASSWORD},
    pods::container,
};

/// What containerd says where it had no credential.
pub const NO_CREDENTIAL: &str = "no basic auth credentials";
const OPT_OUT: [(&str, &str); 1] = [("pullpass.io/inject", "disabled")];

/// The Secret is copied there, and the Pod names it.
pub async fn a_granted_namespace_runs_it(node: &Node) {
    let image = node.private_image("team/granted");
    node.namespace("granted-runs", &[]).await;

    let created = node.pod("granted-runs", "app", &image).await;

    assert_eq!(pull_secrets(&created), ["team"]);
    node.runs("granted-runs", "app").await;
    let copy = ["get", "secret", "team", "-n", "granted-runs", "-o", "yaml"];
    let copy = node.kubectl(&copy, None).await.expect_success();
    assert!(copy.contains("pullpass.io/entry: team"), "{copy}");
    let logs = node.kubectl(&["logs", "-n", "granted-runs", "app"], None).await;
    assert_eq!(logs.expect_success(), "started\n");
}

pub async fn a_namespace_that_is_not_granted_cannot_pull(node: &Node) {
    let image = node.private_image("team/not-granted");
    node.namespace("elsewhere", &[]).await;

    let created = node.pod("elsewhere", "app", &image).await;

    assert_eq!(pull_secrets(&created), [""; 0]);
    let said = node.cannot_pull("elsewhere", "app").await;
    assert!(said.contains(NO_CREDENTIAL), "{said}");
}

pub async fn who_opted_out_cannot_pull(node: &Node) {
    let image = node.private_image("team/opted-out");
    node.namespace("granted-opted-out", &OPT_OUT).await;
    node.namespace("granted-but-for-a-pod", &[]).await;
    let spec = json!({"containers": [container(&image)]});

    node.pod("granted-opted-out", "app", &image).await;
    node.pod_of("granted-but-for-a-pod", "app", &OPT_OUT, spec).await;

    for namespace in ["granted-opted-out", "granted-but-for-a-pod"] {
        let said = node.cannot_pull(namespace, "app").await;
        assert!(said.contains(NO_CREDENTIAL), "{namespace}: {said}");
    }
}

pub async fn an_image_that_no_pattern_matches_cannot_be_pulled(node: &Node) {
    let image = node.private_image("another-team/app");
    node.namespace("granted-other-image", &[]).await;

    node.pod("granted-other-image", "app", &image).await;

    let said = node.cannot_pull("granted-other-image", "app").await;
    assert!(said.contains(NO_CREDENTIAL), "{said}");
}

/// Once the source is corrected, the Pod runs by itself.
pub async fn a_wrong_password_is_told_and_can_be_corrected(node: &Node) {
    let image = node.private_image("corrected/app");
    node.namespace("corrected-team", &[]).await;

    let created = node.pod("corrected-team", "app", &image).await;

    assert_eq!(pull_secrets(&created), ["corrected"]);
    let said = node.cannot_pull("corrected-team", "app").await;
    assert!(said.contains("401 Unauthorized"), "{said}");
    let status = eventually("`pullpass status` to tell", SOON, async || {
        let status = node.pullpass(&["status"]);
        let tells = !status.success && status.stdout.contains("corrected-team/app");
        tells.then_some(status.stdout.clone()).ok_or(status.stdout + &status.stderr)
    })
    .await;
    assert!(status.contains("401 Unauthorized"), "{status}");

    node.source("corrected", PASSWORD).await;

    let running = node.runs("corrected-team", "app").await;
    assert_eq!(running.metadata.uid, created.metadata.uid);
    eventually("`pullpass status` to tell no more", SOON, async || {
        let status = node.pullpass(&["status"]);
        let is_quiet = !status.stdout.contains("corrected-team/app");
        is_quiet.then_some(()).ok_or(status.stdout)
    })
    .await;
}
