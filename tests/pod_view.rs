//! The borrowed view of a Pod reads what the typed decode of k8s-openapi reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use k8s_openapi::{
    api::core::v1::{
        Container, EnvVar, EphemeralContainer, ImageVolumeSource, LocalObjectReference, Pod,
        PodSpec, Volume,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use proptest::{option, prelude::*};
use pullpass::inject::{ImagePlace, PodView};
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All that the decision reads of a Pod.
#[derive(Debug, PartialEq)]
struct Seen {
    is_mirror: bool,
    is_opted_out: bool,
    pull_secrets: Vec<String>,
    has_no_pull_secrets: bool,
    images: Vec<(ImagePlace, String)>,
}

fn seen_by_view(view: &PodView<'_>) -> Seen {
    Seen {
        is_mirror: view.is_mirror(),
        is_opted_out: view.is_opted_out(),
        // k8s-openapi reads an absent name as an empty one.
        pull_secrets: view.pull_secrets().filter(|n| !n.is_empty()).map(str::to_owned).collect(),
        has_no_pull_secrets: view.has_no_pull_secrets(),
        images: view.images().map(|image| (image.place, image.text.to_owned())).collect(),
    }
}

fn seen_by_type(pod: &Pod) -> Seen {
    let has = |map: &Option<BTreeMap<String, String>>, key: &str, value: Option<&str>| {
        map.iter().flatten().any(|(k, v)| k == key && value.is_none_or(|value| value == v))
    };
    let spec = pod.spec.clone().unwrap_or_default();
    let init = spec.init_containers.unwrap_or_default().into_iter().map(|c| c.image);
    let main = spec.containers.into_iter().map(|c| c.image);
    let ephemeral = spec.ephemeral_containers.unwrap_or_default().into_iter().map(|c| c.image);
    let volumes = spec.volumes.unwrap_or_default().into_iter().map(|v| v.image?.reference);
    let placed = |texts: Vec<Option<String>>, place: fn(usize) -> ImagePlace| {
        let placed = texts.into_iter().enumerate().map(move |(i, text)| Some((place(i), text?)));
        placed.flatten().collect::<Vec<_>>()
    };
    let secrets = spec.image_pull_secrets.unwrap_or_default();
    Seen {
        is_mirror: has(&pod.metadata.annotations, "kubernetes.io/config.mirror", None),
        is_opted_out: has(&pod.metadata.labels, "pullpass.io/inject", Some("disabled")),
        has_no_pull_secrets: secrets.is_empty(),
        pull_secrets: secrets.into_iter().map(|s| s.name).filter(|n| !n.is_empty()).collect(),
        images: [
            placed(init.collect(), ImagePlace::InitContainer),
            placed(main.collect(), ImagePlace::Container),
            placed(ephemeral.collect(), ImagePlace::EphemeralContainer),
            placed(volumes.collect(), ImagePlace::Volume),
        ]
        .concat(),
    }
}

/// Both readings of a text, through JSON text and through a JSON value.
fn agree(text: &str) -> Seen {
    let view: PodView<'_> = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let value: Value = serde_json::from_str(text).unwrap();
    let of_value = PodView::deserialize(&value).unwrap();
    let typed: Pod = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let seen = seen_by_view(&view);
    assert_eq!(seen, seen_by_type(&typed), "{text}");
    assert_eq!(seen, seen_by_view(&of_value), "{text}");
    seen
}

/// Texts that JSON writes with and without escapes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,5}(\\.io)?(/[a-z]{1,4}){0,2}(:[a-z0-9]{1,3})?",
        "[\"\\\\/\\n\\t\u{0}é漢😀\u{2028}a]{0,6}",
    ]
}

fn list<T: std::fmt::Debug>(
    item: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<Vec<T>>> {
    option::of(prop::collection::vec(item, 0..4))
}

fn labels() -> impl Strategy<Value = Option<BTreeMap<String, String>>> {
    let key = prop_oneof![
        Just("pullpass.io/inject".to_owned()),
        Just("kubernetes.io/config.mirror".to_owned()),
        text()
    ];
    let value = prop_oneof![Just("disabled".to_owned()), Just("enabled".to_owned()), text()];
    option::of(prop::collection::btree_map(key, value, 0..4))
}

fn container() -> impl Strategy<Value = Container> {
    (option::of(text()), text(), list(text())).prop_map(|(image, name, env)| Container {
        image,
        name,
        env: env.map(|env| {
            let variable = |value: String| EnvVar {
                name: "image".into(),
                value: Some(value),
                ..EnvVar::default()
            };
            env.into_iter().map(variable).collect()
        }),
        ..Container::default()
    })
}

fn volume() -> impl Strategy<Value = Volume> {
    let image = option::of(text())
        .prop_map(|reference| ImageVolumeSource { reference, pull_policy: Some("Always".into()) });
    (option::of(image), text()).prop_map(|(image, name)| Volume {
        image,
        name,
        ..Volume::default()
    })
}

fn pod() -> impl Strategy<Value = Pod> {
    let ephemeral = (option::of(text()), text()).prop_map(|(image, name)| EphemeralContainer {
        image,
        name,
        ..EphemeralContainer::default()
    });
    let spec = (
        prop::collection::vec(container(), 0..4),
        list(container()),
        list(ephemeral),
        list(volume()),
        list(text().prop_map(|name| LocalObjectReference { name })),
    )
        .prop_map(
            |(containers, init_containers, ephemeral_containers, volumes, image_pull_secrets)| {
                PodSpec {
                    containers,
                    init_containers,
                    ephemeral_containers,
                    volumes,
                    image_pull_secrets,
                    ..PodSpec::default()
                }
            },
        );
    (labels(), labels(), option::of(text()), option::of(spec)).prop_map(
        |(labels, annotations, name, spec)| Pod {
            metadata: ObjectMeta { labels, annotations, name, ..ObjectMeta::default() },
            spec,
            ..Pod::default()
        },
    )
}

/// What the API server of another version may add, and null where Go reads nothing.
fn noise(value: &mut Value, depth: usize) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(|inner| noise(inner, depth + 1));
            if depth < 2 {
                map.insert(
                    "future".into(),
                    json!({"image": "x", "spec": [null, {"image": 5}], "n": 1e9}),
                );
                map.insert("status2".into(), Value::Null);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| noise(inner, depth + 1)),
        _ => {}
    }
}

/// Each ASCII letter within strings as `\u00XX`: the same JSON, with nothing left to borrow.
fn escaped(json: &str) -> String {
    let (mut out, mut in_string, mut chars) = (String::new(), false, json.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                in_string = !in_string;
                out.push(c);
            }
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            c if in_string && c.is_ascii_alphabetic() => {
                out.extend(["\\u00", &format!("{:02X}", u32::from(c))]);
            }
            c => out.push(c),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Law: the view of any Pod is what its typed decode says.
    #[test]
    fn view_equals_the_typed_decode(pod in pod()) {
        let text = serde_json::to_string(&pod).unwrap();
        let seen = agree(&text);
        prop_assert_eq!(&seen, &seen_by_type(&pod));
        let mut noisy: Value = serde_json::from_str(&text).unwrap();
        noise(&mut noisy, 0);
        prop_assert_eq!(&agree(&noisy.to_string()), &seen);
    }

    /// Law: escapes within strings change nothing.
    #[test]
    fn escapes_change_nothing(pod in pod()) {
        let text = serde_json::to_string(&pod).unwrap();
        prop_assert_eq!(agree(&escaped(&text)), agree(&text));
    }

    /// Law: no text makes the view panic.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[{}\\[\\]\",:a-z]{0,30}") {
        let _ = serde_json::from_str::<PodView<'_>>(&text);
    }
}

/// Where the same text gives the same answer in both readings.
#[rstest]
#[case::nothing("{}")]
#[case::null_parts(r#"{"metadata": null, "spec": null}"#)]
#[case::null_maps(
    r#"{"metadata": {"labels": null, "annotations": null}, "spec": {"containers": []}}"#
)]
#[case::null_lists(r#"{"spec": {"containers": null, "initContainers": null, "ephemeralContainers": null, "volumes": null, "imagePullSecrets": null}}"#)]
#[case::null_images(r#"{"spec": {"containers": [{"image": null}, {"image": "a"}], "volumes": [{"image": null}, {"image": {"reference": null}}, {"image": {}}]}}"#)]
#[case::null_name(r#"{"spec": {"containers": [], "imagePullSecrets": [{"name": null}, {}]}}"#)]
#[case::unknown_fields(r#"{"future": {"spec": 1}, "spec": {"future": [{"image": 5}], "containers": [{"future": null, "image": "a"}]}}"#)]
#[case::not_the_label(
    r#"{"metadata": {"labels": {"pullpass.io/injected": "disabled", "x": "disabled"}}}"#
)]
#[case::label(r#"{"metadata": {"labels": {"a": "b", "pullpass.io/inject": "disabled"}}}"#)]
#[case::other_value(r#"{"metadata": {"labels": {"pullpass.io/inject": "Disabled"}}}"#)]
#[case::label_as_annotation(r#"{"metadata": {"annotations": {"pullpass.io/inject": "disabled"}}}"#)]
#[case::mirror(r#"{"metadata": {"annotations": {"kubernetes.io/config.mirror": ""}}}"#)]
#[case::mirror_as_label(r#"{"metadata": {"labels": {"kubernetes.io/config.mirror": "x"}}}"#)]
#[case::escaped_key(r#"{"metadata": {"l\u0061bels": {"pullpass.io/\u0069nject": "dis\u0061bled"}}, "sp\u0065c": {"containers": [{"im\u0061ge": "\u0041\ud83d\ude00"}]}}"#)]
#[case::generated_name(
    r#"{"metadata": {"generateName": "x-"}, "spec": {"containers": [{"image": ""}]}}"#
)]
fn hand_chosen(#[case] text: &str) {
    agree(text);
}

#[test]
fn every_place_in_the_order_of_start() {
    let pod = json!({"spec": {
        "volumes": [{"name": "v"}, {"image": {"reference": "five"}}],
        "ephemeralContainers": [{"image": "four"}],
        "containers": [{"image": "two"}, {}, {"image": "three"}],
        "initContainers": [{"image": "one"}],
    }});
    let images: Vec<_> =
        agree(&pod.to_string()).images.into_iter().map(|(p, t)| format!("{p} {t}")).collect();
    assert_eq!(
        images,
        [
            "initContainers[0] one",
            "containers[0] two",
            "containers[2] three",
            "ephemeralContainers[0] four",
            "volumes[1].image five"
        ]
    );
}

#[rstest]
#[case::absent("{}", true)]
#[case::null(r#"{"spec": {"imagePullSecrets": null}}"#, true)]
#[case::empty(r#"{"spec": {"imagePullSecrets": []}}"#, true)]
#[case::one_without_name(r#"{"spec": {"imagePullSecrets": [{}]}}"#, false)]
#[case::one(r#"{"spec": {"imagePullSecrets": [{"name": "a"}]}}"#, false)]
fn absent_null_and_empty_are_the_same(#[case] text: &str, #[case] none: bool) {
    assert_eq!(agree(text).has_no_pull_secrets, none);
}

/// Nothing is copied out of the request but what has escapes.
#[test]
fn texts_are_borrowed() {
    let text = r#"{"spec": {"containers": [{"image": "gcr.io/a/b"}], "volumes": [{"image": {"reference": "gcr.io/c"}}], "imagePullSecrets": [{"name": "s"}]}}"#;
    let view: PodView<'_> = serde_json::from_str(text).unwrap();
    let within = |part: &str| text.as_bytes().as_ptr_range().contains(&part.as_ptr());
    assert!(view.images().all(|image| within(image.text)));
    assert!(view.pull_secrets().all(within));
}

/// Fault 2: what no Pod is gives an error, and no panic.
#[rstest]
#[case("")]
#[case("null")]
#[case("[]")]
#[case("[{}, {}]")]
#[case("5")]
#[case(r#""pod""#)]
#[case("{")]
#[case(r#"{"spec": {"containers": [{"image": "a"}"#)]
#[case(r#"{"spec": []}"#)]
#[case(r#"{"spec": "x"}"#)]
#[case(r#"{"metadata": [null]}"#)]
#[case(r#"{"metadata": {"labels": []}}"#)]
#[case(r#"{"metadata": {"labels": "x"}}"#)]
#[case(r#"{"metadata": {"labels": {"pullpass.io/inject": 5}}}"#)]
#[case(r#"{"spec": {"containers": {}}}"#)]
#[case(r#"{"spec": {"containers": [null]}}"#)]
#[case(r#"{"spec": {"containers": ["nginx"]}}"#)]
#[case(r#"{"spec": {"containers": [["nginx"]]}}"#)]
#[case(r#"{"spec": {"containers": [{"image": 5}]}}"#)]
#[case(r#"{"spec": {"containers": [{"image": ["a"]}]}}"#)]
#[case(r#"{"spec": {"volumes": [{"image": "a"}]}}"#)]
#[case(r#"{"spec": {"imagePullSecrets": ["a"]}}"#)]
#[case(r#"{"spec": {"imagePullSecrets": [["a"]]}}"#)]
#[case::two_specs(r#"{"spec": {}, "spec": {}}"#)]
#[case::two_images(r#"{"spec": {"containers": [{"image": "a", "image": "b"}]}}"#)]
#[case::lone_surrogate(r#"{"spec": {"containers": [{"image": "\ud800"}]}}"#)]
#[case::control_character("{\"spec\": {\"containers\": [{\"image\": \"a\nb\"}]}}")]
fn fault_02_what_is_no_pod_is_an_error(#[case] text: &str) {
    assert!(serde_json::from_str::<PodView<'_>>(text).is_err(), "{text}");
}

#[test]
fn fault_02_invalid_utf8_is_an_error_where_it_is_read() {
    let text = b"{\"spec\": {\"containers\": [{\"image\": \"a\xff\"}]}}";
    assert!(serde_json::from_slice::<PodView<'_>>(text).is_err());
}

/// Fault 2: a key twice in what is skipped is none of our business.
#[test]
fn fault_02_duplicate_keys_in_skipped_parts() {
    let text = r#"{"x": 1, "x": 2, "spec": {"y": 1, "y": 2, "containers": [{"env": [], "env": [], "image": "a"}]}, "metadata": {"labels": {"a": "1", "a": "2", "pullpass.io/inject": "enabled", "pullpass.io/inject": "disabled"}}}"#;
    let view: PodView<'_> = serde_json::from_str(text).unwrap();
    assert_eq!(view.images().count(), 1);
    assert!(view.is_opted_out(), "the last one counts, as Go reads it");
}

/// Fault 2: nesting costs no stack where it is skipped, and is refused where it is read.
#[test]
fn fault_02_deep_nesting() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    for deep in [nested(100), objects(100), nested(1_000_000), objects(300_000)] {
        let skipped = format!(
            r#"{{"x": {deep}, "spec": {{"containers": [{{"env": {deep}, "image": "a"}}]}}, "metadata": {{"managedFields": {deep}, "annotations": {{"b": {deep}}}}}}}"#
        );
        let view = serde_json::from_str::<PodView<'_>>(&skipped).unwrap();
        assert_eq!(view.images().count(), 1);
        let read = format!(r#"{{"spec": {{"containers": {deep}}}}}"#);
        assert!(serde_json::from_str::<PodView<'_>>(&read).is_err());
    }
}

/// Fault 11: the largest Pod that the API server lets pass.
#[test]
fn fault_11_three_mebibytes_of_containers() {
    let container =
        json!({"name": "c", "image": "gcr.io/p/a:v1", "env": [{"name": "A", "value": "B"}]});
    let count = 3 * 1024 * 1024 / (container.to_string().len() + 1);
    let pod =
        json!({"spec": {"containers": vec![container; count], "initContainers": [{"image": "x"}]}});
    let seen = agree(&pod.to_string());
    assert_eq!(seen.images.len(), count + 1);
    assert_eq!(seen.images[count].0, ImagePlace::Container(count - 1));
}

/// Fault 51: no error quotes what stands in parts that are skipped.
#[test]
fn fault_51_errors_say_nothing_of_skipped_parts() {
    let text = r#"{"spec": {"containers": [{"env": [{"name": "PASSWORD", "value": "hunter2"}], "args": ["--token=hunter2"], "image": 5}]}}"#;
    let error = serde_json::from_str::<PodView<'_>>(text).unwrap_err().to_string();
    assert!(!error.contains("hunter2") && !error.contains("PASSWORD"), "{error}");
}
