//! Bodies that cannot be answered: a 400 that says what was wrong.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    review::{creation_of, pod, with, without},
    webhook::Webhook,
};

/// The message of the 400 that both endpoints give.
async fn refusal(body: impl Into<Vec<u8>>) -> String {
    let body = body.into();
    let webhook = Webhook::new();
    let mutate = webhook.mutate(body.clone()).await;
    let validate = webhook.post("/validate-config", body).await;
    assert_eq!((mutate.status, validate.status), (400, 400), "{mutate:?} {validate:?}");
    assert_eq!(mutate.refusal(), validate.refusal());
    mutate.refusal()
}

fn review() -> Value {
    creation_of(pod("gcr.io/p/a"))
}

#[rstest]
#[case::empty(b"", "is empty")]
#[case::blank(b" \n", "not valid JSON at line 2, column 0")]
#[case::no_json(b"apiVersion: admission.k8s.io/v1", "not valid JSON at line 1, column 1")]
#[case::two_documents(b"{} {}", "not valid JSON at line 1, column 4")]
#[case::control_character(b"{\"apiVersion\": \"a\x01\"}", "not valid JSON at line 1")]
#[case::lone_surrogate(br#"{"apiVersion": "\ud800"}"#, "not valid JSON at line 1")]
#[case::invalid_utf8(b"{\"apiVersion\": \"\xff\"}", "not UTF-8 at byte 16")]
#[case::byte_order_mark(b"\xef\xbb\xbf{}", "not valid JSON at line 1, column 1")]
#[case::null(b"null", "(top level)")]
#[case::list(b"[1, 2]", "(line 1, column 2)")]
#[case::text(b"\"AdmissionReview\"", "(top level)")]
#[case::empty_object(b"{}", "not an admission.k8s.io/v1 AdmissionReview")]
#[case::wrong_type(br#"{"apiVersion": 1}"#, "apiVersion")]
#[case::twice(br#"{"kind": "AdmissionReview", "kind": "Pod"}"#, "is given twice")]
#[tokio::test]
async fn fault_02_what_is_no_review_is_refused(#[case] body: &[u8], #[case] says: &str) {
    let message = refusal(body).await;
    assert!(message.contains(says), "{message}");
}

#[rstest]
#[case::other_kind(with(review(), "/kind", "Pod"), "not an admission.k8s.io/v1 AdmissionReview")]
#[case::no_kind(without(review(), "/kind"), "not an admission.k8s.io/v1 AdmissionReview")]
#[case::v1beta1(
    with(review(), "/apiVersion", "admission.k8s.io/v1beta1"),
    "admissionReviewVersions"
)]
#[case::null_version(with(review(), "/apiVersion", Value::Null), "not an admission.k8s.io/v1")]
#[case::no_request(without(review(), "/request"), "has no request")]
#[case::null_request(with(review(), "/request", Value::Null), "has no request")]
#[case::no_uid(without(review(), "/request/uid"), "has no uid")]
#[case::empty_uid(with(review(), "/request/uid", ""), "has no uid")]
#[case::null_uid(with(review(), "/request/uid", Value::Null), "request.uid")]
#[case::uid_of_another_type(with(review(), "/request/uid", 7), "request.uid")]
#[case::operation_of_another_type(with(review(), "/request/operation", json!([])), "request.operation")]
#[case::request_of_another_type(with(review(), "/request", "no"), "request")]
#[tokio::test]
async fn fault_02_a_review_that_cannot_be_answered_is_refused(
    #[case] review: Value,
    #[case] says: &str,
) {
    let message = refusal(review.to_string()).await;
    assert!(message.contains(says), "{message}");
}

#[rstest]
#[case("/request/object", json!("no Pod"), "request.object")]
#[case("/request/object/metadata/labels", json!(["pullpass.io/inject"]), "request.object.metadata.labels")]
#[case("/request/object/spec/containers", json!({}), "request.object.spec.containers")]
#[case("/request/object/spec/containers/0/image", json!(7), "request.object.spec.containers[0].image")]
#[case("/request/object/spec/imagePullSecrets", json!("pull"), "request.object.spec.imagePullSecrets")]
#[tokio::test]
async fn fault_02_a_pod_of_the_wrong_form_is_refused_with_the_field(
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] field: &str,
) {
    let body = with(with_labels(review()), pointer, value).to_string();
    let answer = Webhook::new().mutate(body).await;
    assert_eq!(answer.status, 400);
    let message = answer.refusal();
    assert!(message.contains(&format!("the field {field} of")), "{message}");
}

fn with_labels(review: Value) -> Value {
    with(review, "/request/object/metadata/labels", json!({"app": "a"}))
}

#[tokio::test]
async fn fault_02_every_truncation_is_refused() {
    let whole = review().to_string();
    let webhook = Webhook::new();
    for length in 0..whole.len() {
        let answer = webhook.mutate(whole[..length].to_owned()).await;
        assert_eq!(answer.status, 400, "{length} bytes: {}", answer.text);
        answer.refusal();
    }
    assert!(webhook.mutate(whole).await.response().allowed);
}

#[tokio::test]
async fn fault_02_no_byte_put_wrong_ends_in_a_panic_or_an_empty_answer() {
    let whole = review().to_string().into_bytes();
    let webhook = Webhook::new();
    for position in 0..whole.len() {
        for byte in [b'"', b'{', b']', b'0', 0, 0xff] {
            let mut body = whole.clone();
            body[position] = byte;
            let answer = webhook.mutate(body).await;
            match answer.status {
                200 => assert!(answer.response().allowed),
                400 => assert!(!answer.refusal().is_empty()),
                other => panic!("{other} with {byte:#x} at {position}: {}", answer.text),
            }
        }
    }
}

#[rstest]
#[case::lists("[", "]")]
#[case::objects("{\"a\":", "}")]
#[tokio::test]
async fn fault_02_deep_nesting_takes_no_stack(#[case] open: &str, #[case] close: &str) {
    let deep = format!("{}1{}", open.repeat(500_000), close.repeat(500_000));
    let webhook = Webhook::new();

    let skipped = format!(r#"{{"deep": {deep}, "apiVersion": "v2"}}"#);
    assert!(webhook.mutate(skipped).await.refusal().contains("not an admission"));
    let unclosed = open.repeat(500_000);
    assert!(webhook.mutate(unclosed).await.status == 400);
    let whole = creation_of(pod("gcr.io/p/a")).to_string();
    let within = whole.replacen(r#""image":"#, &format!(r#""unknown": {deep}, "image":"#), 1);
    assert!(webhook.mutate(within).await.response().patch().is_some());
}

#[tokio::test]
async fn a_webhook_without_a_configuration_says_so() {
    let answer = Webhook::with_config(None).mutate(review().to_string()).await;
    assert_eq!(answer.status, 503);
    assert!(answer.refusal().contains("no configuration in force yet"));
}
