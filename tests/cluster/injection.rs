//! What is added to a Pod, where, and in which order.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    pods::{PodBuilder, pod, pull_secrets},
    webhook::WebhookProcess,
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: quay
    images: ["quay.io/team/*"]
  - name: project
    images: ["gcr.io/p/*"]
    pullSecrets: ["project-pull", "shared"]
  - name: spare
    images: ["gcr.io/p/*", "registry.example.com/*"]
    pullSecrets: ["shared", "spare"]
"#;

async fn start() -> (Cluster, WebhookProcess) {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.installed("cluster-wide", CONFIG).await;
    (cluster, webhook)
}

#[tokio::test]
async fn two_registries_give_both_secrets_in_the_order_of_the_configuration() {
    let (cluster, _webhook) = start().await;
    let namespace = cluster.namespace("team").create().await;

    let pod = pod("a").image("registry.example.com/x").image("gcr.io/p/a").image("quay.io/team/b");
    let stored = namespace.create(&pod.build()).await.unwrap();

    assert_eq!(pull_secrets(&stored), ["quay", "project-pull", "shared", "spare"]);
}

#[tokio::test]
async fn fault_07_the_service_accounts_secrets_come_first_and_none_comes_twice() {
    let (cluster, _webhook) = start().await;
    let namespace = cluster.namespace("team").create().await;
    cluster.service_account(&namespace.name, "builder", &["account", "shared", "other"]).await;
    let image = pod("a").image("gcr.io/p/a");

    let stored = namespace.create(&image.clone().service_account("builder").build()).await.unwrap();
    let expected = ["account", "shared", "other", "project-pull", "spare"];
    assert_eq!(pull_secrets(&stored), expected);

    // A list of the Pod's own keeps those of its ServiceAccount away.
    let own = pod("b").image("gcr.io/p/a").service_account("builder").secret("spare").secret("own");
    let stored = namespace.create(&own.build()).await.unwrap();
    assert_eq!(pull_secrets(&stored), ["spare", "own", "project-pull", "shared"]);
}

#[tokio::test]
async fn images_of_init_containers_sidecars_and_volumes_count() {
    let (cluster, _webhook) = start().await;
    let namespace = cluster.namespace("team").create().await;

    let init = pod("init").image("nginx").init_image("quay.io/team/init").build();
    assert_eq!(pull_secrets(&namespace.create(&init).await.unwrap()), ["quay"]);

    let mut sidecar = pod("sidecar").image("nginx").init_image("quay.io/team/sidecar").build();
    let containers = sidecar.spec.as_mut().unwrap().init_containers.as_mut().unwrap();
    containers[0].restart_policy = Some("Always".into());
    assert_eq!(pull_secrets(&namespace.create(&sidecar).await.unwrap()), ["quay"]);

    let volume = pod("volume").image("nginx").image_volume("quay.io/team/data").build();
    assert_eq!(pull_secrets(&namespace.create(&volume).await.unwrap()), ["quay"]);
}

#[tokio::test]
async fn a_pod_that_nothing_matches_is_stored_as_without_the_webhook() {
    let cluster = Cluster::exclusive().await;
    let namespace = cluster.namespace("team").create().await;
    let submitted = |name: &str| {
        let pod = pod(name).image("nginx").init_image("docker.io/library/busybox").secret("own");
        pod.label("app", "a").annotation("note", "b").build()
    };
    let before = namespace.create(&submitted("before")).await.unwrap();
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;

    let after = namespace.create(&submitted("after")).await.unwrap();

    assert!(cluster.asked(&namespace.name, "after").await);
    assert_eq!(without_generated_names(&before), without_generated_names(&after));
}

/// The spec, labels and annotations, with one name for the volume of the ServiceAccount's token.
fn without_generated_names(pod: &Pod) -> Value {
    let volumes = pod.spec.iter().flat_map(|spec| &spec.volumes).flatten();
    let token = volumes.map(|volume| &volume.name).find(|name| name.starts_with("kube-api-access"));
    let metadata = &pod.metadata;
    let kept = json!([pod.spec, metadata.labels, metadata.annotations, metadata.finalizers]);
    let kept = kept.to_string().replace(token.expect("a Pod has a token"), "token");
    serde_json::from_str(&kept).unwrap()
}

#[tokio::test]
async fn fault_05_a_stored_pod_submitted_again_gets_nothing_more() {
    let (cluster, _webhook) = start().await;
    let namespace = cluster.namespace("team").create().await;
    let first = pod("a").image("gcr.io/p/a").image("quay.io/team/b").secret("own").build();
    let stored = namespace.create(&first).await.unwrap();

    let mut again = pod("b").build();
    again.spec = stored.spec.clone();
    let again = namespace.create(&again).await.unwrap();

    assert_eq!(pull_secrets(&again), pull_secrets(&stored));
    assert_eq!(again.spec.unwrap().volumes, stored.spec.unwrap().volumes);
}

/// A patch that does not apply would be a 500, even under failurePolicy Ignore.
#[tokio::test]
async fn fault_01_lists_of_every_form_take_the_patch() {
    let (cluster, _webhook) = start().await;
    let namespace = cluster.namespace("team").create().await;
    let forms = [
        (json!(null), "quay"),
        (json!([]), "quay"),
        (json!([{"name": "own"}]), "own quay"),
        (json!([{}]), " quay"),
        (json!([{"name": ""}, {"name": "own"}]), " own quay"),
    ];
    for (number, (list, expected)) in forms.into_iter().enumerate() {
        let name = format!("a-{number}");
        let mut object = serde_json::to_value(pod(&name).image("quay.io/team/a").build()).unwrap();
        object["spec"]["imagePullSecrets"] = list;
        let create = ["create", "--validate=false", "-n", &namespace.name, "-o", "json", "-f", "-"];
        let stored = cluster.kubectl(&create, Some(&object.to_string())).await.expect_success();
        let stored: Pod = serde_json::from_str(&stored).unwrap();
        assert_eq!(pull_secrets(&stored).join(" "), expected, "{object}");
    }
}

/// The API server takes nearly any text as an image.
#[tokio::test]
async fn images_that_are_no_references_are_left_to_the_kubelet() {
    let (cluster, _webhook) = start().await;
    let namespace = cluster.namespace("team").create().await;
    let long = format!("gcr.io/p/{}", "a".repeat(5_000));
    let images = [
        "https://gcr.io/p/a",
        "gcr.io/p/UPPER",
        "gcr.io/p/a b",
        "gcr.io/p/a:",
        "gcr.io/p/a:1:2",
        "gcr.io/p//a",
        "gcr.io/p/../a",
        "gcr.io/p/a@sha256:short",
        "gcr.io%2fp%2fa",
        "gcr.io/p/\u{e4}\u{202e}\u{1f980}",
        "gcr.io/p/a\u{7}\"\\\n{}",
        "$(IMAGE)",
        "{{ .Values.image }}",
        &long,
    ];
    let all = |name| images.into_iter().fold(pod(name), PodBuilder::image);

    let stored = namespace.create(&all("all").build()).await.unwrap();
    assert!(pull_secrets(&stored).is_empty());
    assert!(cluster.asked(&namespace.name, "all").await);

    // One that is a reference counts beside them.
    let beside = namespace.dry_run(&all("beside").image("quay.io/team/a").build()).await.unwrap();
    assert_eq!(pull_secrets(&beside), ["quay"]);
}
