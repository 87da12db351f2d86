//! Laws of the patch: it applies, changes nothing but imagePullSecrets, and is not needed twice.

use proptest::{collection::vec, option, prelude::*};
use pullpass::{
    config::{self, Config},
    inject::{Namespace, PodView, decide, patch},
};
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - {name: one, images: [gcr.io/p/*]}
  - {name: two, images: [gcr.io/*, docker.io/*], pullSecrets: [two-a, shared]}
  - {name: three, images: ["*.io/q/*"], exceptImages: [gcr.io/q/public/*], pullSecrets: [shared, three]}
"#;

fn config() -> Config {
    config::parse(CONFIG).unwrap().config
}

/// The Pod with what the decision adds.
fn injected(pod: &Value) -> Value {
    let config = config();
    let view = PodView::deserialize(pod).unwrap();
    let namespace = Namespace { name: "team", labels: None };
    let additions = decide(&config, &view, namespace).additions();
    let patch = patch(&view, &additions);
    assert_eq!(patch.is_empty(), additions.is_empty());
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).expect("fault 1: every patch applies to its object");
    patched
}

fn names(pod: &Value) -> Vec<&str> {
    let list = pod["spec"]["imagePullSecrets"].as_array();
    list.into_iter().flatten().filter_map(|secret| secret["name"].as_str()).collect()
}

fn without_pull_secrets(pod: &Value) -> Value {
    let mut pod = pod.clone();
    pod["spec"].as_object_mut().unwrap().remove("imagePullSecrets");
    pod
}

fn pod() -> impl Strategy<Value = Value> {
    let image = prop_oneof![
        Just("nginx"),
        Just("gcr.io/p/a"),
        Just("gcr.io/q/a:1"),
        Just("gcr.io/q/public/a"),
        Just("quay.io/q/x"),
        Just("other.example.com/a"),
        Just("Not A Reference"),
        Just(""),
    ];
    let secret = prop_oneof![
        Just(json!({"name": "one"})),
        Just(json!({"name": "shared"})),
        Just(json!({"name": "mine"})),
        Just(json!({})),
    ];
    let secrets = prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        vec(secret, 0..4).prop_map(|list| Some(Value::Array(list))),
    ];
    let volumes = option::of(vec(
        image.clone().prop_map(|i| json!({"name": "v", "image": {"reference": i}})),
        0..2,
    ));
    (vec(image.clone(), 0..4), vec(image, 0..2), volumes, secrets).prop_map(|(main, init, volumes, secrets)| {
        let containers = |images: Vec<&str>| -> Vec<_> {
            images.iter().map(|i| json!({"name": "c", "image": i, "command": ["a"]})).collect()
        };
        let mut pod = json!({
            "metadata": {"generateName": "p-"},
            "spec": {"containers": containers(main), "initContainers": containers(init), "volumes": volumes, "nodeName": "n"},
        });
        if let Some(secrets) = secrets {
            pod["spec"]["imagePullSecrets"] = secrets;
        }
        pod
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn fault_01_a_patch_changes_nothing_but_image_pull_secrets(pod in pod()) {
        prop_assert_eq!(without_pull_secrets(&injected(&pod)), without_pull_secrets(&pod));
    }

    #[test]
    fn fault_05_inject_twice_is_inject_once(pod in pod()) {
        let once = injected(&pod);
        prop_assert_eq!(injected(&once), once);
    }

    #[test]
    fn fault_07_what_was_there_stays_first_and_nothing_is_added_twice(pod in pod()) {
        let patched = injected(&pod);
        let (before, after) = (names(&pod), names(&patched));
        prop_assert_eq!(&after[..before.len()], &before[..]);
        let added = &after[before.len()..];
        for (i, name) in added.iter().enumerate() {
            prop_assert!(!before.contains(name) && !added[..i].contains(name));
        }
    }
}

#[rstest]
#[case::absent(json!({"containers": [{"image": "gcr.io/p/a"}]}), &["add /spec/imagePullSecrets"])]
#[case::null(json!({"containers": [{"image": "gcr.io/p/a"}], "imagePullSecrets": null}), &["add /spec/imagePullSecrets"])]
#[case::empty(json!({"containers": [{"image": "gcr.io/p/a"}], "imagePullSecrets": []}), &["add /spec/imagePullSecrets"])]
#[case::some(json!({"containers": [{"image": "gcr.io/p/a"}], "imagePullSecrets": [{"name": "mine"}]}),
    &["add /spec/imagePullSecrets/-", "add /spec/imagePullSecrets/-", "add /spec/imagePullSecrets/-"])]
#[case::one_there(json!({"containers": [{"image": "gcr.io/p/a"}], "imagePullSecrets": [{"name": "two-a"}]}),
    &["add /spec/imagePullSecrets/-", "add /spec/imagePullSecrets/-"])]
#[case::all_there(json!({"containers": [{"image": "gcr.io/p/a"}],
    "imagePullSecrets": [{"name": "shared"}, {"name": "one"}, {"name": "two-a"}]}), &[])]
#[case::nothing_matched(json!({"containers": [{"image": "other.example.com/a"}]}), &[])]
fn the_operations(#[case] spec: Value, #[case] expected: &[&str]) {
    let pod = json!({ "spec": spec });
    let config = config();
    let view = PodView::deserialize(&pod).unwrap();
    let additions = decide(&config, &view, Namespace { name: "team", labels: None }).additions();
    let operations = serde_json::to_value(patch(&view, &additions)).unwrap();
    let lines: Vec<_> = operations
        .as_array()
        .unwrap()
        .iter()
        .map(|o| format!("{} {}", o["op"].as_str().unwrap(), o["path"].as_str().unwrap()))
        .collect();
    assert_eq!(lines, expected);
}
