//! Which Pods and namespaces are left alone: by the manifests, and by the webhook itself.

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    eventually::eventually,
    installed::{INJECT, SOON},
    pods::{PodBuilder, pod, pull_secrets},
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
"#;

const OPT_IN: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
scope: optIn
registries:
  - name: project
    images: ["gcr.io/p/*"]
"#;

const BY_LABEL: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
    namespaces:
      selector:
        matchLabels: {tier: paid}
"#;

fn private(name: &str) -> PodBuilder {
    pod(name).image("gcr.io/p/a")
}

/// The same within the Pod Security Standard that holds in `pullpass-system`.
fn restricted(mut pod: Pod) -> Pod {
    let spec = pod.spec.as_mut().unwrap();
    let of_the_pod = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    spec.security_context = serde_json::from_value(of_the_pod).unwrap();
    let none = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    spec.containers[0].security_context = serde_json::from_value(none).unwrap();
    pod
}

#[tokio::test]
async fn fault_09_nobody_is_asked_about_pods_of_system_namespaces() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let pod = restricted(private("a").build());

    for namespace in ["kube-system", "kube-node-lease", "kube-public", SYSTEM_NAMESPACE] {
        assert!(!cluster.asks_about(namespace, &pod).await, "{namespace}");
    }
    assert!(cluster.asks_about("default", &pod).await);
}

#[tokio::test]
async fn the_manifests_spare_the_call_for_what_is_opted_out() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let out = cluster.namespace("out").labelled(&[(INJECT, "disabled")]).create().await;
    let team = cluster.namespace("team").create().await;

    assert!(!cluster.asks_about(&out.name, &private("a").build()).await);
    assert!(!cluster.asks_about(&team.name, &private("a").label(INJECT, "disabled").build()).await);
    assert!(cluster.asks_about(&team.name, &private("a").label(INJECT, "enabled").build()).await);
}

#[tokio::test]
async fn fault_08_the_webhook_itself_leaves_alone_what_the_manifests_spare_it() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.installed("cluster-wide", CONFIG).await;
    cluster.register_for_every_pod().await;
    let out = cluster.namespace("out").labelled(&[(INJECT, "disabled")]).create().await;
    let team = cluster.namespace("team").create().await;

    let stored = out.create(&private("a").build()).await.unwrap();
    assert!(pull_secrets(&stored).is_empty());
    let opted_out = team.create(&private("b").label(INJECT, "disabled").build()).await.unwrap();
    assert!(pull_secrets(&opted_out).is_empty());
    let mirror = private("c").node("node-1").annotation("kubernetes.io/config.mirror", "hash");
    assert!(pull_secrets(&team.create(&mirror.build()).await.unwrap()).is_empty());

    for (namespace, pod) in [(&out, "a"), (&team, "b"), (&team, "c")] {
        assert!(cluster.asked(&namespace.name, pod).await, "{pod}");
    }
    let skipped = webhook.metric(r#"pullpass_reviews_total{outcome="skipped"}"#).await;
    assert!(skipped >= Some(3.0), "{skipped:?}");
    assert_eq!(pull_secrets(&team.create(&private("d").build()).await.unwrap()), ["project"]);
}

/// As the kubelet makes the mirror of a static Pod: on its node, owned by it, without a token.
#[tokio::test]
async fn fault_08_a_mirror_pod_owned_by_its_node_is_stored_as_it_is() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("static").create().await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}});
    cluster.apply(&node).await;
    let uid = ["get", "node", "node-1", "-o", "jsonpath={.metadata.uid}"];
    let uid = cluster.kubectl(&uid, None).await.expect_success();

    let mirror = private("web-node-1").node("node-1");
    let mut mirror = mirror
        .annotation("kubernetes.io/config.mirror", "8a4c")
        .annotation("kubernetes.io/config.hash", "8a4c")
        .annotation("kubernetes.io/config.source", "file")
        .build();
    let owner = json!([{"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": uid, "controller": true}]);
    mirror.metadata.owner_references = serde_json::from_value(owner).unwrap();
    let spec = mirror.spec.as_mut().unwrap();
    spec.host_network = Some(true);
    spec.priority_class_name = Some("system-node-critical".into());
    spec.enable_service_links = Some(true);

    let stored = namespace.create(&mirror).await.unwrap();
    assert!(pull_secrets(&stored).is_empty());
    assert!(!cluster.asked(&namespace.name, "web-node-1").await);

    // The webhook has no other say if it is asked.
    cluster.register_for_every_pod().await;
    mirror.metadata.name = Some("again-node-1".into());
    let stored = namespace.create(&mirror).await.unwrap();
    assert!(pull_secrets(&stored).is_empty());
    assert!(cluster.asked(&namespace.name, "again-node-1").await);
    cluster.kubectl(&["delete", "node", "node-1"], None).await.expect_success();
}

#[tokio::test]
async fn opt_in_takes_only_namespaces_labelled_enabled() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("opt-in", OPT_IN).await;
    let labels = [Some("enabled"), Some("disabled"), Some("true"), None];
    let mut namespaces = Vec::new();
    for label in labels {
        let labels: Vec<_> = label.map(|value| (INJECT, value)).into_iter().collect();
        namespaces.push((label, cluster.namespace("team").labelled(&labels).create().await));
    }

    for (label, namespace) in &namespaces {
        let is_in = *label == Some("enabled");
        assert_eq!(cluster.asks_about(&namespace.name, &private("a").build()).await, is_in);
        let stored = namespace.create(&private("a").build()).await.unwrap();
        assert_eq!(pull_secrets(&stored).len(), usize::from(is_in), "{label:?}");
    }

    // The configuration is what counts, not the selector.
    cluster.register_for_every_pod().await;
    for (label, namespace) in &namespaces {
        let stored = namespace.create(&private("b").build()).await.unwrap();
        let expected = usize::from(*label == Some("enabled"));
        assert_eq!(pull_secrets(&stored).len(), expected, "{label:?}");
        assert!(cluster.asked(&namespace.name, "b").await);
    }
}

#[tokio::test]
async fn a_label_rule_holds_for_a_pod_posted_at_once_after_its_namespace() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.installed("cluster-wide", BY_LABEL).await;

    for round in 0..20 {
        let is_paid = round % 4 != 3;
        let tier = if is_paid { "paid" } else { "free" };
        let namespace = cluster.namespace("new").labelled(&[("tier", tier)]).create_at_once().await;
        // Its own, because nobody waits for the default one to be made.
        cluster.service_account(&namespace.name, "own", &[]).await;
        let stored = namespace.create(&private("a").service_account("own").build()).await.unwrap();
        assert_eq!(pull_secrets(&stored).len(), usize::from(is_paid), "round {round}, {tier}");
    }

    let lookups = async |result| {
        let sample = format!("pullpass_namespace_lookups_total{{result=\"{result}\"}}");
        webhook.metric(&sample).await.unwrap()
    };
    assert!(lookups("watched").await + lookups("fetched").await >= 20.0);
    for lost in ["failed", "shed"] {
        assert!(lookups(lost).await < 1.0, "{lost}");
    }
    assert_eq!(webhook.metric("pullpass_labels_missing_total").await, Some(0.0));
}

#[tokio::test]
async fn a_relabelled_namespace_gains_and_loses_its_grant() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", BY_LABEL).await;
    let namespace = cluster.namespace("team").labelled(&[("tier", "free")]).create().await;
    let injected = async || pull_secrets(&namespace.dry_run(&private("a").build()).await.unwrap());

    assert!(injected().await.is_empty());
    namespace.relabel(&[("tier", Some("paid"))]).await;
    eventually("the grant to hold", SOON, async || injected().await == ["project"]).await;
    namespace.relabel(&[("tier", None)]).await;
    eventually("the grant to be gone", SOON, async || injected().await.is_empty()).await;
}

/// Anyone may call the webhook. A name that no Namespace has would lead its one fetch astray.
#[tokio::test]
async fn fault_53_no_caller_can_make_the_webhook_fetch_anything_but_a_namespace() {
    let cluster = Cluster::exclusive().await;
    let webhook = cluster.installed("cluster-wide", BY_LABEL).await;
    let names = [
        "pullpass-system/secrets/pullpass-tls",
        "pullpass-system/configmaps/pullpass",
        "../pods",
        "%2e%2e/secrets",
        "default?watch=true",
        "default#",
        "Default",
        "",
        "a b",
        "default\r\nx: y",
    ];
    for name in names {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "1",
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "namespace": name,
                "operation": "CREATE",
                "object": private("a").build(),
            },
        });
        let answer = webhook.review("/mutate", &review).await.unwrap();
        assert_eq!(answer["response"]["allowed"], true, "{name}");
        assert_eq!(answer["response"].get("patch"), None, "{name}");
    }

    // What the webhook asks next comes after all that it may have asked before.
    let marker = cluster.namespace("marker").labelled(&[("tier", "paid")]).create().await;
    let stored = marker.create(&private("a").build()).await.unwrap();
    assert_eq!(pull_secrets(&stored), ["project"]);
    let own = format!("system:serviceaccount:{SYSTEM_NAMESPACE}:pullpass-webhook");
    let astray = cluster.audit_events(|event| event.user.username == own && event.verb == "get");
    let astray: Vec<_> = astray.iter().map(|event| &event.request_uri).collect();
    assert!(astray.iter().all(|uri| uri.ends_with(&marker.name)), "{astray:?}");
}
