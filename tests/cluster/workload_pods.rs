//! Pods of every origin get their pull secrets: from kubectl, and from the real controllers.

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::{
    cluster::Cluster,
    eventually::eventually,
    installed::SOON,
    pods::{pod, pull_secrets},
    workloads::{cron_job, deployment, job},
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
"#;

const POD: &str = "
apiVersion: v1
kind: Pod
metadata:
  name: a
spec:
  containers:
    - name: main
      image: gcr.io/p/a:1
";

#[tokio::test]
async fn controllers_make_pods_with_pull_secrets() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;
    let template = pod("template").image("gcr.io/p/a").secret("own").build();

    namespace.create(&deployment("web", &template)).await.unwrap();
    namespace.create(&job("once", &template)).await.unwrap();
    namespace.create(&cron_job("often", &template)).await.unwrap();
    namespace.make_due("often").await;

    for app in ["app=web", "app=once", "app=often"] {
        let made = namespace.pod_labelled(app).await;
        assert_eq!(pull_secrets(&made), ["own", "project"], "{app}");
    }
}

#[tokio::test]
async fn stateful_sets_and_daemon_sets_make_pods_with_pull_secrets() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;
    cluster
        .apply(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "daemons"}}))
        .await;

    for (kind, name) in [("StatefulSet", "db"), ("DaemonSet", "agent")] {
        let labels = json!({"app": name});
        let containers = json!([{"name": "main", "image": "gcr.io/p/a"}]);
        cluster
            .apply(&json!({
                "apiVersion": "apps/v1",
                "kind": kind,
                "metadata": {"name": name, "namespace": namespace.name},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
                },
            }))
            .await;
        let made = namespace.pod_labelled(&format!("app={name}")).await;
        assert_eq!(pull_secrets(&made), ["project"], "{kind}");
    }
    cluster.kubectl(&["delete", "node", "daemons"], None).await.expect_success();
}

#[tokio::test]
async fn kubectl_run_makes_a_pod_with_its_pull_secret() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;

    let run = ["run", "a", "--image=gcr.io/p/a", "-n", &namespace.name];
    cluster.kubectl(&run, None).await.expect_success();

    let stored = namespace.api::<Pod>().get("a").await.unwrap();
    assert_eq!(pull_secrets(&stored), ["project"]);
}

/// A second apply must find nothing to change: the field is immutable.
#[tokio::test]
async fn kubectl_apply_makes_a_pod_with_its_pull_secret_and_may_be_repeated() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let apply: [&[&str]; 2] = [&["apply", "-f", "-"], &["apply", "--server-side", "-f", "-"]];

    for arguments in apply {
        let namespace = cluster.namespace("team").create().await;
        let arguments = [arguments, &["-n", &namespace.name]].concat();
        for _ in 0..2 {
            cluster.kubectl(&arguments, Some(POD)).await.expect_success();
            let stored = namespace.api::<Pod>().get("a").await.unwrap();
            assert_eq!(pull_secrets(&stored), ["project"], "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn fault_04_a_dry_run_shows_the_pull_secret_and_stores_nothing() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;

    let dry_run = ["apply", "--dry-run=server", "-o", "json", "-n", &namespace.name, "-f", "-"];
    let shown = cluster.kubectl(&dry_run, Some(POD)).await.expect_success();

    let shown: Pod = serde_json::from_str(&shown).unwrap();
    assert_eq!(pull_secrets(&shown), ["project"]);
    assert!(namespace.api::<Pod>().get_opt("a").await.unwrap().is_none());
    cluster.kubectl(&["apply", "-n", &namespace.name, "-f", "-"], Some(POD)).await.expect_success();
    let stored = namespace.api::<Pod>().get("a").await.unwrap();
    assert_eq!(pull_secrets(&stored), pull_secrets(&shown));
    assert_eq!(webhook.metric("pullpass_labels_missing_total").await, Some(0.0));
}

#[tokio::test]
async fn a_pod_with_a_generated_name_gets_its_pull_secret() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;
    let mut generated = pod("a").image("gcr.io/p/a").build();
    generated.metadata.name = None;
    generated.metadata.generate_name = Some("a-".into());

    let stored = namespace.create(&generated).await.unwrap();

    assert!(stored.metadata.name.unwrap().starts_with("a-"));
    assert_eq!(stored.spec.unwrap().image_pull_secrets.unwrap()[0].name, "project");
}

#[tokio::test]
async fn kubectl_debug_adds_an_ephemeral_container_and_no_webhook_is_asked() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;
    namespace.create(&pod("a").image("gcr.io/p/a").build()).await.unwrap();

    let debug = ["debug", "a", "--image=gcr.io/p/debug", "--attach=false", "-n", &namespace.name];
    cluster.kubectl(&debug, None).await.expect_success();

    let stored = namespace.api::<Pod>().get("a").await.unwrap();
    assert_eq!(pull_secrets(&stored), ["project"]);
    assert_eq!(stored.spec.unwrap().ephemeral_containers.unwrap().len(), 1);
    let patch = eventually("the audit event of the patch", SOON, async || {
        cluster.audit_events(|event| event.object_ref.subresource == "ephemeralcontainers").pop()
    })
    .await;
    assert_eq!(patch.configurations_asked(), Vec::<String>::new());
}
