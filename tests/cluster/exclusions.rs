//! Pods and namespaces that are left alone.

use std::time::Duration;

use crate::{
    cluster::Cluster,
    eventually::eventually,
    pods::{pod, pull_secrets},
    webhook::WebhookProcess,
};

const SOON: Duration = Duration::from_secs(5);
const INJECT: &str = "pullpass.io/inject";
const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
    namespaces:
      names: ["production"]
"#;

async fn webhook(cluster: &Cluster) -> WebhookProcess {
    let admin = cluster.control_plane().admin_kubeconfig();
    let webhook = cluster.webhook().config(CONFIG).kubeconfig(&admin).start().await;
    cluster.register("cluster-wide", &webhook).await;
    webhook
}

#[tokio::test]
async fn fault_08_a_mirror_pod_is_created_as_it_is() {
    let cluster = Cluster::exclusive().await;
    let _webhook = webhook(&cluster).await;
    let namespace = cluster.namespace("").named("production").create().await;

    let mirror = pod("a").image("gcr.io/p/a").node("node-1");
    let mirror = mirror.annotation("kubernetes.io/config.mirror", "hash").build();
    let stored = namespace.create(&mirror).await.unwrap();

    assert!(pull_secrets(&stored).is_empty());
}

#[tokio::test]
async fn a_pod_labelled_disabled_is_created_as_it_is() {
    let cluster = Cluster::exclusive().await;
    let _webhook = webhook(&cluster).await;
    let namespace = cluster.namespace("").named("production").create().await;

    let opted_out = pod("a").image("gcr.io/p/a").label(INJECT, "disabled").build();
    let stored = namespace.create(&opted_out).await.unwrap();

    assert!(pull_secrets(&stored).is_empty());
}

#[tokio::test]
async fn a_namespace_labelled_disabled_is_left_alone_from_then_on() {
    let cluster = Cluster::exclusive().await;
    let _webhook = webhook(&cluster).await;
    let namespace = cluster.namespace("").named("production").create().await;
    let pod = pod("a").image("gcr.io/p/a").build();
    let injected = async || pull_secrets(&namespace.dry_run(&pod).await.unwrap());

    assert_eq!(injected().await, ["project"]);
    namespace.relabel(&[(INJECT, Some("disabled"))]).await;
    eventually("the label to hold", SOON, async || injected().await.is_empty()).await;
    namespace.relabel(&[(INJECT, None)]).await;
    eventually("the label to be gone", SOON, async || injected().await == ["project"]).await;
}
