//! What the controller's ServiceAccount may do, to the last verb, and that the authority's key is its
//! alone.

use std::collections::BTreeSet;

use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    core::v1::Secret,
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};
use serde_json::json;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    deployed,
};

const CONTROLLER: &str = "system:serviceaccount:pullpass-system:pullpass-controller";
const CA_KEY: &str = "the key of the authority";
pub const EVERYWHERE: &str = "";
pub const ELSEWHERE: &str = "default";
pub const ANY_NAME: &str = "";
const VERBS: [&str; 11] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "bind",
    "escalate",
    "impersonate",
];
/// Group, resource, names beside none that are asked about.
const NAMESPACED: [(&str, &str, &[&str]); 16] = [
    ("", "secrets", &["pullpass-ca", "pullpass-tls", "pullpass", "other"]),
    ("", "configmaps", &["pullpass", "pullpass-shared", "other"]),
    ("", "pods", &["other"]),
    ("", "pods/exec", &["other"]),
    ("", "events", &["other"]),
    ("", "services", &["pullpass-webhook"]),
    ("", "serviceaccounts", &["pullpass-webhook", "default"]),
    ("", "serviceaccounts/token", &["pullpass-webhook", "default"]),
    ("apps", "deployments", &["pullpass-webhook", "pullpass-controller"]),
    ("coordination.k8s.io", "leases", &["pullpass-controller", "other"]),
    ("discovery.k8s.io", "endpointslices", &["other"]),
    ("events.k8s.io", "events", &["other"]),
    ("networking.k8s.io", "networkpolicies", &["pullpass-webhook"]),
    ("policy", "poddisruptionbudgets", &["pullpass-webhook"]),
    ("rbac.authorization.k8s.io", "roles", &["pullpass-controller"]),
    ("rbac.authorization.k8s.io", "rolebindings", &["pullpass-controller"]),
];
const OF_THE_CLUSTER: [(&str, &str, &[&str]); 13] = [
    ("", "namespaces", &["pullpass-system", "default"]),
    ("", "nodes", &["other"]),
    ("", "nodes/proxy", &["other"]),
    ("", "users", &["admin"]),
    ("", "groups", &["system:masters"]),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", &["pullpass", "other"]),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", &["pullpass", "other"]),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", &["pullpass-reserve-labels"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["other"]),
    ("certificates.k8s.io", "certificatesigningrequests", &["other"]),
    ("certificates.k8s.io", "signers", &["kubernetes.io/kube-apiserver-client"]),
    ("rbac.authorization.k8s.io", "clusterroles", &["cluster-admin", "pullpass-controller"]),
    ("rbac.authorization.k8s.io", "clusterrolebindings", &["pullpass-controller"]),
];

#[tokio::test]
async fn fault_52_with_certificates_of_its_own_it_may_do_this_and_nothing_else() {
    let cluster = Cluster::exclusive().await;
    cluster.install_components(&["managed-certificates"]).await;
    assert_eq!(allowed(&cluster).await, in_order([lease_and_events(), own_certificates()]));
}

#[tokio::test]
async fn fault_52_with_certificates_of_others_it_writes_its_lease_and_events_and_nothing_else() {
    let cluster = Cluster::exclusive().await;
    cluster.install_components(&["cert-manager"]).await;
    assert_eq!(allowed(&cluster).await, in_order([lease_and_events(), certificates_of_others()]));
}

#[tokio::test]
async fn fault_52_a_change_to_certificates_of_others_takes_the_key_of_the_authority_away() {
    let cluster = Cluster::exclusive().await;
    cluster.install_components(&["managed-certificates"]).await;
    cluster.install_components(&["external-certificates"]).await;
    let of_secrets = allowed(&cluster).await;
    let of_secrets: Vec<_> = of_secrets.iter().filter(|it| it.contains(" secrets")).collect();

    assert!(of_secrets.iter().all(|it| it.contains("secrets/pullpass-tls")), "{of_secrets:?}");
    // The right to the caBundle is a ClusterRole that only managed certificates have: see
    // docs/operations.md for its removal.
    let left = "patch mutatingwebhookconfigurations.admissionregistration.k8s.io/pullpass";
    assert!(allowed(&cluster).await.contains(&left.to_owned()));
    let delete =
        ["delete", "--ignore-not-found", "clusterrole,clusterrolebinding", "pullpass-controller"];
    cluster.kubectl(&delete, None).await.expect_success();
    assert!(!allowed(&cluster).await.contains(&left.to_owned()));
}

#[tokio::test]
async fn fault_52_the_webhook_cannot_read_the_key_of_the_authority() {
    let cluster = Cluster::exclusive().await;
    cluster.install("cluster-wide").await;
    for (name, content) in [("pullpass-ca", CA_KEY), ("pullpass-tls", "the serving key")] {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": SYSTEM_NAMESPACE},
            "stringData": {"tls.key": content},
        });
        cluster.apply(&secret).await;
    }

    for verb in VERBS {
        let attributes = attributes(verb, ("", "secrets", "pullpass-ca"), SYSTEM_NAMESPACE);
        assert!(!may(&cluster.client(), deployed::USER, attributes).await, "{verb}");
    }

    let own = cluster.own_kubeconfig().await;
    let secrets = "/api/v1/namespaces/pullpass-system/secrets";
    let raw = async |query: &str| {
        let path = format!("{secrets}{query}");
        cluster.kubectl_as(&own, &["get", "--raw", &path], None).await
    };
    for query in [
        "/pullpass-ca",
        "/pullpass-ca?fieldSelector=metadata.name%3Dpullpass-tls",
        "?fieldSelector=metadata.name%3Dpullpass-ca",
        "?fieldSelector=metadata.name%3Dpullpass-ca&watch=true&timeoutSeconds=1",
        "?fieldSelector=metadata.name%3Dpullpass-ca,metadata.name%3Dpullpass-tls",
        "?fieldSelector=metadata.name%3Dpullpass-tls,metadata.name%3Dpullpass-ca",
        "?fieldSelector=metadata.name%21%3Dpullpass-tls",
        "?fieldSelector=type%3DOpaque",
        "?watch=true&timeoutSeconds=1",
        "",
    ] {
        let answer = raw(query).await;
        assert!(!answer.success && answer.stderr.contains("Forbidden"), "{query}: {answer:?}");
    }
    // What it may ask for, however it is asked for, holds no more than its own.
    for query in [
        "?fieldSelector=metadata.name%3Dpullpass-tls",
        "?fieldSelector=metadata.name%3Dpullpass-tls&watch=true&timeoutSeconds=1",
    ] {
        let answer = raw(query).await.expect_success();
        assert!(!answer.contains("pullpass-ca"), "{query}: {answer}");
    }
    let named = ListParams::default().fields("metadata.name=pullpass-tls");
    let client = crate::control_plane::client(&own).await.expect("the kubeconfig is valid");
    let read = Api::<Secret>::namespaced(client, SYSTEM_NAMESPACE).list(&named).await.unwrap();
    assert_eq!(read.items.len(), 1);
}

/// What every mode grants.
pub fn lease_and_events() -> Vec<String> {
    let mut rights = vec![
        "create leases.coordination.k8s.io in pullpass-system".to_owned(),
        "create leases.coordination.k8s.io/other in pullpass-system".to_owned(),
        "create leases.coordination.k8s.io/pullpass-controller in pullpass-system".to_owned(),
        "get leases.coordination.k8s.io/pullpass-controller in pullpass-system".to_owned(),
        "update leases.coordination.k8s.io/pullpass-controller in pullpass-system".to_owned(),
    ];
    for verb in ["create", "patch"] {
        rights.push(format!("{verb} events.events.k8s.io in pullpass-system"));
        rights.push(format!("{verb} events.events.k8s.io/other in pullpass-system"));
    }
    rights
}

/// What managed certificates take.
pub fn own_certificates() -> Vec<String> {
    let mut rights = vec!["create secrets in pullpass-system".to_owned()];
    for name in ["pullpass-ca", "pullpass-tls"] {
        // RBAC asks about a `create` without the name, and so grants it for every name.
        for verb in ["get", "list", "watch", "update", "delete"] {
            rights.push(format!("{verb} secrets/{name} in pullpass-system"));
        }
    }
    for name in ["pullpass-ca", "pullpass-tls", "pullpass", "other"] {
        rights.push(format!("create secrets/{name} in pullpass-system"));
    }
    for verb in ["get", "list", "watch", "patch"] {
        for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
            rights.push(format!("{verb} {kind}.admissionregistration.k8s.io/pullpass"));
        }
    }
    rights
}

/// What certificates of somebody else take.
pub fn certificates_of_others() -> Vec<String> {
    ["list", "watch"].map(|verb| format!("{verb} secrets/pullpass-tls in pullpass-system")).into()
}

/// All of them, each once, in order.
pub fn in_order<const N: usize>(rights: [Vec<String>; N]) -> Vec<String> {
    let rights: BTreeSet<String> = rights.into_iter().flatten().collect();
    rights.into_iter().collect()
}

/// All that the API server would let the controller do, of all that is asked, in order.
pub async fn allowed(cluster: &Cluster) -> Vec<String> {
    let client = cluster.client();
    let namespaced = NAMESPACED.iter().flat_map(|resource| {
        [SYSTEM_NAMESPACE, ELSEWHERE, EVERYWHERE].map(|namespace| (resource, namespace))
    });
    let of_the_cluster = OF_THE_CLUSTER.iter().map(|resource| (resource, EVERYWHERE));
    let mut allowed = Vec::new();
    for ((group, resource, names), namespace) in namespaced.chain(of_the_cluster) {
        for name in [ANY_NAME].iter().chain(*names) {
            for verb in VERBS {
                let asked = attributes(verb, (group, resource, name), namespace);
                if may(&client, CONTROLLER, asked).await {
                    allowed.push(said(verb, (group, resource, name), namespace));
                }
            }
        }
    }
    allowed.sort();
    allowed
}

/// A right in words.
pub fn said(verb: &str, (group, resource, name): (&str, &str, &str), namespace: &str) -> String {
    let mut text = format!("{verb} {resource}");
    for (separator, part) in [(".", group), ("/", name), (" in ", namespace)] {
        if !part.is_empty() {
            text += &format!("{separator}{part}");
        }
    }
    text
}

fn attributes(
    verb: &str,
    (group, resource, name): (&str, &str, &str),
    namespace: &str,
) -> ResourceAttributes {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let text = |value: &str| Some(value.to_owned());
    ResourceAttributes {
        verb: text(verb),
        group: text(group),
        resource: text(resource),
        subresource: text(subresource),
        name: text(name),
        namespace: text(namespace),
        ..Default::default()
    }
}

async fn may(client: &Client, user: &str, attributes: ResourceAttributes) -> bool {
    let spec = SubjectAccessReviewSpec {
        user: Some(user.into()),
        groups: Some(
            [
                "system:serviceaccounts",
                "system:serviceaccounts:pullpass-system",
                "system:authenticated",
            ]
            .map(String::from)
            .to_vec(),
        ),
        resource_attributes: Some(attributes),
        ..Default::default()
    };
    let review = SubjectAccessReview { spec, ..Default::default() };
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await.expect("it is answered");
    answer.status.is_some_and(|status| status.allowed)
}
