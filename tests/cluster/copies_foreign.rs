//! Secrets that are not ours where copies are wanted, which come and go, and what this costs.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use std::time::Duration;

use crate::{
    audit,
    copying::{Copying, docker_config},
    eventually::eventually,
    managed::{CONTROLLER, SOON},
    namespace::Namespace,
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- name: pull
  images: ["gcr.io/team/*"]
  namespaces: {names: ["team-*"]}
  source: {secret: source}
- name: marker
  images: ["gcr.io/marker/*"]
  namespaces: {names: ["marker-*"]}
  source: {secret: marker-source}
"#;
const DISABLED: (&str, &str) = ("pullpass.io/inject", "disabled");
/// Looks at what is in the way are 10 to 20 s apart.
const LOOKS: Duration = Duration::from_secs(90);

/// A namespace with a Secret in the way, which has been told.
async fn taken(copying: &Copying, name: &str) -> Namespace {
    let namespace = copying.cluster.namespace("team").named(name).labelled(&[DISABLED]);
    let namespace = namespace.create_at_once().await;
    let foreign: Secret = serde_json::from_value(json!({"metadata": {"name": "pull"}})).unwrap();
    copying.secrets(name).create(&PostParams::default(), &foreign).await.unwrap();
    namespace.relabel(&[(DISABLED.0, None)]).await;
    copying.told(&[&format!("{name} SecretInTheWay pull")]).await;
    namespace
}

/// How often the controller has tried to make a Secret there, since a position of the audit log.
fn tries(copying: &Copying, from: u64, namespace: &str) -> usize {
    let events = audit::since_by(&copying.cluster.control_plane().audit_log(), from, CONTROLLER);
    let is_try = |event: &&audit::Event| {
        let object = &event.object_ref;
        event.verb == "create" && object.resource == "secrets" && object.namespace == namespace
    };
    events.iter().filter(is_try).count()
}

#[tokio::test]
async fn fault_44_what_went_while_nothing_was_wanted_is_in_nobodys_way() {
    let copying = Copying::start(CONFIG).await;
    copying.source("source", &docker_config("gcr.io", "one")).await;
    let namespace = taken(&copying, "team-forgotten").await;
    namespace.relabel(&[(DISABLED.0, Some(DISABLED.1))]).await;
    copying.settled().await;
    copying.delete(&namespace.name, "pull").await;
    namespace.relabel(&[(DISABLED.0, None)]).await;
    // At once, and not when a look comes round that may not come.
    copying.settled().await;
    copying.secrets(&namespace.name).get("pull").await.expect("there is a copy");
}

#[tokio::test]
async fn fault_44_who_labels_a_secret_again_and_again_is_not_looked_at_more_often() {
    let copying = Copying::start(CONFIG).await;
    let content = docker_config("gcr.io", "one");
    copying.source("source", &content).await;
    let (calm, busy) = (taken(&copying, "team-calm").await, taken(&copying, "team-busy").await);
    let log = copying.cluster.control_plane().audit_log();
    for round in 0..9 {
        let from = audit::end(&log);
        for value in [json!("true"), json!(null)] {
            let patch = json!({"metadata": {"labels": {"pullpass.io/copy": value}}});
            let secrets = copying.secrets(&busy.name);
            secrets.patch("pull", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        }
        eventually(&format!("another try, round {round}"), SOON, async || {
            tries(&copying, from, &busy.name) > 0
        })
        .await;
    }

    let from = audit::end(&log);
    eventually("three looks at the Secret that nobody has touched", LOOKS, async || {
        tries(&copying, from, &calm.name) >= 3
    })
    .await;
    // Three looks are over within 60 s, in which there is room for seven.
    let looks = tries(&copying, from, &busy.name);
    assert!((1..=7).contains(&looks), "{looks} looks at the Secret that was labelled");
    copying.delete(&busy.name, "pull").await;
    copying.copied(&busy.name, "pull", &content).await;
}

#[tokio::test]
async fn a_deleted_copy_that_a_finalizer_holds_is_counted_and_made_anew_when_it_is_gone() {
    let copying = Copying::start(CONFIG).await;
    let content = docker_config("gcr.io", "one");
    copying.source("source", &content).await;
    let namespace = copying.cluster.namespace("team").create_at_once().await;
    let held = copying.copied(&namespace.name, "pull", &content).await;
    let finalizers = async |names: &[&str]| {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": names}}));
        let secrets = copying.secrets(&namespace.name);
        secrets.patch("pull", &PatchParams::default(), &patch).await.unwrap();
    };
    let terminating = async |count: f64| {
        eventually(&format!("{count} copies to be terminating"), SOON, async || {
            let metric = "pullpass_copies{state=\"terminating\"}";
            let found = copying.controller.metric(metric).await;
            (found == Some(count)).then_some(()).ok_or_else(|| format!("{found:?}"))
        })
        .await;
    };
    finalizers(&["example.com/hold"]).await;
    copying.delete(&namespace.name, "pull").await;
    terminating(1.0).await;
    finalizers(&[]).await;
    terminating(0.0).await;
    let anew = copying.copied(&namespace.name, "pull", &content).await;
    assert_ne!(anew.metadata.uid, held.metadata.uid);
}
