//! `/validate-config`: the ConfigMap of Pullpass is checked, and no other.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    review::{config_map_written, with},
    webhook::{CONFIG, Webhook, config_of},
};

const BROKEN: &str = "apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: [\"gcr.io\"]
  - name: project
    images: [\"quay.io/team/*\"]
";

fn written(content: Value) -> Value {
    config_map_written("pullpass-system", "pullpass", content)
}

fn broken() -> Value {
    written(json!({"data": {"config.yaml": BROKEN}}))
}

/// The message with which a ConfigMap is refused.
async fn refusal(review: &Value) -> String {
    let response = Webhook::new().validate(review).await;
    assert!(!response.allowed, "{response:?}");
    assert_eq!(response.patch(), None);
    let status = response.status.expect("a refusal has a status");
    assert_eq!(status.code, 422);
    status.message
}

#[tokio::test]
async fn fault_29_every_error_is_named_with_place_and_hint() {
    for operation in ["CREATE", "UPDATE"] {
        let message = refusal(&with(broken(), "/request/operation", operation)).await;
        assert!(message.contains("2 errors"), "{message}");
        assert!(message.contains("line 5, column "), "{message}");
        assert!(message.contains("line 6, column "), "{message}");
        assert!(message.contains("registries[0].images[0]"), "{message}");
        assert_eq!(message.matches("hint: ").count(), 2, "{message}");
    }
}

#[rstest]
#[case::no_data(json!({}))]
#[case::data_null(json!({"data": null}))]
#[case::other_key(json!({"data": {"config.yml": CONFIG}}))]
#[case::binary(json!({"binaryData": {"config.yaml": "YQ=="}}))]
#[tokio::test]
async fn fault_29_a_config_map_without_the_key_is_told_where_to_put_it(#[case] content: Value) {
    let message = refusal(&written(content)).await;
    assert!(message.contains("no key `config.yaml` in `data`"), "{message}");
}

#[rstest]
#[case::empty("")]
#[case::blank("\n\n")]
#[case::no_yaml("{")]
#[case::json_list("[]")]
#[case::control("a: \u{7}")]
#[case::other_version("apiVersion: pullpass.io/v2\nkind: Config\nregistries: []\n")]
#[case::billion_laughs("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nregistries: [*c,*c]\n")]
#[tokio::test]
async fn fault_29_text_that_is_no_configuration_is_refused_with_a_hint(#[case] text: &str) {
    let message = refusal(&written(json!({"data": {"config.yaml": text}}))).await;
    assert!(message.contains("line ") && message.contains("hint: "), "{message}");
}

#[tokio::test]
async fn fault_32_a_huge_configuration_is_refused_in_bounded_words() {
    let bad = (0..20_000).map(|n| format!("  - name: A{n}\n    images: []\n"));
    let config = config_of(bad);
    let message = refusal(&written(json!({"data": {"config.yaml": config}}))).await;
    assert!(message.len() < 64 * 1024, "{} bytes", message.len());
}

#[tokio::test]
async fn a_configuration_in_order_is_allowed_and_warned_about() {
    let good = written(json!({"data": {"config.yaml": CONFIG}}));
    assert!(Webhook::new().validate(&good).await.is_silent_consent());

    let odd = CONFIG.replace("gcr.io/p/*", "gcr.io/p*");
    let response = Webhook::new().validate(&written(json!({"data": {"config.yaml": odd}}))).await;
    assert!(response.allowed);
    assert_eq!(response.warnings.len(), 1, "{:?}", response.warnings);
    assert!(response.warnings[0].contains("line 6"), "{:?}", response.warnings);
}

#[tokio::test]
async fn warnings_stay_within_what_the_api_server_shows() {
    let odd = (0..200)
        .map(|n| format!("  - name: e{n}\n    images: [\"gcr.io/{}*\"]\n", "p".repeat(240)));
    let config = config_of(odd);
    let response =
        Webhook::new().validate(&written(json!({"data": {"config.yaml": config}}))).await;
    assert!(response.allowed, "{response:?}");
    assert!(!response.warnings.is_empty());
    assert!(response.warnings.iter().all(|warning| warning.chars().count() <= 256));
    assert!(response.warnings.iter().map(String::len).sum::<usize>() <= 4_096);
}

#[rstest]
#[case::other_name(config_map_written("pullpass-system", "other", json!({"data": {"config.yaml": BROKEN}})))]
#[case::other_namespace(config_map_written("team", "pullpass", json!({"data": {"config.yaml": BROKEN}})))]
#[case::deleted(with(
    with(broken(), "/request/operation", "DELETE"),
    "/request/object",
    Value::Null
))]
#[case::deleted_with_the_old_object(with(broken(), "/request/operation", "DELETE"))]
#[case::another_resource(with(broken(), "/request/resource/resource", "secrets"))]
#[case::another_group(with(broken(), "/request/resource/group", "example.com"))]
#[tokio::test]
async fn what_is_not_the_configuration_is_allowed(#[case] review: Value) {
    let response = Webhook::new().validate(&review).await;
    assert!(response.is_silent_consent(), "{response:?}");
}

#[tokio::test]
async fn a_webhook_without_a_configuration_still_checks_the_first_one() {
    let webhook = Webhook::with_config(None);
    assert!(!webhook.validate(&broken()).await.allowed);
    assert!(webhook.validate(&written(json!({"data": {"config.yaml": CONFIG}}))).await.allowed);
}
