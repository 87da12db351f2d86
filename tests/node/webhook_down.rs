//! Pods that are created while no replica of the webhook answers, and how they are healed.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;

use crate::{
    eventually::eventually,
    installed::{SOON, SYSTEM_NAMESPACE, pull_secrets},
    node::Node,
    pods::{PULLED, container},
    private_images::NO_CREDENTIAL,
    shell,
};

const MANUAL: &str = include_str!("../../docs/operations.md");
const HEADING: &str = "\n### Pods that were missed\n";
/// The namespace and the Deployment in the manual.
const NAMESPACE: &str = "team-a";
const DEPLOYMENT: &str = "app";
/// By when replicas that were told to end have ended: their grace period is 30 s.
const ENDED: Duration = Duration::from_mins(1);

/// Pods are created and fail to pull; what the manual says heals them.
pub async fn what_the_manual_says_heals_pods_that_were_missed(node: &Node) {
    let image = node.private_image("team/missed");
    node.namespace(NAMESPACE, &[]).await;
    scale_webhook(node, 0).await;
    // A replica that is told to end answers for some seconds more.
    let of_webhook = ListParams::default().labels("app.kubernetes.io/component=webhook");
    eventually("no replica to be left", ENDED, async || {
        let left = node.pods(SYSTEM_NAMESPACE).list(&of_webhook).await;
        left.is_ok_and(|pods| pods.items.is_empty())
    })
    .await;

    node.apply(&json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": DEPLOYMENT, "namespace": NAMESPACE},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": DEPLOYMENT}},
            "template": {
                "metadata": {"labels": {"app": DEPLOYMENT}},
                "spec": {"containers": [container(&image)], "terminationGracePeriodSeconds": 0},
            },
        },
    }))
    .await;

    let missed = eventually("two Pods", SOON, async || {
        let pods = node.pods(NAMESPACE).list(&ListParams::default()).await.ok()?;
        (pods.items.len() == 2).then_some(pods.items)
    })
    .await;
    for pod in &missed {
        assert_eq!(pull_secrets(pod), [""; 0], "{}", pod.name_any());
        let said = node.cannot_pull(NAMESPACE, &pod.name_any()).await;
        assert!(said.contains(NO_CREDENTIAL), "{said}");
    }
    scale_webhook(node, 2).await;
    node.deployments_are_ready().await;

    eventually("the webhook to be asked again", SOON, async || {
        let secrets = node.would_add(NAMESPACE, &image).await?;
        (secrets == ["team"]).then_some(()).ok_or(format!("pull secrets: {secrets:?}"))
    })
    .await;

    let [status, failing, created, heal] = commands();
    let status = said(node, &status, 1).await;
    for words in ["entry `team`", "2 Pods cannot pull", "it has no pull secret of this entry"] {
        assert!(status.contains(words), "{words}: {status}");
    }
    let (failing, created) = (said(node, &failing, 0).await, said(node, &created, 0).await);
    for pod in &missed {
        let name = pod.name_any();
        assert!(failing.lines().any(|line| line.contains(&name)), "{failing}");
        let line = created.lines().find(|line| line.contains(&name));
        assert!(line.is_some_and(|line| line.trim_end().ends_with("<none>")), "{created}");
    }
    said(node, &heal, 0).await;

    let deployments: Api<Deployment> = Api::namespaced(node.client(), NAMESPACE);
    eventually("the Deployment to be healed", PULLED, async || {
        let found = deployments.get(DEPLOYMENT).await.map_err(|error| error.to_string())?;
        let status = found.status.unwrap_or_default();
        let is_healed = (status.replicas, status.updated_replicas, status.ready_replicas)
            == (Some(2), Some(2), Some(2));
        is_healed.then_some(()).ok_or_else(|| format!("{status:?}"))
    })
    .await;
}

async fn scale_webhook(node: &Node, replicas: u32) {
    let replicas = format!("--replicas={replicas}");
    let arguments = ["-n", SYSTEM_NAMESPACE, "scale", "deployment", "pullpass-webhook", &replicas];
    node.kubectl(&arguments, None).await.expect_success();
}

/// The commands of the manual: which Pods fail, by entry and one by one; what was created meanwhile; and what
/// heals them.
fn commands() -> [String; 4] {
    let (_, rest) = MANUAL.split_once(HEADING).expect("the manual tells of Pods that were missed");
    let section = rest.split("\n### ").next().unwrap_or(rest);
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<String> = blocks.map(str::to_owned).collect();
    blocks.try_into().expect("the manual has four blocks of commands")
}

/// What commands print that exit with `code`.
async fn said(node: &Node, commands: &str, code: i32) -> String {
    let said = shell::run(node, commands, |_| ()).await;
    assert_eq!(said.status.code(), Some(code), "{commands}{}", said.text);
    said.text
}
