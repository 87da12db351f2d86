//! A broken configuration is refused at `kubectl apply`, with what to do about it.

use serde_json::json;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    deployed::{broken_config, config},
    kubectl,
    webhook::WebhookProcess,
};

const APPLY: [&str; 5] = ["apply", "--server-side", "--force-conflicts", "-f", "-"];

#[tokio::test]
async fn fault_29_a_broken_config_map_is_refused_at_apply_with_line_and_hint() {
    let cluster = Cluster::exclusive().await;
    let _webhook = registered(&cluster).await;

    let refused = cluster.configure(broken_config()).await;

    assert!(!refused.success);
    for part in ["config.pullpass.io", "line 4", "unknown field `nmae`", "did you mean `name`?"] {
        assert!(refused.stderr.contains(part), "{part} is not in: {}", refused.stderr);
    }
    assert_eq!(stored(&cluster).await, config("project"));
}

#[tokio::test]
async fn fault_29_every_error_is_told_at_once() {
    let cluster = Cluster::exclusive().await;
    let _webhook = registered(&cluster).await;

    let broken = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n\
                  - name: one\n  images: [\"gcr.io\"]\n\
                  - name: one\n  images: []\n";
    let refused = cluster.configure(broken).await;

    assert!(!refused.success);
    for part in ["3 errors", "line 5", "line 6", "line 7"] {
        assert!(refused.stderr.contains(part), "{part} is not in: {}", refused.stderr);
    }
}

#[tokio::test]
async fn a_config_map_without_its_key_is_refused() {
    let cluster = Cluster::exclusive().await;
    let _webhook = registered(&cluster).await;

    let refused = apply(&cluster, SYSTEM_NAMESPACE, "pullpass", "settings.yaml", "").await;

    assert!(!refused.success);
    assert!(refused.stderr.contains("no key `config.yaml`"), "{}", refused.stderr);
}

#[tokio::test]
async fn what_is_seldom_meant_is_a_warning_of_kubectl() {
    let cluster = Cluster::exclusive().await;
    let _webhook = registered(&cluster).await;

    let odd = config("project").replace("gcr.io/p/*", "gcr.io/p*");
    let accepted = cluster.configure(&odd).await;

    assert!(accepted.success, "{}", accepted.stderr);
    for part in ["Warning: line 5", "gcr.io/p-evil/x", "write `gcr.io/p/*`"] {
        assert!(accepted.stderr.contains(part), "{part} is not in: {}", accepted.stderr);
    }
    assert_eq!(stored(&cluster).await, odd);
}

#[tokio::test]
async fn no_other_config_map_is_shown_to_the_webhook() {
    let cluster = Cluster::exclusive().await;
    let webhook = registered(&cluster).await;
    let namespace = cluster.namespace("team").create().await;
    let asked = validations(&webhook).await;

    for (namespace, name) in [
        (SYSTEM_NAMESPACE, "other"),
        (&namespace.name, "pullpass"),
        (SYSTEM_NAMESPACE, "pullpass-2"),
    ] {
        apply(&cluster, namespace, name, "config.yaml", broken_config()).await.expect_success();
    }

    assert_eq!(validations(&webhook).await, asked);
}

/// A webhook with a good configuration, in front of the API server.
async fn registered(cluster: &Cluster) -> WebhookProcess {
    let webhook = cluster.deployed().await;
    cluster.configure(&config("project")).await.expect_success();
    let webhook = webhook.start().await;
    cluster.register("cluster-wide", &webhook).await;
    webhook
}

async fn apply(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    key: &str,
    text: &str,
) -> kubectl::Output {
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: text},
    });
    cluster.kubectl(&APPLY, Some(&config_map.to_string())).await
}

async fn stored(cluster: &Cluster) -> String {
    let path = "jsonpath={.data.config\\.yaml}";
    let get = ["get", "configmap", "pullpass", "-n", SYSTEM_NAMESPACE, "-o", path];
    cluster.kubectl(&get, None).await.expect_success()
}

async fn validations(webhook: &WebhookProcess) -> Option<f64> {
    webhook.metric("pullpass_requests_total{path=\"/validate-config\",code=\"200\"}").await
}
