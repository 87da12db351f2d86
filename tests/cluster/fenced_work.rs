//! The fence lets the controller's own work through, under its own rights, and holds nobody else.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    fence::{TokenHolder, changed, copy, secret},
};

const CONTENT: &str = "eyJhdXRocyI6eyJhLmV4YW1wbGUiOnt9fX0=";

#[tokio::test]
async fn a_copy_is_made_rotated_and_taken_away() {
    let cluster = Cluster::exclusive().await;
    let controller = cluster.fenced().await;
    let team = cluster.namespace("team").create().await;
    let made = made(&cluster, &controller, &team.name).await;

    let marks = json!({"pullpass.io/content": "other", "pullpass.io/on-removal": "retain"});
    let rotated =
        json!({"data": {".dockerconfigjson": CONTENT}, "metadata": {"annotations": marks}});
    let rotated = controller.replace(&made, &rotated).await.expect("a copy is rotated");
    assert_eq!(rotated.uid(), made.uid());
    controller.delete(&rotated).await.expect("a copy is taken away");
}

/// Otherwise a tenant could keep a copy from being rotated, or from being taken away.
#[tokio::test]
async fn what_a_tenant_did_to_a_copy_is_put_right_or_taken_away() {
    let cluster = Cluster::exclusive().await;
    let controller = cluster.fenced().await;
    let team = cluster.namespace("team").create().await;
    let right = copy(&team.name, &cluster.uid_of(&team.name).await, "pull");
    // Of a kind that the garbage collector does not know: it would delete what has lost its owner.
    let owner = json!([{"apiVersion": "example.com/v1", "kind": "Thing", "name": "a", "uid": "b"}]);
    let without_marks = json!({
        "pullpass.io/source": null,
        "pullpass.io/entry": null,
        "pullpass.io/on-removal": "never",
        "pullpass.io/content": null,
        "pullpass.io/namespace-uid": "x",
    });
    for (what, done) in [
        ("the content", json!({"data": {".dockerconfigjson": CONTENT, "more": "eA=="}})),
        ("the marks", json!({"metadata": {"annotations": without_marks}})),
        ("a label", json!({"metadata": {"labels": {"team": "a"}}})),
        ("a finalizer", json!({"metadata": {"finalizers": ["example.com/stay"]}})),
        ("an owner", json!({"metadata": {"ownerReferences": owner}})),
    ] {
        let made = made(&cluster, &controller, &team.name).await;
        cluster.patch_secret(&team.name, "pull", done).await;
        let found = cluster.patch_secret(&team.name, "pull", json!({})).await;

        let mut put_right = right.clone();
        put_right["data"]["more"] = Value::Null;
        let kept = controller.replace(&found, &put_right).await;
        let kept = kept.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(kept.data, made.data, "{what}");
        assert_eq!(kept.finalizers(), found.finalizers(), "{what}");
        assert_eq!(kept.owner_references(), found.owner_references(), "{what}");

        controller.delete(&kept).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let free = json!({"metadata": {"finalizers": null}});
        if !kept.finalizers().is_empty() {
            cluster.patch_secret(&team.name, "pull", free).await;
        }
    }

    made(&cluster, &controller, &team.name).await;
    let fixed = cluster.patch_secret(&team.name, "pull", json!({"immutable": true})).await;
    controller.delete(&fixed).await.expect("a copy that cannot be changed is taken away");
    made(&cluster, &controller, &team.name).await;
}

#[tokio::test]
async fn certificates_are_made_renewed_and_made_anew() {
    let cluster = Cluster::exclusive().await;
    let controller = cluster.fenced().await;
    for (name, kind) in [
        ("pullpass-ca", "Opaque"),
        ("pullpass-ca", "kubernetes.io/tls"),
        ("pullpass-tls", "kubernetes.io/tls"),
    ] {
        let new = secret(SYSTEM_NAMESPACE, name, kind);
        let new = changed(&new, &json!({"data": {"tls.crt": "", "tls.key": "", "ca.crt": ""}}));
        let made = controller.create(&new).await.expect("a certificate is made");
        let renewed = json!({"data": {"tls.crt": "eA=="}, "immutable": true});
        let renewed = controller.replace(&made, &renewed).await.expect("it is renewed");
        controller.delete(&renewed).await.expect("it is made anew");
    }
    // Somebody's mistake, which cannot be put right in place.
    let mistaken = secret(SYSTEM_NAMESPACE, "pullpass-tls", "Opaque");
    let mistaken = cluster.make_secret(&mistaken).await;
    controller.delete(&mistaken).await.expect("it is made anew");
}

#[tokio::test]
async fn nobody_else_is_held() {
    let cluster = Cluster::exclusive().await;
    let controller = cluster.fenced().await;
    let team = cluster.namespace("team").create().await;
    made(&cluster, &controller, &team.name).await;

    for (namespace, name) in [("kube-system", "theirs"), (&team.name, "x"), ("kube-public", "x")] {
        cluster.make_secret(&secret(namespace, name, "Opaque")).await;
        let change = json!({"stringData": {"a": "b"}, "metadata": {"labels": {"a": "b"}}});
        cluster.patch_secret(namespace, name, change).await;
        let delete = ["delete", "secret", name, "-n", namespace];
        cluster.kubectl(&delete, None).await.expect_success();
    }
    let delete = ["delete", "secrets", "--all", "-n", &team.name];
    cluster.kubectl(&delete, None).await.expect_success();
}

async fn made(cluster: &Cluster, controller: &TokenHolder, namespace: &str) -> Secret {
    let copy = copy(namespace, &cluster.uid_of(namespace).await, "pull");
    controller.create(&copy).await.expect("a copy is made")
}
