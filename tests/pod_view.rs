//! The borrowed view of a Pod says what the typed decode of k8s-openapi says.

use k8s_openapi::api::core::v1::Pod;
use proptest::{collection::vec, option, prelude::*};
use pullpass::inject::PodView;
use rstest::rstest;
use serde_json::{Value, json};

const MIRROR: &str = "kubernetes.io/config.mirror";
const INJECT: &str = "pullpass.io/inject";

/// What a decision depends on.
#[derive(Debug, PartialEq)]
struct Facts {
    is_mirror: bool,
    is_opted_out: bool,
    has_no_pull_secrets: bool,
    pull_secrets: Vec<String>,
    images: Vec<(String, String)>,
}

fn by_view(text: &str) -> Result<Facts, serde_json::Error> {
    let view: PodView<'_> = serde_json::from_str(text)?;
    Ok(Facts {
        is_mirror: view.is_mirror(),
        is_opted_out: view.is_opted_out(),
        has_no_pull_secrets: view.has_no_pull_secrets(),
        pull_secrets: view.pull_secrets().map(str::to_owned).collect(),
        images: view.images().map(|i| (i.place.to_string(), i.text.to_owned())).collect(),
    })
}

fn by_typed_decode(text: &str) -> Result<Facts, serde_json::Error> {
    let pod: Pod = serde_json::from_str(text)?;
    let spec = pod.spec.unwrap_or_default();
    let secrets = spec.image_pull_secrets.unwrap_or_default();
    let mut images = Vec::new();
    let mut add = |list: &str, texts: Vec<Option<String>>, suffix: &str| {
        for (i, text) in texts.into_iter().enumerate() {
            images.extend(text.map(|text| (format!("{list}[{i}]{suffix}"), text)));
        }
    };
    let of = |list: Vec<k8s_openapi::api::core::v1::Container>| {
        list.into_iter().map(|c| c.image).collect()
    };
    add("initContainers", of(spec.init_containers.unwrap_or_default()), "");
    add("containers", of(spec.containers), "");
    let ephemeral = spec.ephemeral_containers.unwrap_or_default();
    add("ephemeralContainers", ephemeral.into_iter().map(|c| c.image).collect(), "");
    let volumes = spec.volumes.unwrap_or_default();
    add("volumes", volumes.into_iter().map(|v| v.image?.reference).collect(), ".image");
    let labels = pod.metadata.labels.unwrap_or_default();
    Ok(Facts {
        is_mirror: pod.metadata.annotations.is_some_and(|a| a.contains_key(MIRROR)),
        is_opted_out: labels.get(INJECT).is_some_and(|value| value == "disabled"),
        has_no_pull_secrets: secrets.is_empty(),
        pull_secrets: secrets.into_iter().map(|s| s.name).collect(),
        images,
    })
}

fn image() -> impl Strategy<Value = Option<String>> {
    option::of(prop_oneof!["gcr.io/p/[a-z]{1,3}", "\\PC{0,12}", Just("a\"b\\c\n\u{1}".to_owned())])
}

fn containers() -> impl Strategy<Value = Option<Vec<Value>>> {
    let container = (image(), any::<bool>()).prop_map(|(image, extra)| {
        let mut container = json!({"name": "c", "image": image});
        if extra {
            container["env"] = json!([{"name": "A", "value": "x"}]);
            container["resources"] = json!({"limits": {"cpu": "1"}});
        }
        container
    });
    option::of(vec(container, 0..4))
}

fn map(key: &'static str) -> impl Strategy<Value = Option<Vec<(String, String)>>> {
    let entry = prop_oneof![
        ("[a-z]{1,4}", "[a-z]{0,4}").prop_map(|(k, v)| (k, v)),
        Just((key.to_owned(), "disabled".to_owned())),
        Just((key.to_owned(), "enabled".to_owned())),
    ];
    option::of(vec(entry, 0..3))
}

fn pod() -> impl Strategy<Value = Value> {
    let volume = prop_oneof![
        image()
            .prop_map(|i| json!({"name": "v", "image": {"reference": i, "pullPolicy": "Always"}})),
        Just(json!({"name": "v", "emptyDir": {}})),
        Just(json!({"name": "v", "image": null})),
    ];
    let secrets = option::of(vec("[a-z]{1,3}".prop_map(|n| json!({"name": n})), 0..3));
    (
        (map(INJECT), map(MIRROR)),
        (containers(), containers(), containers(), option::of(vec(volume, 0..3)), secrets),
    )
        .prop_map(|((labels, annotations), (init, main, ephemeral, volumes, secrets))| {
            let to_map = |entries: Option<Vec<(String, String)>>| {
                entries.map(|e| e.into_iter().collect::<std::collections::BTreeMap<_, _>>())
            };
            json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "p", "labels": to_map(labels), "annotations": to_map(annotations)},
                "spec": {
                    "initContainers": init,
                    "containers": main.unwrap_or_default(),
                    "ephemeralContainers": ephemeral,
                    "volumes": volumes,
                    "imagePullSecrets": secrets,
                    "tolerations": [{"key": "a", "operator": "Exists"}],
                    "unknownToUs": {"deep": [[[{"image": "not-an-image"}]]]},
                },
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_view_equals_the_typed_decode(pod in pod()) {
        let text = pod.to_string();
        prop_assert_eq!(by_view(&text).unwrap(), by_typed_decode(&text).unwrap());
        let spaced = serde_json::to_string_pretty(&pod).unwrap();
        prop_assert_eq!(by_view(&spaced).unwrap(), by_typed_decode(&spaced).unwrap());
    }

    #[test]
    fn no_text_makes_the_view_panic(text in "\\PC{0,60}|[\\[\\]{}:,\"a-z0-9]{0,60}") {
        let _ = by_view(&text);
    }
}

#[rstest]
#[case::nothing(json!({}))]
#[case::nulls(json!({"metadata": null, "spec": null}))]
#[case::inner_nulls(json!({"metadata": {"labels": null, "annotations": null},
    "spec": {"containers": [], "initContainers": null, "volumes": null, "imagePullSecrets": null}}))]
#[case::unknown_fields(json!({"future": [1, 2], "spec": {"containers": [{"name": "a", "image": "x", "future": {}}]}}))]
#[case::mirror(json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": ""}}, "spec": {"containers": []}}))]
fn by_hand(#[case] pod: Value) {
    let text = pod.to_string();
    assert_eq!(by_view(&text).unwrap(), by_typed_decode(&text).unwrap());
}

#[test]
fn escapes_are_read_as_what_they_stand_for() {
    let text = r#"{"metadata":{"labels":{"pullpass.io\/inject":"d\u0069sabled"}},
        "spec":{"containers":[{"image":"gcr\u002eio\/p\/a"}]}}"#;
    let facts = by_view(text).unwrap();
    assert!(facts.is_opted_out);
    assert_eq!(facts.images, [("containers[0]".to_owned(), "gcr.io/p/a".to_owned())]);
}

#[rstest]
#[case::a_number(r#"{"spec":{"containers":[{"image":1}]}}"#)]
#[case::a_text_for_a_list(r#"{"spec":{"containers":"x"}}"#)]
#[case::a_list_for_an_object(r#"{"spec":[1]}"#)]
#[case::twice(r#"{"spec":{},"spec":{}}"#)]
#[case::an_image_twice(r#"{"spec":{"containers":[{"image":"a","image":"b"}]}}"#)]
#[case::cut(r#"{"spec":{"containers":[{"image":"a""#)]
fn fault_02_what_no_pod_has_is_an_error(#[case] text: &str) {
    assert!(by_view(text).is_err(), "{text}");
}

#[test]
fn fault_02_depth_in_what_is_skipped_does_no_harm() {
    let depth = 100_000;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let text = format!(r#"{{"spec":{{"affinity":{deep},"containers":[{{"image":"a"}}]}}}}"#);
    assert_eq!(by_view(&text).unwrap().images.len(), 1);
}

#[test]
fn fault_11_thousands_of_containers_are_read() {
    let containers: Vec<_> = (0..20_000)
        .map(|i| json!({"name": format!("c{i}"), "image": format!("gcr.io/p/a:{i}")}))
        .collect();
    let text = json!({"spec": {"containers": containers}}).to_string();
    let facts = by_view(&text).unwrap();
    assert_eq!(facts.images.len(), 20_000);
    assert_eq!(facts.images[19_999].1, "gcr.io/p/a:19999");
}
