//! Copies of pull secrets: brought where they are granted, kept true, and taken away.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::{
    copying::{Copying, MARKER_WRITES, data, docker_config},
    eventually::eventually,
    managed::{CONTROLLER, SOON},
};

/// One entry granted by name and one by label; a third for the marker of [`Copying::settled`].
const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- name: by-name
  images: ["gcr.io/by-name/*"]
  namespaces: {names: ["team-*"], except: ["team-x*"]}
  source: {secret: name-source}
- name: by-label
  images: ["gcr.io/by-label/*"]
  namespaces: {selector: {matchLabels: {tier: paid}}}
  pullSecrets: [paid-pull]
  source: {secret: label-source}
- name: kept
  images: ["gcr.io/kept/*"]
  namespaces: {selector: {matchLabels: {tier: kept}}}
  source: {secret: name-source}
  onRemoval: retain
- name: marker
  images: ["gcr.io/marker/*"]
  namespaces: {names: ["marker-*"]}
  source: {secret: marker-source}
"#;

async fn begin() -> (Copying, String, String) {
    let copying = Copying::start(CONFIG).await;
    let (by_name, by_label) = (docker_config("gcr.io", "one"), docker_config("gcr.io", "two"));
    copying.source("name-source", &by_name).await;
    copying.source("label-source", &by_label).await;
    (copying, by_name, by_label)
}

#[tokio::test]
async fn fault_50_a_granted_namespace_gets_its_copies_and_no_other_gets_any() {
    let (copying, by_name, by_label) = begin().await;
    let cluster = &copying.cluster;
    let team = cluster.namespace("team").create_at_once().await;
    let excepted = cluster.namespace("team-x").labelled(&[("tier", "free")]).create_at_once().await;
    let paid = cluster.namespace("shop").labelled(&[("tier", "paid")]).create_at_once().await;
    let disabled = [("tier", "paid"), ("pullpass.io/inject", "disabled")];
    let disabled = cluster.namespace("team").labelled(&disabled).create_at_once().await;

    let copy = copying.copied(&team.name, "by-name", &by_name).await;
    copying.copied(&paid.name, "paid-pull", &by_label).await;
    copying.settled().await;
    for (namespace, expected) in
        [(&team, &["by-name"][..]), (&excepted, &[]), (&paid, &["paid-pull"]), (&disabled, &[])]
    {
        assert_eq!(names(&copying, &namespace.name).await, expected, "{}", namespace.name);
    }
    for never in ["kube-system", "kube-public", "kube-node-lease"] {
        assert_eq!(names(&copying, never).await, [""; 0], "{never}");
    }
    assert_eq!(copy.type_.as_deref(), Some("kubernetes.io/dockerconfigjson"));
    assert_eq!(copy.labels()["pullpass.io/copy"], "true");
    assert_eq!(copy.annotations()["pullpass.io/source"], "name-source");
}

#[tokio::test]
async fn fault_46_copies_come_and_go_with_the_grant() {
    let (copying, _, by_label) = begin().await;
    let namespace = copying.cluster.namespace("shop").create_at_once().await;
    copying.settled().await;
    assert_eq!(names(&copying, &namespace.name).await, [""; 0]);

    namespace.relabel(&[("tier", Some("paid"))]).await;
    copying.copied(&namespace.name, "paid-pull", &by_label).await;
    namespace.relabel(&[("pullpass.io/inject", Some("disabled"))]).await;
    copying.revoked(&namespace.name, "paid-pull").await;
    namespace.relabel(&[("pullpass.io/inject", None)]).await;
    copying.copied(&namespace.name, "paid-pull", &by_label).await;

    // The entry goes.
    let without = CONFIG.replace("by-label/*", "other/*").replace("tier: paid", "tier: other");
    copying.cluster.configure(&without).await.expect_success();
    copying.revoked(&namespace.name, "paid-pull").await;

    // A copy that is to be retained stays, and is taken up again.
    namespace.relabel(&[("tier", Some("kept"))]).await;
    let kept = docker_config("gcr.io", "one");
    let copy = copying.copied(&namespace.name, "kept", &kept).await;
    namespace.relabel(&[("tier", None)]).await;
    copying.settled().await;
    let found = copying.secrets(&namespace.name).get("kept").await.unwrap();
    assert_eq!((found.uid(), found.resource_version()), (copy.uid(), copy.resource_version()));
}

#[tokio::test]
async fn a_source_that_changes_is_written_once_to_every_copy_in_place() {
    let (copying, by_name, _) = begin().await;
    let mut copies = Vec::new();
    for _ in 0..5 {
        let namespace = copying.cluster.namespace("team").create_at_once().await;
        let copy = copying.copied(&namespace.name, "by-name", &by_name).await;
        copies.push((namespace, copy));
    }
    copying.settled().await;
    let before = writes(&copying);

    let next = docker_config("gcr.io", "next");
    copying.source("name-source", &next).await;
    for (namespace, copy) in &copies {
        let now = copying.copied(&namespace.name, "by-name", &next).await;
        assert_eq!(now.uid(), copy.uid());
    }
    // What changes nothing of the content is no reason to write.
    let annotate = json!({"metadata": {"annotations": {"example.com/note": "x"}}});
    copying
        .secrets("pullpass-system")
        .patch("name-source", &PatchParams::default(), &Patch::Merge(annotate))
        .await
        .unwrap();
    copying.settled().await;
    assert_eq!(writes(&copying), before + copies.len() + MARKER_WRITES);
}

#[tokio::test]
async fn fault_45_a_broken_or_deleted_source_leaves_the_good_copies() {
    let (copying, by_name, by_label) = begin().await;
    let namespace =
        copying.cluster.namespace("team").labelled(&[("tier", "paid")]).create_at_once().await;
    let good = copying.copied(&namespace.name, "paid-pull", &by_label).await;
    copying.copied(&namespace.name, "by-name", &by_name).await;

    let broken = [
        r#"{"auths": {"gcr.io": {"auth": "!"}}}"#,
        r#"{"auths": {"gcr.io": {"identitytoken": "x"}}, "credsStore": "x"}"#,
        r#"{"auths": []}"#,
        "{}",
    ];
    for broken in broken {
        copying.source("label-source", broken).await;
        copying.settled().await;
        let found = copying.secrets(&namespace.name).get("paid-pull").await.unwrap();
        assert_eq!(found.resource_version(), good.resource_version(), "{broken}");
    }
    let label_source = ["pullpass-system SourceRefused label-source", "it holds no credential"];
    copying.told(&label_source).await;
    copying.delete("pullpass-system", "label-source").await;
    copying.settled().await;
    copying.told(&["pullpass-system SourceMissing pullpass ", "the Secret label-source"]).await;
    assert_eq!(copying.controller.metric("pullpass_source_findings").await, Some(1.0));
    let found = copying.secrets(&namespace.name).get("paid-pull").await.unwrap();
    assert_eq!(found.resource_version(), good.resource_version());

    let next = docker_config("quay.io", "next");
    copying.source("label-source", &next).await;
    let now = copying.copied(&namespace.name, "paid-pull", &next).await;
    assert_eq!(now.uid(), good.uid());
    let uncovered = "cover no image of the pattern `gcr.io/by-label/*`";
    copying.told(&["pullpass-system ImagesNotCovered label-source", uncovered]).await;
    assert!(!copying.controller.log().contains("next"), "{}", copying.controller.log());
}

#[tokio::test]
async fn the_status_tells_what_there_is_and_what_is_wrong() {
    let (copying, by_name, _) = begin().await;
    let team = copying.cluster.namespace("team").create_at_once().await;
    copying.copied(&team.name, "by-name", &by_name).await;
    let (code, text) = copying.status();
    let row = |text: &str, entry: &str| {
        let line = text.lines().find(|line| line.starts_with(entry)).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = ["by-name", "name-source", "by-name", "1", "1", "0", "0", "0", "0"];
    assert_eq!((code, row(&text, "by-name")), (Some(0), expected.map(String::from).to_vec()));

    // One in the way, and a source that is gone.
    let foreign: Secret =
        serde_json::from_value(json!({"metadata": {"name": "paid-pull"}})).unwrap();
    let shop = copying.cluster.namespace("shop").create_at_once().await;
    copying.secrets(&shop.name).create(&PostParams::default(), &foreign).await.unwrap();
    shop.relabel(&[("tier", Some("paid"))]).await;
    copying.settled().await;
    let expected = ["by-label", "label-source", "paid-pull", "1", "0", "0", "0", "1", "0"];
    let (code, text) = copying.status();
    assert_eq!((code, row(&text, "by-label")), (Some(1), expected.map(String::from).to_vec()));
    assert!(text.contains(&format!("{}/paid-pull is not a copy", shop.name)), "{text}");
    copying.delete("pullpass-system", "name-source").await;
    let (code, text) = copying.status();
    assert!(code == Some(1) && text.contains("name-source, which does not exist"), "{text}");
}

#[tokio::test]
async fn drift_is_repaired() {
    let (copying, by_name, _) = begin().await;
    let namespace = copying.cluster.namespace("team").create_at_once().await;
    copying.copied(&namespace.name, "by-name", &by_name).await;
    let secrets = copying.secrets(&namespace.name);
    let other = ByteString(docker_config("evil.example", "evil").into_bytes());
    let changes = [
        json!({"data": {".dockerconfigjson": other}}),
        json!({"data": {"more": other}}),
        json!({"immutable": true}),
        json!({"metadata": {"annotations": {"pullpass.io/source": "other"}}}),
    ];
    for change in changes {
        let patch = Patch::Merge(change.clone());
        secrets.patch("by-name", &PatchParams::default(), &patch).await.unwrap();
        eventually("the copy to be right again", SOON, async || {
            let found = secrets.get_opt("by-name").await.map_err(|error| error.to_string())?;
            let found = found.ok_or("there is none")?;
            let is_right = data(&found) == by_name.as_bytes()
                && found.data.as_ref().map(std::collections::BTreeMap::len) == Some(1)
                && found.immutable.is_none()
                && found.annotations()["pullpass.io/source"] == "name-source";
            is_right.then_some(()).ok_or_else(|| format!("{change} {}", copying.controller.log()))
        })
        .await;
    }
    copying.delete(&namespace.name, "by-name").await;
    let copy = copying.copied(&namespace.name, "by-name", &by_name).await;
    // What others add beside it is theirs.
    let label = json!({"metadata": {"labels": {"team": "a"}}});
    secrets.patch("by-name", &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    copying.settled().await;
    let found = secrets.get("by-name").await.unwrap();
    assert_eq!((found.uid(), &*found.labels()["team"]), (copy.uid(), "a"));
}

#[tokio::test]
async fn fault_44_a_secret_that_is_not_ours_is_never_touched() {
    let (copying, by_name, _) = begin().await;
    let namespace = copying.cluster.namespace("team-y").create_at_once().await;
    copying.copied(&namespace.name, "by-name", &by_name).await;
    let made: [fn(&mut Secret); 4] = [
        |_| {},
        |secret| {
            secret.labels_mut().insert("pullpass.io/copy".into(), "true".into());
        },
        |secret| {
            let managed_by = "app.kubernetes.io/managed-by".to_owned();
            secret.labels_mut().insert(managed_by, "pullpass-controller".into());
            secret.labels_mut().insert("pullpass.io/copy".into(), "true".into());
        },
        |secret| {
            let managed_by = "app.kubernetes.io/managed-by".to_owned();
            secret.labels_mut().insert(managed_by, "pullpass-controller".into());
            secret.labels_mut().insert("pullpass.io/copy".into(), "true".into());
            secret.annotations_mut().insert("pullpass.io/source-uid".into(), "1".into());
        },
    ];
    for (number, mark) in made.into_iter().enumerate() {
        let name = format!("team-foreign-{number}");
        // Before the namespace is granted, so that the Secret is there first.
        let namespace = copying.cluster.namespace("x").named(&name);
        let namespace = namespace.labelled(&[("pullpass.io/inject", "disabled")]).create_at_once();
        let namespace = namespace.await;
        let mut foreign: Secret = serde_json::from_value(json!({
            "metadata": {"name": "by-name"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": ByteString(docker_config("theirs", "x").into_bytes())},
        }))
        .unwrap();
        mark(&mut foreign);
        let secrets = copying.secrets(&name);
        let foreign = secrets.create(&PostParams::default(), &foreign).await.unwrap();
        namespace.relabel(&[("pullpass.io/inject", None)]).await;
        copying.settled().await;
        let in_the_way = "is not a copy of Pullpass's";
        copying.told(&[&format!("{name} SecretInTheWay by-name"), in_the_way]).await;
        // Told once for those that come at once, by the name of one of them.
        copying.told(&["pullpass-system SecretInTheWay name-source", in_the_way]).await;
        namespace.relabel(&[("pullpass.io/inject", Some("disabled"))]).await;
        copying.settled().await;
        let found = secrets.get("by-name").await.unwrap();
        assert_eq!(found.resource_version(), foreign.resource_version(), "{number}");
        namespace.relabel(&[("pullpass.io/inject", None)]).await;
        // Once it is gone, there is room.
        copying.delete(&name, "by-name").await;
        copying.copied(&name, "by-name", &by_name).await;
    }
}

#[tokio::test]
async fn fault_43_a_namespace_made_anew_gets_what_it_is_due() {
    let (copying, by_name, by_label) = begin().await;
    for _ in 0..3 {
        let namespace = copying.cluster.namespace("x").named("team-again");
        let namespace = namespace.labelled(&[("tier", "paid")]).create_at_once().await;
        copying.copied(&namespace.name, "paid-pull", &by_label).await;
        copying.copied(&namespace.name, "by-name", &by_name).await;
        namespace.delete().await;
        // And without its label.
        let namespace = copying.cluster.namespace("x").named("team-again").create_at_once().await;
        copying.copied(&namespace.name, "by-name", &by_name).await;
        assert_eq!(names(&copying, "team-again").await, ["by-name"]);
        namespace.delete().await;
    }
    assert_eq!(copying.controller.metric("pullpass_copy_failures_total").await, Some(0.0));
}

#[tokio::test]
async fn fault_40_a_restart_writes_nothing() {
    let (copying, by_name, _) = begin().await;
    let mut namespaces = Vec::new();
    for _ in 0..10 {
        namespaces.push(copying.cluster.namespace("team").create_at_once().await);
    }
    for namespace in &namespaces {
        copying.copied(&namespace.name, "by-name", &by_name).await;
    }
    copying.settled().await;
    let before = writes(&copying);
    let Copying { cluster, controller } = copying;
    assert_eq!(controller.terminate().await.code(), Some(0));
    let controller = cluster.copying_controller().await.start().await;
    let copying = Copying { cluster, controller };
    copying.settled().await;
    assert_eq!(writes(&copying), before + MARKER_WRITES, "the marker's alone");
}

/// The pull secrets of a namespace.
async fn names(copying: &Copying, namespace: &str) -> Vec<String> {
    let secrets = copying.secrets(namespace).list(&kube::api::ListParams::default()).await;
    secrets.unwrap().into_iter().map(|secret| secret.name_any()).collect()
}

/// How many Secrets of namespaces the controller has written, or tried to.
fn writes(copying: &Copying) -> usize {
    let is_write = |event: &crate::audit::Event| {
        event.user.username == CONTROLLER
            && event.object_ref.resource == "secrets"
            && !["get", "list", "watch"].contains(&event.verb.as_str())
    };
    copying.cluster.audit_events(is_write).len()
}

#[tokio::test]
async fn fault_41_who_changes_a_copy_over_and_over_is_told_of_and_not_followed_at_once() {
    let (copying, by_name, _) = begin().await;
    let team = copying.cluster.namespace("team").create_at_once().await;
    copying.copied(&team.name, "by-name", &by_name).await;
    let secrets = copying.secrets(&team.name);
    let before = writes(&copying);

    // Each time it is right, it is spoilt again.
    let spoilt = ByteString(docker_config("evil.example", "evil").into_bytes());
    let patch = Patch::Merge(json!({"data": {".dockerconfigjson": spoilt}}));
    let mut rounds = 0;
    eventually("a contest", SOON, async || {
        rounds += 1;
        secrets.patch("by-name", &PatchParams::default(), &patch).await.unwrap();
        copying.copied(&team.name, "by-name", &by_name).await;
        let contested = "pullpass_copies{state=\"contested\"}";
        let contests = copying.controller.metric(contested).await;
        (contests == Some(1.0)).then_some(()).ok_or(rounds)
    })
    .await;
    copying.told(&[&team.name, "CopyContested", "by-name", "is put right ever later"]).await;
    copying.told(&["pullpass-system", "CopyContested", "name-source"]).await;

    // What others are due does not wait for it.
    for _ in 0..5 {
        secrets.patch("by-name", &PatchParams::default(), &patch).await.unwrap();
    }
    let other = copying.cluster.namespace("team").create_at_once().await;
    copying.copied(&other.name, "by-name", &by_name).await;
    copying.copied(&team.name, "by-name", &by_name).await;
    assert!(writes(&copying) - before <= rounds + 7, "{rounds} rounds");
}
