//! Where a Pod can name an image.

use serde_json::json;

use crate::{eventually::eventually, installed::pull_secrets, node::Node, pods::PULLED};

pub async fn init_containers_and_image_volumes_are_pulled(node: &Node) {
    let [init, volume, main] =
        ["team/init", "team/volume", "team/main"].map(|name| node.private_image(name));
    node.namespace("granted-places", &[]).await;
    let spec = json!({
        "initContainers": [{
            "name": "init",
            "image": init,
            "args": ["read", "/volume/app"],
            "volumeMounts": [{"name": "volume", "mountPath": "/volume"}],
        }],
        "containers": [{"name": "app", "image": main}],
        "volumes": [{"name": "volume", "image": {"reference": volume}}],
    });

    let created = node.pod_of("granted-places", "app", &[], spec).await;

    assert_eq!(pull_secrets(&created), ["team"]);
    node.runs("granted-places", "app").await;
    eventually("the three images to be on the node", PULLED, async || {
        let events = node.kubectl(&["get", "events", "-n", "granted-places"], None).await;
        let events = events.expect_success();
        let pulled = |image: &String| events.contains(&format!("pulled image \"{image}\""));
        [&init, &volume, &main].into_iter().all(pulled).then_some(()).ok_or(events)
    })
    .await;
}
