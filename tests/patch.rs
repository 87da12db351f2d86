//! Design section 2.5: the patch applies to the very object, and changes `spec.imagePullSecrets` alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use proptest::{option, prelude::*};
use pullpass::{
    config::{Config, parse},
    inject::{Namespace, PodView, decide, patch, pod_templates},
};
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

fn patch_of(pod: &Value, names: &[&str]) -> Value {
    serde_json::to_value(patch(&PodView::deserialize(pod).unwrap(), names)).unwrap()
}

fn config() -> std::sync::Arc<Config> {
    let yaml = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n\
                - {name: a, images: [gcr.io/a/*], pullSecrets: [a, shared]}\n\
                - {name: b, images: [quay.io/*], pullSecrets: [shared, b]}\n\
                - {name: c, images: [gcr.io/c/*], namespaces: {names: [other]}}\n";
    parse(yaml).unwrap().config
}

/// The Pod after injection in the namespace `ns`, and whether there was a patch.
fn injected(pod: &Value) -> (Value, bool) {
    let config = config();
    let view = PodView::deserialize(pod).unwrap();
    let decision = decide(&config, &view, Namespace { name: "ns", labels: None });
    let patch = patch(&view, &decision.additions());
    let mut after = pod.clone();
    json_patch::patch(&mut after, &patch).unwrap();
    (after, !patch.is_empty())
}

#[rstest]
#[case::absent(json!({}))]
#[case::null(json!({"imagePullSecrets": null}))]
#[case::empty(json!({"imagePullSecrets": []}))]
fn fault_01_the_whole_array_where_there_is_none(#[case] spec: Value) {
    let expected = json!([{"op": "add", "path": "/spec/imagePullSecrets", "value": [{"name": "a"}, {"name": "b"}]}]);
    assert_eq!(patch_of(&json!({"spec": spec}), &["a", "b"]), expected);
}

#[test]
fn fault_07_names_are_appended_one_by_one_to_those_present() {
    let pod = json!({"spec": {"imagePullSecrets": [{"name": "z"}, {}]}});
    assert_eq!(
        patch_of(&pod, &["a", "b"]),
        json!([
            {"op": "add", "path": "/spec/imagePullSecrets/-", "value": {"name": "a"}},
            {"op": "add", "path": "/spec/imagePullSecrets/-", "value": {"name": "b"}},
        ])
    );
}

#[rstest]
#[case(json!({}))]
#[case(json!({"spec": {"imagePullSecrets": null}}))]
#[case(json!({"spec": {"imagePullSecrets": [{"name": "a"}]}}))]
fn nothing_to_add_is_no_patch(#[case] pod: Value) {
    assert_eq!(patch_of(&pod, &[]), json!([]));
}

fn container() -> impl Strategy<Value = Value> {
    let image = prop_oneof![
        Just(json!({"name": "c"})),
        Just(json!({"image": null})),
        "gcr.io/[abc]/[xy]|quay.io/x|nginx|Not Valid|gcr.io/a"
            .prop_map(|image| json!({"image": image, "env": [{"name": "A"}]})),
    ];
    image.boxed()
}

fn list(item: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<Value>> {
    let some = prop::collection::vec(item, 0..3).prop_map(Value::from);
    option::of(prop_oneof![4 => some, 1 => Just(Value::Null)])
}

fn pod() -> impl Strategy<Value = Value> {
    let secret = prop_oneof![
        "[abz]|shared".prop_map(|name| json!({"name": name})),
        Just(json!({})),
        Just(json!({"name": ""}))
    ];
    let volume = container().prop_map(|c| json!({"name": "v", "image": {"reference": c["image"]}}));
    let metadata = prop_oneof![
        6 => Just(json!({"generateName": "x-", "labels": {"a": "b"}})),
        1 => Just(json!({"labels": {"pullpass.io/inject": "disabled"}})),
        1 => Just(json!({"annotations": {"kubernetes.io/config.mirror": "x"}})),
        1 => Just(Value::Null),
    ];
    (metadata, list(container()), list(container()), list(container()), list(volume), list(secret)).prop_map(
        |(metadata, containers, init, ephemeral, volumes, secrets)| {
            let mut pod = json!({"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n", "future": [1, {"x": null}]}, "status": {}});
            let fields = [
                ("containers", containers), ("initContainers", init), ("ephemeralContainers", ephemeral),
                ("volumes", volumes), ("imagePullSecrets", secrets),
            ];
            for (field, value) in fields {
                if let Some(value) = value {
                    pod["spec"][field] = value;
                }
            }
            pod
        },
    )
}

/// The Pod without its pull secrets, and these: the objects as they stand.
fn split(pod: &Value) -> (Value, Vec<Value>) {
    let mut rest = pod.clone();
    let secrets = rest["spec"].as_object_mut().unwrap().shift_remove("imagePullSecrets");
    (rest, secrets.and_then(|s| s.as_array().cloned()).unwrap_or_default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Law: the patch applies, keeps what was there in its order, and changes nothing else.
    #[test]
    fn fault_01_every_patch_applies_and_changes_pull_secrets_alone(pod in pod()) {
        let (after, patched) = injected(&pod);
        if !patched {
            prop_assert_eq!(&after, &pod);
            return Ok(());
        }
        let ((rest_before, before), (rest_after, secrets)) = (split(&pod), split(&after));
        prop_assert_eq!(rest_before.to_string(), rest_after.to_string(), "to the order of fields");
        prop_assert!(secrets.len() > before.len());
        prop_assert_eq!(&secrets[..before.len()], &before[..]);
        let new = &secrets[before.len()..];
        for (i, secret) in new.iter().enumerate() {
            prop_assert_eq!(secret, &json!({"name": secret["name"].as_str().unwrap()}));
            prop_assert!(!before.contains(secret) && !new[..i].contains(secret), "none twice");
        }
    }

    /// Law: injecting twice is injecting once.
    #[test]
    fn fault_05_injecting_twice_is_injecting_once(pod in pod()) {
        let (once, _) = injected(&pod);
        let (twice, patched) = injected(&once);
        prop_assert!(!patched);
        prop_assert_eq!(once, twice);
    }

    /// Law: `inject` on a manifest gives the Pod that the webhook would.
    #[test]
    fn manifests_get_what_the_webhook_gives(pod in pod()) {
        let mut manifest = pod.clone();
        let workload = &pod_templates(&pod)[0];
        let added = workload.inject(&mut manifest, &config(), "ns", None).unwrap();
        prop_assert_eq!((manifest, added), injected(&pod));
    }
}

/// Every kind that holds a Pod template, and where.
#[rstest]
#[case("Pod", "")]
#[case("PodTemplate", "/template")]
#[case("Deployment", "/spec/template")]
#[case("StatefulSet", "/spec/template")]
#[case("DaemonSet", "/spec/template")]
#[case("ReplicaSet", "/spec/template")]
#[case("ReplicationController", "/spec/template")]
#[case("Job", "/spec/template")]
#[case("CronJob", "/spec/jobTemplate/spec/template")]
fn workloads_by_kind(#[case] kind: &str, #[case] pointer: &str) {
    let template = json!({"spec": {"containers": [{"image": "gcr.io/a/x"}]}});
    let nested = pointer
        .rsplit('/')
        .filter(|key| !key.is_empty())
        .fold(template, |inner, key| json!({key: inner}));
    let mut manifest = nested;
    manifest["kind"] = json!(kind);
    manifest["metadata"] = json!({"name": "web", "namespace": "team"});
    let list = json!({"kind": "List", "items": [{"kind": "ConfigMap"}, manifest.clone()]});
    let workloads = pod_templates(&list);
    assert_eq!(workloads.len(), 1);
    assert_eq!(workloads[0].title, format!("{kind} web"));
    assert_eq!(workloads[0].namespace_or("default"), "team");
    assert_eq!(workloads[0].pointer, format!("/items/1{pointer}"));
    let workload = &pod_templates(&manifest)[0];
    assert!(workload.inject(&mut manifest, &config(), "default", None).unwrap());
    assert_eq!(
        manifest.pointer(&format!("{pointer}/spec/imagePullSecrets")),
        Some(&json!([{"name": "a"}, {"name": "shared"}]))
    );
    assert!(
        !workload.inject(&mut manifest, &config(), "default", None).unwrap(),
        "a second time changes nothing"
    );
}

#[test]
fn what_is_no_workload_is_left_alone() {
    for manifest in [
        json!({"kind": "ConfigMap"}),
        json!({}),
        json!(null),
        json!([]),
        json!({"kind": "Node", "items": [{"kind": "Pod"}]}),
    ] {
        assert_eq!(pod_templates(&manifest), []);
    }
    assert_eq!(pod_templates(&json!({"kind": "PodList", "items": [{"kind": "Pod"}, {"kind": "List", "items": [{"kind": "Pod"}]}]})).len(), 2);
}

#[test]
fn names_and_namespaces_of_manifests() {
    let of =
        |metadata: Value| pod_templates(&json!({"kind": "Pod", "metadata": metadata})).remove(0);
    assert_eq!(of(json!({"name": "a", "generateName": "b-"})).title, "Pod a");
    assert_eq!(of(json!({"generateName": "b-"})).title, "Pod b-");
    assert_eq!(of(json!(null)).title, "Pod (unnamed)");
    assert_eq!(of(json!({})).namespace_or("default"), "default");
}

/// The grant is decided by the manifest's own namespace.
#[test]
fn a_manifest_is_decided_in_its_namespace() {
    let with = |namespace: &str| json!({"kind": "Pod", "metadata": {"namespace": namespace}, "spec": {"containers": [{"image": "gcr.io/c/x"}]}});
    for (namespace, expected) in [("other", true), ("ns", false)] {
        let mut manifest = with(namespace);
        let workload = pod_templates(&manifest).remove(0);
        assert_eq!(workload.inject(&mut manifest, &config(), "other", None).unwrap(), expected);
    }
}

#[test]
fn a_template_that_is_no_pod_is_refused_and_left_as_it_was() {
    let manifest = json!({"kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [{"image": 5}]}}}});
    let mut after = manifest.clone();
    let error = pod_templates(&manifest)[0].inject(&mut after, &config(), "ns", None).unwrap_err();
    assert!(error.to_string().starts_with("failed to read the Pod of Job j: "), "{error}");
    assert_eq!(after, manifest);
    let mut without = json!({"kind": "Job", "spec": {}});
    let workload = pod_templates(&without).remove(0);
    assert!(!workload.inject(&mut without, &config(), "ns", None).unwrap());
}
