//! What whoever has the controller's token cannot do with Secrets, even with every right to them.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    eventually::eventually,
    fence::{FENCE, changed, copy, refused, secret},
    managed::SOON,
};

const NOT_A_COPY: &str = "is not a copy that the controller of Pullpass made";
const LABELS: &str = "has the labels app.kubernetes.io/managed-by: pullpass-controller and";
const ANNOTATIONS: &str = "has the annotations pullpass.io/source, source-uid, entry and content";
const FREE: &str = "is given no owner and no finalizer";
const DOCKER: &str = "kubernetes.io/dockerconfigjson";

/// What is not a copy, by its difference from one, and what the fence says to it.
fn spoilt() -> Vec<(&'static str, Value, &'static str)> {
    let label = |name: &str, value: Value| json!({"metadata": {"labels": {name: value}}});
    let mark = |name: &str, value: Value| json!({"metadata": {"annotations": {format!("pullpass.io/{name}"): value}}});
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"}]);
    vec![
        ("a second key", json!({"data": {"more": "eA=="}}), "the key .dockerconfigjson"),
        ("a second key as text", json!({"stringData": {"more": "x"}}), "the key .dockerconfigjson"),
        ("no owner's label", label("app.kubernetes.io/managed-by", Value::Null), LABELS),
        ("another's label", label("app.kubernetes.io/managed-by", json!("Helm")), LABELS),
        ("no copy's label", label("pullpass.io/copy", Value::Null), LABELS),
        ("a label that says no copy", label("pullpass.io/copy", json!("false")), LABELS),
        ("no label at all", json!({"metadata": {"labels": null}}), LABELS),
        ("no source", mark("source", Value::Null), ANNOTATIONS),
        ("no UID of a source", mark("source-uid", Value::Null), ANNOTATIONS),
        ("no entry", mark("entry", json!("")), ANNOTATIONS),
        ("no mark of the content", mark("content", Value::Null), ANNOTATIONS),
        ("no word on its removal", mark("on-removal", Value::Null), ANNOTATIONS),
        ("another word on its removal", mark("on-removal", json!("never")), ANNOTATIONS),
        ("no annotation at all", json!({"metadata": {"annotations": null}}), ANNOTATIONS),
        ("immutable", json!({"immutable": true}), "is not immutable"),
        ("an owner", json!({"metadata": {"ownerReferences": owner}}), FREE),
        ("a finalizer", json!({"metadata": {"finalizers": ["example.com/stay"]}}), FREE),
        ("no UID of its namespace", mark("namespace-uid", Value::Null), "is the UID of its namesp"),
        ("another namespace's UID", mark("namespace-uid", json!("x")), "is the UID of its namesp"),
    ]
}

#[tokio::test]
async fn nothing_but_a_copy_can_be_made() {
    let cluster = Cluster::exclusive().await;
    let thief = cluster.fenced_alone().await;
    let team = cluster.namespace("team").create().await;
    let good = copy(&team.name, &cluster.uid_of(&team.name).await, "pull");

    for (what, changes, words) in spoilt() {
        let object = changed(&good, &changes);
        refused(what, thief.create(&object).await, words);
        refused(what, thief.dry_run(&object).await, words);
    }
    let of_another_manager = thief.create_as("kubectl", &good).await;
    refused("another's field", of_another_manager, "by the field manager pullpass-controller");

    // Each is of a type that the API server itself would take as it is.
    let account = json!({"kubernetes.io/service-account.name": "default"});
    for (kind, changes) in [
        ("Opaque", json!({})),
        ("kubernetes.io/dockercfg", json!({"data": {".dockercfg": "e30="}})),
        ("kubernetes.io/service-account-token", json!({"metadata": {"annotations": account}})),
        ("kubernetes.io/tls", json!({"data": {"tls.crt": "", "tls.key": ""}})),
        ("bootstrap.kubernetes.io/token", json!({})),
    ] {
        let plain = changed(&secret(&team.name, "taken", kind), &changes);
        refused(kind, thief.create(&plain).await, &format!("is of the type {kind}: a copy"));
        let marked = changed(&changed(&good, &json!({"type": kind})), &changes);
        refused(kind, thief.create(&marked).await, &format!("is of the type {kind}: a copy"));
    }
    let generated = json!({"metadata": {"name": null, "generateName": "taken-"}, "type": "Opaque"});
    let generated = thief.create(&changed(&good, &generated)).await;
    refused("a generated name", generated, "is of the type Opaque");
    let applied = thief.apply(&changed(&good, &json!({"type": "Opaque"}))).await;
    refused("an apply", applied, "is of the type Opaque");

    let stored = cluster.kubectl(&["get", "secrets", "-n", &team.name, "-o", "name"], None).await;
    assert_eq!(stored.expect_success(), "");
    thief.create(&good).await.expect("only the differences were refused");
}

#[tokio::test]
async fn nothing_can_be_made_in_the_namespaces_of_the_system() {
    let cluster = Cluster::exclusive().await;
    let thief = cluster.fenced_alone().await;

    for namespace in ["kube-system", "kube-public", "kube-node-lease"] {
        let uid = cluster.uid_of(namespace).await;
        for (what, object) in [
            ("a copy", copy(namespace, &uid, "pull")),
            ("a bootstrap token", secret(namespace, "a", "bootstrap.kubernetes.io/token")),
            ("a certificate", secret(namespace, "pullpass-ca", "Opaque")),
        ] {
            refused(what, thief.create(&object).await, "writes nothing in kube-system");
        }
    }

    let uid = cluster.uid_of(SYSTEM_NAMESPACE).await;
    let own = |name, kind| secret(SYSTEM_NAMESPACE, name, kind);
    let no_name = json!({"metadata": {"name": null, "generateName": "pullpass-ca"}});
    let account = json!({"kubernetes.io/service-account.name": "pullpass-webhook"});
    let account = json!({"metadata": {"annotations": account}});
    let token = "kubernetes.io/service-account-token";
    let names = "writes pullpass-ca, pullpass-tls and pullpass-credential-* alone";
    let credential = "a credential of Pullpass is of the type kubernetes.io/dockerconfigjson";
    let shared = json!({"metadata": {"labels": {"pullpass.io/share": "true"}}});
    let no_labels = json!({"metadata": {"labels": null}});
    let kinds = "a certificate of Pullpass is of the type kubernetes.io/tls";
    for (what, object, words) in [
        ("a copy at home", copy(SYSTEM_NAMESPACE, &uid, "pull"), names),
        ("a source of its own", own("source", "Opaque"), names),
        ("another certificate", own("other", "Opaque"), names),
        ("a generated name", changed(&own("", "Opaque"), &no_name), names),
        ("a copy as a certificate", copy(SYSTEM_NAMESPACE, &uid, "pullpass-ca"), kinds),
        ("a token as the authority", changed(&own("pullpass-ca", token), &account), kinds),
        ("a token as a certificate", changed(&own("pullpass-tls", token), &account), kinds),
        ("anything as a certificate", own("pullpass-tls", "Opaque"), kinds),
        (
            "a token as a credential",
            changed(&own("pullpass-credential-a", token), &account),
            credential,
        ),
        ("anything as a credential", own("pullpass-credential-a", "Opaque"), credential),
        (
            "a credential without labels",
            changed(&of_entry("pullpass-credential-a"), &no_labels),
            credential,
        ),
        ("a credential for all", changed(&of_entry("pullpass-credential-a"), &shared), credential),
    ] {
        refused(what, thief.create(&object).await, words);
    }
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_neither_changed_nor_adopted_nor_deleted() {
    let cluster = Cluster::exclusive().await;
    let thief = cluster.fenced_alone().await;
    let team = cluster.namespace("team").create().await;
    let uid = cluster.uid_of(&team.name).await;
    let right = copy(&team.name, &uid, "x");

    let only = |metadata: Value| json!({"metadata": metadata});
    let no_label = json!({"labels": {"pullpass.io/copy": null}});
    let no_manager = json!({"labels": {"app.kubernetes.io/managed-by": null}});
    let no_source = json!({"annotations": {"pullpass.io/source-uid": null}});
    let foreign = [
        ("plain", secret(&team.name, "plain", DOCKER)),
        ("half", changed(&right, &only(changed(&json!({"name": "half"}), &no_label)))),
        ("unmanaged", changed(&right, &only(changed(&json!({"name": "unmanaged"}), &no_manager)))),
        ("unmarked", changed(&right, &only(changed(&json!({"name": "unmarked"}), &no_source)))),
        // Everything is as on a copy, but the controller never wrote it.
        ("feigned", changed(&right, &only(json!({"name": "feigned"})))),
    ];
    for (name, object) in foreign {
        let filled = changed(&object, &json!({"data": {".dockerconfigjson": "e30="}}));
        let theirs = cluster.make_secret(&filled).await;
        let adopted = changed(&right, &only(json!({"name": name})));
        let content = json!({"data": {".dockerconfigjson": "eyJhdXRocyI6e319"}});
        let finalizer = only(json!({"finalizers": ["example.com/stay"]}));
        refused(name, thief.replace(&theirs, &adopted).await, NOT_A_COPY);
        refused(name, thief.replace(&theirs, &content).await, NOT_A_COPY);
        refused(name, thief.merge(&theirs, adopted.clone()).await, NOT_A_COPY);
        refused(name, thief.merge(&theirs, finalizer).await, NOT_A_COPY);
        refused(name, thief.apply(&adopted).await, NOT_A_COPY);
        refused(name, thief.delete(&theirs).await, NOT_A_COPY);
        let kept = cluster.patch_secret(&team.name, name, json!({})).await;
        assert_eq!(kept, theirs, "{name}");
    }

    let home = |name| secret(SYSTEM_NAMESPACE, name, "Opaque");
    let source = cluster.make_secret(&home("source")).await;
    let feigned = cluster.make_secret(&of_entry("pullpass-credential-b")).await;
    let system = cluster.make_secret(&secret("kube-system", "theirs", "Opaque")).await;
    for (theirs, words) in [
        (&source, "pullpass-credential-* alone"),
        (&feigned, "is not a credential that the controller"),
        (&system, "nothing"),
    ] {
        let what = "a Secret of the system";
        let changes = json!({"data": {"a": "eA=="}});
        refused(what, thief.replace(theirs, &changes).await, words);
        refused(what, thief.merge(theirs, changes).await, words);
        refused(what, thief.delete(theirs).await, words);
    }
    let delete = ["delete", "secret", "theirs", "-n", "kube-system"];
    cluster.kubectl(&delete, None).await.expect_success();
}

#[tokio::test]
async fn a_copy_cannot_be_made_into_something_else() {
    let cluster = Cluster::exclusive().await;
    let thief = cluster.fenced_alone().await;
    let team = cluster.namespace("team").create().await;
    let good = copy(&team.name, &cluster.uid_of(&team.name).await, "pull");
    let made = thief.create(&good).await.expect("it is a copy");

    for (what, changes, words) in spoilt() {
        refused(what, thief.replace(&made, &changes).await, words);
        refused(what, thief.merge(&made, changes).await, words);
    }
    refused("all at once", thief.delete_all(&team.name).await, "one by one, never a collection");
    let kept = cluster.patch_secret(&team.name, "pull", json!({})).await;
    assert_eq!(kept, made);
}

#[tokio::test]
async fn a_copy_that_comes_after_its_namespace_was_made_anew_is_refused() {
    let cluster = Cluster::exclusive().await;
    let controller = cluster.fenced().await;
    let first = cluster.namespace("team").named("made-anew").create().await;
    let late = copy(&first.name, &cluster.uid_of(&first.name).await, "pull");
    controller.create(&late).await.expect("it is granted");

    // Who ends a namespace is not held up by the fence.
    first.delete().await;
    let second = cluster.namespace("team").named("made-anew").create().await;

    // The API server learns of namespaces by a watch.
    eventually("the late copy to be refused", SOON, async || {
        match controller.dry_run(&late).await {
            Err(error) => Ok(error.to_string()),
            Ok(_) => Err("it is not"),
        }
    })
    .await;
    let words = format!("is the UID of its namespace, {}", cluster.uid_of(&second.name).await);
    refused("a late copy", controller.create(&late).await, &words);
}

/// The API server compares the expressions with the fields that a Secret has.
#[tokio::test]
async fn the_fence_names_no_field_that_does_not_exist() {
    let cluster = Cluster::exclusive().await;
    cluster.fenced().await;
    let checked = eventually("the expressions to be checked", SOON, async || {
        let get = ["get", "validatingadmissionpolicy", FENCE, "-o", "json"];
        let policy = cluster.kubectl(&get, None).await.expect_success();
        let policy: Value = serde_json::from_str(&policy).unwrap();
        let checked = policy["status"]["typeChecking"].clone();
        checked.is_object().then_some(checked).ok_or(policy["status"].to_string())
    })
    .await;
    assert_eq!(checked, json!({}));
}

/// What the controller makes for an entry.
fn of_entry(name: &str) -> Value {
    let labels = json!({
        "app.kubernetes.io/managed-by": "pullpass-controller",
        "pullpass.io/credential": "true",
    });
    let content = json!({"metadata": {"labels": labels}, "data": {".dockerconfigjson": "e30="}});
    changed(&secret(SYSTEM_NAMESPACE, name, DOCKER), &content)
}
