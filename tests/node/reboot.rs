//! A node that loses its power.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::ListParams;

use crate::{
    eventually::eventually,
    installed::{SYSTEM_NAMESPACE, pull_secrets},
    node::Node,
    pods::PULLED,
};

/// Its own namespace is not one that it is asked about: nothing that it needs waits for it.
pub async fn pullpass_comes_back_by_itself(node: &Node) {
    let image = node.private_image("team/rebooted");
    node.namespace("granted-rebooted", &[]).await;
    node.pod("granted-rebooted", "before", &image).await;
    node.runs("granted-rebooted", "before").await;
    let before = containers(&node.own_pods().await);

    node.reboot().await;

    eventually("all replicas to be Ready in new containers", PULLED, async || {
        let pods = node.own_pods().await;
        let is_new = |container: &ContainerStatus| {
            container.ready && before.iter().all(|it| it.container_id != container.container_id)
        };
        let now = containers(&pods);
        let is_whole = now.len() == before.len() && now.iter().all(is_new);
        is_whole.then_some(()).ok_or_else(|| format!("{now:?}"))
    })
    .await;
    node.deployments_are_ready().await;
    let created = node.pod("granted-rebooted", "after", &image).await;
    assert_eq!(pull_secrets(&created), ["team"]);
    node.runs("granted-rebooted", "after").await;
    node.runs("granted-rebooted", "before").await;
}

impl Node {
    /// The Pods of Pullpass itself.
    async fn own_pods(&self) -> Vec<Pod> {
        let pods = self.pods(SYSTEM_NAMESPACE).list(&ListParams::default()).await;
        pods.expect("Pods are listed").items
    }
}

fn containers(pods: &[Pod]) -> Vec<ContainerStatus> {
    let statuses = pods.iter().filter_map(|pod| pod.status.as_ref());
    statuses.filter_map(|status| status.container_statuses.clone()).flatten().collect()
}
