//! The binary in front of the API server: started, asked, and ended.

use serde_json::json;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    pods::{pod, pull_secrets},
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
"#;

#[tokio::test]
async fn a_pod_gets_its_pull_secret() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.webhook().config(CONFIG).start().await;
    cluster.register("cluster-wide", &webhook).await;
    let namespace = cluster.namespace("team").create().await;

    let pod = pod("a").image("gcr.io/p/a").secret("own").build();
    let stored = namespace.create(&pod).await.unwrap();

    assert_eq!(pull_secrets(&stored), ["own", "project"]);
}

#[tokio::test]
async fn a_pod_gets_its_pull_secret_by_the_config_map_and_the_webhooks_own_rights() {
    let cluster = Cluster::exclusive().await;
    cluster.install("cluster-wide").await;
    cluster.configure(CONFIG).await.expect_success();
    let own = cluster.kubeconfig_for_service_account(SYSTEM_NAMESPACE, "pullpass-webhook").await;
    let webhook = cluster.webhook().config_map().kubeconfig(&own);
    let webhook = webhook.certificate_from_secret(&cluster).await;
    let webhook = webhook.start().await;
    cluster.register("cluster-wide", &webhook).await;
    let namespace = cluster.namespace("team").create().await;

    let pod = pod("a").image("gcr.io/p/a").build();
    let stored = namespace.create(&pod).await.unwrap();

    assert_eq!(pull_secrets(&stored), ["project"]);
}

#[tokio::test]
async fn it_answers_directly_and_ends_at_sigterm() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster
        .webhook()
        .config(CONFIG)
        .environment("PULLPASS_SHUTDOWN_DELAY", "100ms")
        .start()
        .await;
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "default",
            "operation": "CREATE",
            "object": pod("a").image("gcr.io/p/a").build(),
        },
    });

    let answer = webhook.review("/mutate", &review).await.unwrap();

    assert_eq!(answer["response"]["uid"], "1");
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(webhook.ready().await.status, 200);
    assert_eq!(webhook.metric("pullpass_ready").await, Some(1.0));
    assert!(webhook.log().lines().all(|line| line.starts_with('{')));
    assert_eq!(webhook.terminate().await.code(), Some(0));
}
