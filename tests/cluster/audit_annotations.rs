//! What the API server's audit log says about a decision.

use std::collections::BTreeMap;

use crate::{
    cluster::Cluster,
    pods::{pod, pull_secrets},
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
    pullSecrets: ["project-pull"]
  - name: quay
    images: ["quay.io/team/*"]
  - name: production
    images: ["gcr.io/p/*"]
    namespaces:
      names: ["prod-*"]
"#;

/// What our webhook had the API server note about the creation of a Pod.
async fn notes(cluster: &Cluster, namespace: &str, pod: &str) -> BTreeMap<String, String> {
    let event = cluster.creation_of(namespace, pod).await;
    let notes = event.annotations.into_iter();
    notes
        .filter_map(|(key, value)| {
            Some((key.strip_prefix("inject.pullpass.io/")?.to_string(), value))
        })
        .collect()
}

#[tokio::test]
async fn the_audit_log_names_the_entries_that_applied_and_why_others_did_not() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;

    let both = pod("both").image("gcr.io/p/a").image("quay.io/team/b").build();
    assert_eq!(pull_secrets(&namespace.create(&both).await.unwrap()), ["project-pull", "quay"]);
    namespace.create(&pod("none").image("nginx").build()).await.unwrap();

    let both = notes(&cluster, &namespace.name, "both").await;
    assert_eq!(both["entries"], "project,quay");
    assert!(both["not-applied"].starts_with("production: namespace not granted"), "{both:?}");
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(notes(&cluster, &namespace.name, "none").await, BTreeMap::new());
}

#[tokio::test]
async fn observe_mode_changes_no_pod_and_notes_what_it_would_add() {
    let cluster = Cluster::exclusive().await;
    let observe = CONFIG.replace("kind: Config", "kind: Config\nmode: observe");
    let webhook = cluster.installed("cluster-wide", &observe).await;
    let namespace = cluster.namespace("team").create().await;

    let pod = pod("a").image("gcr.io/p/a").image("quay.io/team/b").secret("quay").build();
    let stored = namespace.create(&pod).await.unwrap();

    assert_eq!(pull_secrets(&stored), ["quay"]);
    let notes = notes(&cluster, &namespace.name, "a").await;
    assert_eq!(notes["would-add"], "project-pull");
    assert_eq!(notes["entries"], "project,quay");
    assert!(webhook.log().contains("observe: pull secrets would be added"));
    let observed = webhook.metric(r#"pullpass_reviews_total{outcome="observed"}"#).await;
    assert_eq!(observed, Some(1.0));
}
