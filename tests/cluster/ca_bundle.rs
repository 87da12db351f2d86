//! The controller keeps the caBundles of its two webhook configurations, and nothing else of them.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    cluster::Cluster,
    eventually::eventually,
    managed::{CONTROLLER, SOON},
    manifests::{MUTATING, VALIDATING},
    pki::Authority,
    reapplied::{KINDS, MANAGER, api, published, read},
    upkeep::Upkeep,
};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const REPAIRS: &str = "pullpass_ca_bundle_repairs_total";
/// By when a caBundle that was changed is put right.
const REPAIR: Duration = Duration::from_secs(5);

#[tokio::test]
async fn fault_26_a_ca_bundle_that_is_changed_is_put_right_at_once() {
    let upkeep = Upkeep::start(&[]).await;
    let cluster = &upkeep.cluster;
    let right = published(cluster).await;
    let stranger = Authority::new("stranger").pem();
    let added = format!("{}{stranger}", text(&right[0]));
    for changed in ["", "no certificate", &stranger, &added] {
        for (kind, webhook) in KINDS {
            let before = read(cluster, kind).await;
            set(cluster, kind, changed).await;
            repaired(&upkeep, &right).await;

            let after = read(cluster, kind).await;
            assert_eq!(after.data, before.data);
            assert_eq!(without_versions(&after), without_versions(&before));
            owns_one_field_of(&after, &[webhook]);
        }
    }
    let told = ["Warning CaBundleRepaired", "pullpass-ca", "something else had changed it"];
    for kind in [MUTATING, VALIDATING] {
        upkeep.event(&[told[0], told[1], told[2], kind]).await;
    }
    assert!(upkeep.controller.log().contains("repaired the caBundle"));
    assert!(upkeep.controller.metric(REPAIRS).await >= Some(6.0));
    assert_eq!(upkeep.issued().await, [1, 1]);
}

#[tokio::test]
async fn fault_26_configurations_that_are_made_again_get_their_ca_bundle_and_nothing_else() {
    let upkeep = Upkeep::start(&[]).await;
    let cluster = &upkeep.cluster;
    let right = published(cluster).await;
    let manifest = cluster.configurations_of_default_overlay(upkeep.service.port()).await;
    let expected = as_created(cluster, &manifest).await;
    let manifest = manifest.to_string();
    let delete = ["delete", &format!("{MUTATING},{VALIDATING}"), "pullpass"];
    let ways: [&[&[&str]]; 4] = [
        &[&["replace", "--force", "-f", "-"]],
        &[&delete, &["apply", "-f", "-"]],
        &[&delete, &["apply", "--server-side", "-f", "-"]],
        &[&["replace", "-f", "-"]],
    ];
    for way in ways {
        for arguments in way {
            cluster.kubectl(arguments, Some(&manifest)).await.expect_success();
        }
        repaired(&upkeep, &right).await;
        for ((kind, webhook), expected) in KINDS.into_iter().zip(&expected) {
            let mut after = read(cluster, kind).await;
            owns_one_field_of(&after, &[webhook]);
            let client = &mut after.data["webhooks"][0]["clientConfig"];
            assert_eq!(client.as_object_mut().unwrap().remove("caBundle"), Some(json!(right[0])));
            assert_eq!(&content(&after), expected, "{way:?}");
        }
    }
    assert!(upkeep.controller.metric(REPAIRS).await >= Some(4.0));
    // A configuration that is gone stays gone: it is not the controller's to make.
    cluster.kubectl(&delete, None).await.expect_success();
    cluster.ask_for_renewal("pullpass-ca").await;
    eventually("another authority, published nowhere", SOON, async || {
        upkeep.issued().await == [2, 2]
    })
    .await;
    assert_eq!(cluster.bundles().await, Ok(vec![]));
    let missing = "Warning WebhookConfigurationMissing pullpass-tls";
    for (kind, label) in [(MUTATING, "mutating"), (VALIDATING, "validating")] {
        upkeep.event(&[missing, kind, "pullpass does not exist: apply the manifests"]).await;
        let kept = format!("pullpass_published_webhooks{{kind=\"{label}\"}}");
        assert_eq!(upkeep.controller.metric(&kept).await, Some(0.0));
    }
}

#[tokio::test]
async fn fault_26_what_calls_something_else_is_left_alone() {
    let upkeep = Upkeep::start(&[]).await;
    let cluster = &upkeep.cluster;
    let right = published(cluster).await;
    let stranger = STANDARD.encode(Authority::new("stranger").pem());
    let service = |name: &str| json!({"name": name, "namespace": "pullpass-system", "path": "/"});
    let mut ours = read(cluster, MUTATING).await.data["webhooks"][0].clone();
    ours["clientConfig"] = json!({"service": service("pullpass-webhook"), "caBundle": right[0]});
    let mut theirs = ours.clone();
    theirs["name"] = json!("of.somebody.else");
    theirs["clientConfig"] = json!({"service": service("other"), "caBundle": stranger});
    let mut second = ours.clone();
    second["name"] = json!("second.pullpass.io");
    // It calls Pullpass, under a name that the controller was not told.
    let mut other = theirs.clone();
    other["clientConfig"] = json!({"service": service("pullpass-webhook"), "caBundle": stranger});
    let other = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": MUTATING,
        "metadata": {"name": "other"},
        "webhooks": [other],
    });
    cluster.apply(&other).await;
    let other = api(cluster, MUTATING).get("other").await.unwrap();
    let webhooks = json!([theirs, ours, second]);
    cluster
        .change_registration(json!([{"op": "replace", "path": "/webhooks", "value": webhooks}]))
        .await;
    let before = read(cluster, MUTATING).await;

    cluster
        .change_registration(json!([
            {"op": "remove", "path": "/webhooks/1/clientConfig/caBundle"},
            {"op": "remove", "path": "/webhooks/2/clientConfig/caBundle"},
        ]))
        .await;
    eventually("the caBundles to be put right", REPAIR, async || {
        let after = read(cluster, MUTATING).await;
        (after.data == before.data).then_some(()).ok_or(format!("{:?}", after.data))
    })
    .await;

    let after = read(cluster, MUTATING).await;
    assert_eq!(without_versions(&after), without_versions(&before));
    owns_one_field_of(&after, &["inject.pullpass.io", "second.pullpass.io"]);
    assert_eq!(api(cluster, MUTATING).get("other").await.unwrap(), other);
    let asked = cluster.audit_events(|event| {
        event.user.username == CONTROLLER
            && event.object_ref.resource.ends_with("webhookconfigurations")
    });
    assert!(!asked.is_empty() && asked.iter().all(|event| event.object_ref.name == "pullpass"));
}

#[tokio::test]
async fn fault_41_who_wipes_the_ca_bundle_over_and_over_is_told_of_and_holds_up_nothing_else() {
    let mut upkeep = Upkeep::start(&[]).await;
    let first = upkeep.in_order().await;
    let fight = fight(&upkeep.cluster);
    upkeep.event(&["Warning CaBundleContested", "over and over by something else"]).await;
    let (contested, begin) = (repairs(&upkeep).await, Instant::now());
    eventually("four more repairs", SOON, async || repairs(&upkeep).await >= contested + 4.0).await;
    assert!(begin.elapsed() > Duration::from_secs(1), "{:?}", begin.elapsed());

    // The other configuration, and the certificates.
    set(&upkeep.cluster, VALIDATING, "").await;
    upkeep.cluster.ask_for_renewal("pullpass-tls").await;
    let next = eventually("another certificate", SOON, async || {
        let now = upkeep.cluster.certificates().await?;
        (now.leaf != first.leaf).then_some(now.leaf).ok_or("the same".to_string())
    })
    .await;
    let deleted = kube::api::DeleteParams::default();
    upkeep.cluster.secrets().delete("pullpass-tls", &deleted).await.unwrap();
    eventually("yet another certificate", SOON, async || {
        let now = upkeep.cluster.certificates().await?;
        (now.leaf != next).then_some(()).ok_or("the same".to_string())
    })
    .await;
    // A new authority is published at once, and that is no reason to write without pause.
    let (contested, written) = (repairs(&upkeep).await, writes(&upkeep));
    upkeep.cluster.ask_for_renewal("pullpass-ca").await;
    eventually("one more repair", SOON, async || repairs(&upkeep).await > contested).await;
    assert_eq!(upkeep.issued().await, [2, 3]);
    assert!(writes(&upkeep) - written <= 6, "{}", upkeep.controller.log());

    fight.abort();
    let _ = fight.await;
    let last = upkeep.in_order().await;
    assert_ne!(last.authority, first.authority);
    assert_eq!(upkeep.issued().await, [2, 4]);
}

/// Wipes the caBundle of the mutating webhook as soon as it is there.
fn fight(cluster: &Cluster) -> JoinHandle<()> {
    let configurations = api(cluster, MUTATING);
    tokio::spawn(async move {
        let wipe = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
        let wipe: json_patch::Patch = serde_json::from_value(wipe).unwrap();
        let wipe = Patch::Json::<()>(wipe);
        loop {
            // It fails while there is none.
            let _ = configurations.patch("pullpass", &PatchParams::default(), &wipe).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
}

async fn repairs(upkeep: &Upkeep) -> f64 {
    upkeep.controller.metric(REPAIRS).await.unwrap()
}

/// How often the controller has written a webhook configuration.
fn writes(upkeep: &Upkeep) -> usize {
    let is_write = |event: &crate::audit::Event| {
        event.user.username == CONTROLLER
            && event.verb == "patch"
            && event.object_ref.resource.ends_with("webhookconfigurations")
    };
    upkeep.cluster.audit_events(is_write).len()
}

async fn set(cluster: &Cluster, kind: &str, pem: &str) {
    let path = "/webhooks/0/clientConfig/caBundle";
    let patch = json!([{"op": "add", "path": path, "value": STANDARD.encode(pem)}]);
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    api(cluster, kind)
        .patch("pullpass", &PatchParams::default(), &Patch::Json::<()>(patch))
        .await
        .unwrap();
}

async fn repaired(upkeep: &Upkeep, right: &[String]) {
    eventually("the caBundles to be put right", REPAIR, async || {
        let now = published(&upkeep.cluster).await;
        (now == right).then_some(()).ok_or_else(|| upkeep.controller.log())
    })
    .await;
}

fn text(bundle: &str) -> String {
    String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap()
}

/// The configurations of a manifest as the API server stores them, with its defaults.
async fn as_created(cluster: &Cluster, manifest: &Value) -> Vec<Value> {
    let mut renamed = manifest.clone();
    for object in renamed["items"].as_array_mut().unwrap() {
        object["metadata"]["name"] = json!("dry-run");
    }
    let dry_run = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let output = cluster.kubectl(&dry_run, Some(&renamed.to_string())).await.expect_success();
    let objects = serde_json::Deserializer::from_str(&output).into_iter::<DynamicObject>();
    objects.map(|object| content(&object.unwrap())).collect()
}

/// What somebody wrote: without what the API server and kubectl add, and the name.
fn content(object: &DynamicObject) -> Value {
    let mut annotations = object.annotations().clone();
    annotations.remove(LAST_APPLIED);
    json!({"data": object.data, "labels": object.labels(), "annotations": annotations})
}

fn without_versions(object: &DynamicObject) -> kube::core::ObjectMeta {
    let mut metadata = object.metadata.clone();
    metadata.resource_version = None;
    metadata.generation = None;
    metadata.managed_fields = None;
    metadata
}

/// The controller owns the caBundle of these webhooks, and nothing else of the configuration.
fn owns_one_field_of(object: &DynamicObject, webhooks: &[&str]) {
    let managers = object.metadata.managed_fields.iter().flatten();
    let ours: Vec<_> =
        managers.filter(|manager| manager.manager.as_deref() == Some(MANAGER)).collect();
    let [ours] = ours[..] else { panic!("{ours:?}") };
    let field = json!({".": {}, "f:clientConfig": {"f:caBundle": {}}, "f:name": {}});
    let of_webhooks =
        webhooks.iter().map(|name| (format!("k:{{\"name\":\"{name}\"}}"), field.clone()));
    let expected: serde_json::Map<String, Value> = of_webhooks.collect();
    assert_eq!(ours.fields_v1.as_ref().unwrap().0, json!({"f:webhooks": expected}));
    assert_eq!(ours.operation.as_deref(), Some("Apply"));
}
