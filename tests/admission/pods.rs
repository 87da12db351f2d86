//! Pods in every form in which the API server sends them.

use pullpass::telemetry::metrics::Review;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    review::{creation_of, pod, with, without},
    webhook::Webhook,
};

#[rstest]
#[case::absent(None, &["project"])]
#[case::null(Some(Value::Null), &["project"])]
#[case::empty(Some(json!([])), &["project"])]
#[case::others(Some(json!([{"name": "b"}, {"name": "a"}])), &["b", "a", "project"])]
#[case::ours(Some(json!([{"name": "b"}, {"name": "project"}])), &["b", "project"])]
#[case::nameless(Some(json!([{}, {"name": null}])), &["", "", "project"])]
#[case::twice(Some(json!([{"name": "a"}, {"name": "a"}])), &["a", "a", "project"])]
#[tokio::test]
async fn fault_01_07_the_patch_applies_and_keeps_what_is_there(
    #[case] present: Option<Value>,
    #[case] expected: &[&str],
) {
    let mut object = pod("gcr.io/p/a");
    if let Some(present) = present {
        object = with(object, "/spec/imagePullSecrets", present);
    }
    let response = Webhook::new().review(&creation_of(object.clone())).await;
    assert_eq!(response.pull_secrets_of(&object), expected);
}

#[tokio::test]
async fn fault_05_a_second_call_adds_nothing() {
    let webhook = Webhook::new();
    let mut object =
        with(pod("gcr.io/p/a"), "/spec/initContainers", json!([{"image": "quay.io/team/b"}]));
    let first = webhook.review(&creation_of(object.clone())).await;
    assert_eq!(first.pull_secrets_of(&object), ["project", "quay"]);

    json_patch::patch(&mut object, &first.patch().unwrap()).unwrap();
    let second = webhook.review(&creation_of(object)).await;

    assert_eq!(second.patch(), None);
    assert_eq!(second.audit_annotations["entries"], "project,quay", "they still matched");
    assert_eq!(webhook.metrics.admission.reviews.get(Review::Patched), 1);
    assert_eq!(webhook.metrics.admission.reviews.get(Review::Unchanged), 1);
}

#[tokio::test]
async fn fault_04_a_dry_run_has_the_same_answer() {
    let review = creation_of(pod("gcr.io/p/a"));
    let webhook = Webhook::new();
    let answer = webhook.review(&review).await;
    let dry = webhook.review(&with(review, "/request/dryRun", true)).await;
    assert_eq!(answer, dry);
}

/// Whatever differs, the Pod gets the one secret that is due.
#[rstest]
#[case::as_sent(creation_of(pod("gcr.io/p/a")))]
#[case::from_a_controller(generated(creation_of(pod("gcr.io/p/a"))))]
#[case::name_empty(with(creation_of(pod("gcr.io/p/a")), "/request/name", ""))]
#[case::name_null(with(creation_of(pod("gcr.io/p/a")), "/request/name", Value::Null))]
#[case::namespace_in_the_request_alone(without(
    creation_of(pod("quay.io/team/a")),
    "/request/object/metadata/namespace"
))]
#[case::another_namespace_in_the_object(with(
    creation_of(pod("quay.io/team/a")),
    "/request/object/metadata/namespace",
    "other"
))]
#[case::unknown_fields(with(with(creation_of(pod("gcr.io/p/a")), "/request/fromTomorrow", json!([{}])), "/request/object/spec/fromTomorrow", json!({"image": 7})))]
#[case::unknown_container_fields(with(creation_of(pod("gcr.io/p/a")), "/request/object/spec/containers/0/fromTomorrow", json!([[null]])))]
#[case::nulls(nulls(creation_of(pod("gcr.io/p/a"))))]
#[case::subresource_null(with(
    creation_of(pod("gcr.io/p/a")),
    "/request/subResource",
    Value::Null
))]
#[case::subresource_empty(with(creation_of(pod("gcr.io/p/a")), "/request/subResource", ""))]
#[tokio::test]
async fn fault_10_unknown_absent_and_null_fields_make_no_difference(#[case] review: Value) {
    let object = &review["request"]["object"];
    let response = Webhook::new().review(&review).await;
    assert_eq!(response.pull_secrets_of(object).len(), 1, "{response:?}");
}

/// As the API server sends the Pods of a ReplicaSet.
fn generated(review: Value) -> Value {
    let review = without(review, "/request/name");
    with(review, "/request/object/metadata", json!({"generateName": "web-5f-"}))
}

fn nulls(mut review: Value) -> Value {
    for field in ["labels", "annotations"] {
        review = with(review, &format!("/request/object/metadata/{field}"), Value::Null);
    }
    for field in ["initContainers", "ephemeralContainers", "volumes", "imagePullSecrets"] {
        review = with(review, &format!("/request/object/spec/{field}"), Value::Null);
    }
    review
}

#[rstest]
#[case::object_null(with(creation_of(pod("")), "/request/object", Value::Null))]
#[case::spec_null(with(creation_of(pod("")), "/request/object/spec", Value::Null))]
#[case::containers_null(with(
    creation_of(pod("")),
    "/request/object/spec/containers",
    Value::Null
))]
#[case::image_null(with(
    creation_of(pod("")),
    "/request/object/spec/containers/0/image",
    Value::Null
))]
#[case::nothing_matches(creation_of(pod("docker.io/library/nginx")))]
#[case::no_reference(creation_of(pod("gcr.io/p/A B")))]
#[case::other_namespace(with(creation_of(pod("quay.io/team/a")), "/request/namespace", "other"))]
#[case::opted_out(with(creation_of(pod("gcr.io/p/a")), "/request/object/metadata/labels", json!({"pullpass.io/inject": "disabled"})))]
#[case::mirror(with(creation_of(pod("gcr.io/p/a")), "/request/object/metadata/annotations", json!({"kubernetes.io/config.mirror": ""})))]
#[tokio::test]
async fn nothing_due_is_no_patch_at_all(#[case] review: Value) {
    let response = Webhook::new().review(&review).await;
    assert!(response.is_silent_consent(), "{response:?}");
}

#[rstest]
#[case("705ab4f5-6393-11e8-b7cc-42010a800002")]
#[case("ü \u{1f980} \u{202e}")]
#[case("\" \\ / \u{0008} \n \u{0000} \u{001f}")]
#[tokio::test]
async fn the_uid_comes_back_as_it_was_sent(#[case] uid: &str) {
    let review = with(creation_of(pod("gcr.io/p/a")), "/request/uid", uid);
    assert_eq!(Webhook::new().review(&review).await.uid, uid);
}

#[tokio::test]
async fn escapes_in_the_json_are_read() {
    let body = creation_of(pod("gcr.io/p/a")).to_string();
    let body = body
        .replace(r#""gcr.io/p/a""#, r#""\u0067cr.io\/p\/a""#)
        .replace(r#""image""#, r#""im\u0061ge""#)
        .replace("705ab4f5", r"\u003705ab4f5");
    let response = Webhook::new().mutate(body).await.response();
    assert_eq!(response.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
    assert_eq!(response.pull_secrets_of(&pod("gcr.io/p/a")), ["project"]);
}

#[tokio::test]
async fn observe_mode_patches_nothing_and_says_what_it_would_add() {
    let config = crate::webhook::CONFIG.replace("kind: Config", "kind: Config\nmode: observe");
    let webhook = Webhook::with_config(Some(&config));
    let response = webhook.review(&creation_of(pod("gcr.io/p/a"))).await;
    assert!(response.is_silent_consent());
    assert_eq!(response.audit_annotations["would-add"], "project");
    assert_eq!(webhook.metrics.admission.reviews.get(Review::Observed), 1);
}
