//! Images that the node has already, of somebody who could pull them (KEP-2535).

use crate::{node::Node, pods::container};
use serde_json::json;

/// What the kubelet says where the image is there and the Pod has no credential that once pulled it.
const REFUSED: &str = "no basic auth credentials";

pub async fn an_image_on_the_node_is_refused_without_a_grant(node: &Node) {
    let image = node.private_image("team/kept");
    node.namespace("granted-kept", &[]).await;
    node.namespace("kept-elsewhere", &[]).await;
    node.pod("granted-kept", "first", &image).await;
    node.runs("granted-kept", "first").await;
    let never = |name: &str| {
        let mut only = container(&image);
        only["name"] = name.into();
        only["imagePullPolicy"] = "Never".into();
        json!({"containers": [only]})
    };

    node.pod("kept-elsewhere", "app", &image).await;
    node.pod_of("granted-kept", "never", &[], never("app")).await;
    node.pod("granted-kept", "second", &image).await;

    let said = node.cannot_pull("kept-elsewhere", "app").await;
    assert!(said.contains(REFUSED), "{said}");
    node.runs("granted-kept", "second").await;
    node.runs("granted-kept", "never").await;
}
