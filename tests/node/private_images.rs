//! Whose private images run, and whose do not.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::{Value, json};

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
    status_says(node, "team", "notGranted").await;
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
    status_says(node, "team", "leftOut").await;
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
    status_says(node, "corrected", "credentialRefused").await;

    node.source("corrected", PASSWORD).await;

    let running = node.runs("corrected-team", "app").await;
    assert_eq!(running.metadata.uid, created.metadata.uid);
    eventually("`pullpass status` to tell no more", SOON, async || {
        let causes = causes(node, "corrected");
        causes.is_empty().then_some(()).ok_or(format!("{causes:?}"))
    })
    .await;
}

/// From a user name and a token, which the table and a Secret have, to a Pod that runs.
pub async fn a_credential_that_is_made_opens_the_registry(node: &Node) {
    let image = node.private_image("made/app");
    let token = format!("--from-literal=token={PASSWORD}");
    let robot = ["-n", "pullpass-system", "create", "secret", "generic", "robot", &token];
    node.kubectl(&robot, None).await.expect_success();
    node.namespace("made-team", &[]).await;

    let created = node.pod("made-team", "app", &image).await;

    assert_eq!(pull_secrets(&created), ["made"]);
    node.runs("made-team", "app").await;
}

/// What is withdrawn is taken away: the copy goes, and new Pods are given no pull secret.
pub async fn a_namespace_that_opts_out_loses_its_copy(node: &Node) {
    let image = node.private_image("team/withdrawn");
    node.namespace("granted-withdrawn", &[]).await;
    node.pod("granted-withdrawn", "before", &image).await;
    node.runs("granted-withdrawn", "before").await;

    let label = ["label", "namespace", "granted-withdrawn", "pullpass.io/inject=disabled"];
    node.kubectl(&label, None).await.expect_success();

    let secrets: Api<Secret> = Api::namespaced(node.client(), "granted-withdrawn");
    eventually("the copy to be gone", SOON, async || {
        secrets.get_opt("team").await.is_ok_and(|copy| copy.is_none())
    })
    .await;
    let created = node.pod("granted-withdrawn", "after", &image).await;
    assert_eq!(pull_secrets(&created), [""; 0]);
    let said = node.cannot_pull("granted-withdrawn", "after").await;
    assert!(said.contains(NO_CREDENTIAL), "{said}");
}

/// Waits until `pullpass status` gives this cause for Pods that cannot pull an image of an entry.
async fn status_says(node: &Node, entry: &str, cause: &str) {
    eventually(&format!("`pullpass status` to say {cause}"), SOON, async || {
        let causes = causes(node, entry);
        causes.iter().any(|it| it == cause).then_some(()).ok_or(format!("{causes:?}"))
    })
    .await;
}

fn causes(node: &Node, entry: &str) -> Vec<String> {
    let status = node.pullpass(&["status", "-o", "json"]);
    let json: Value = serde_json::from_str(&status.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", status.stdout, status.stderr));
    let pulls = json["pulls"].as_array().expect("it lists what cannot be pulled");
    let of_entry = pulls.iter().filter(|pull| pull["entry"] == entry);
    of_entry.map(|pull| pull["cause"].as_str().expect("it has a cause").to_owned()).collect()
}
