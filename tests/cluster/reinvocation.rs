//! Another mutating webhook adds a container after ours was asked.

use serde_json::json;

use crate::{
    cluster::Cluster,
    eventually::eventually,
    installed::SOON,
    pods::{images, pod, pull_secrets},
    sidecar_injector::SidecarInjector,
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: mesh
    images: ["quay.io/mesh/*"]
  - name: project
    images: ["gcr.io/p/*"]
"#;

#[tokio::test]
async fn fault_06_the_image_of_a_container_that_comes_later_counts() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let injector = SidecarInjector::start("quay.io/mesh/proxy");
    cluster.register_sidecar_injector(&injector).await;
    let namespace = cluster.namespace("team").create().await;

    let pod = pod("a").image("gcr.io/p/a").secret("own").build();
    let stored = namespace.create(&pod).await.unwrap();

    assert_eq!(images(&stored), ["gcr.io/p/a", "quay.io/mesh/proxy"]);
    assert_eq!(pull_secrets(&stored), ["own", "project", "mesh"]);
    let asked = cluster.creation_of(&namespace.name, "a").await.configurations_asked();
    assert_eq!(asked, ["pullpass", "sidecar-injector", "pullpass"]);
}

#[tokio::test]
async fn fault_05_being_asked_again_adds_nothing_twice() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let injector = SidecarInjector::start("gcr.io/p/proxy");
    cluster.register_sidecar_injector(&injector).await;
    let namespace = cluster.namespace("team").create().await;

    let stored = namespace.create(&pod("a").image("gcr.io/p/a").build()).await.unwrap();

    assert_eq!(pull_secrets(&stored), ["project"]);
    let asked = cluster.creation_of(&namespace.name, "a").await.configurations_asked();
    assert_eq!(asked.iter().filter(|name| *name == "pullpass").count(), 2);
}

/// Why the manifests say IfNeeded.
#[tokio::test]
async fn without_reinvocation_the_later_image_would_have_no_secret() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let injector = SidecarInjector::start("quay.io/mesh/proxy");
    cluster.register_sidecar_injector(&injector).await;
    let never =
        json!([{"op": "replace", "path": "/webhooks/0/reinvocationPolicy", "value": "Never"}]);
    cluster.change_registration(never).await;
    let namespace = cluster.namespace("team").create().await;

    let pod = pod("a").image("gcr.io/p/a").build();
    eventually("the change to be in force", SOON, async || {
        pull_secrets(&namespace.dry_run(&pod).await.unwrap()) == ["project"]
    })
    .await;
}
