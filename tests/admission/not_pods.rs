//! What a wrong webhook configuration may send: allowed, unchanged, and noted in the log.

use pullpass::telemetry::metrics::Review;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    review::{creation_of, pod, with},
    webhook::Webhook,
};

#[rstest]
#[case::update("UPDATE")]
#[case::delete("DELETE")]
#[case::connect("CONNECT")]
#[case::unknown("MERGE")]
#[case::none("")]
#[tokio::test]
async fn fault_03_other_operations_are_allowed_unchanged(#[case] operation: &str) {
    let review = with(creation_of(pod("gcr.io/p/a")), "/request/operation", operation);
    is_left_alone(&review).await;
}

#[rstest]
#[case("ephemeralcontainers")]
#[case("status")]
#[case("binding")]
#[case("resize")]
#[tokio::test]
async fn fault_03_subresources_are_allowed_unchanged(#[case] subresource: &str) {
    let review = with(creation_of(pod("gcr.io/p/a")), "/request/subResource", subresource);
    is_left_alone(&review).await;
}

/// The objects have fields that a Pod has too, of other types.
#[rstest]
#[case::deployment("apps", "deployments", json!({"spec": {"template": {"spec": {"containers": [{"image": "gcr.io/p/a"}]}}}}))]
#[case::custom("example.com", "pods", pod("gcr.io/p/a"))]
#[case::containers_of_another_type("example.com", "ships", json!({"spec": {"containers": 7, "volumes": "many"}}))]
#[case::images_of_another_type("example.com", "albums", json!({"spec": {"containers": [{"image": {"url": "x"}}]}}))]
#[case::spec_of_another_type("", "bindings", json!({"spec": []}))]
#[case::metadata_of_another_type("example.com", "odd", json!({"metadata": "none"}))]
#[case::no_object("", "pods", json!([1]))]
#[case::text("example.com", "texts", json!("text"))]
#[case::null("", "namespaces", Value::Null)]
#[tokio::test]
async fn fault_03_other_kinds_are_allowed_unchanged(
    #[case] group: &str,
    #[case] resource: &str,
    #[case] object: Value,
) {
    let review = with(creation_of(object), "/request/resource/group", group);
    let review = with(review, "/request/resource/resource", resource);
    // What is not of the core group is sent with an operation that a Pod could have.
    let is_pod = group.is_empty() && resource == "pods";
    let operation = if is_pod { "DELETE" } else { "CREATE" };
    is_left_alone(&with(review, "/request/operation", operation)).await;
}

#[tokio::test]
async fn fault_03_the_validating_endpoint_allows_what_is_no_config_map() {
    let objects = [
        json!({"data": []}),
        json!({"data": {"config.yaml": 7}}),
        json!({"metadata": {"name": 7}}),
        json!("text"),
        Value::Null,
        pod("gcr.io/p/a"),
    ];
    for object in objects {
        let review = creation_of(object);
        let response = Webhook::new().validate(&review).await;
        assert!(response.is_silent_consent(), "{response:?}");
    }
}

async fn is_left_alone(review: &Value) {
    let webhook = Webhook::new();
    let response = webhook.review(review).await;
    assert!(response.is_silent_consent(), "{response:?}");
    assert_eq!(response.uid, review["request"]["uid"].as_str().unwrap());
    assert_eq!(webhook.metrics.admission.reviews.get(Review::NotAPod), 1);
}
