//! Pods as large as the API takes.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    review::{creation_of, pod, with},
    webhook::{Webhook, config_of},
};

/// What the API server takes in one request.
const API_LIMIT: usize = 3 * 1024 * 1024;
/// An unoptimised build on a busy machine; the API server waits five seconds.
const IN_TIME: Duration = Duration::from_secs(4);

fn containers(count: usize, size: usize) -> Value {
    let variable = json!({"name": "X", "value": "x".repeat(size)});
    let container = |n| json!({"name": format!("c{n}"), "image": format!("quay.io/team/app-{n}:1"), "env": [variable]});
    (0..count).map(container).collect()
}

#[tokio::test]
async fn fault_11_thousands_of_containers_in_3_mib_are_answered_in_time() {
    let object = with(pod(""), "/spec/containers", containers(10_000, 250));
    let body = creation_of(object.clone()).to_string();
    assert!(body.len() > API_LIMIT, "{}", body.len());

    let started = Instant::now();
    let response = Webhook::new().mutate(body).await.response();

    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    assert_eq!(response.pull_secrets_of(&object), ["quay"]);
}

#[tokio::test]
async fn fault_11_one_field_of_3_mib_is_skipped() {
    let object = with(
        pod("gcr.io/p/a"),
        "/metadata/annotations",
        json!({"note": "x\\\"".repeat(API_LIMIT / 3)}),
    );
    let body = creation_of(object).to_string();
    assert!(Webhook::new().mutate(body).await.response().patch().is_some());
}

#[tokio::test]
async fn fault_11_thousands_of_pull_secrets_and_entries_stay_bounded() {
    let entries = (0..2_000)
        .map(|n| format!("  - name: entry-{n}\n    images: [\"quay.io/team/app-{n}\"]\n"));
    let config = config_of(entries);
    let webhook = Webhook::with_config(Some(&config));
    let secrets: Value = (0..5_000).map(|n| json!({"name": format!("s{n}")})).collect();
    let object = with(pod(""), "/spec/containers", containers(2_000, 0));
    let object = with(object, "/spec/imagePullSecrets", secrets);
    let body = creation_of(object.clone()).to_string();

    let started = Instant::now();
    let response = webhook.mutate(body).await.response();

    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    assert_eq!(response.pull_secrets_of(&object).len(), 7_000);
    let annotations: usize = response.audit_annotations.values().map(String::len).sum();
    assert!(annotations < 10_000, "{annotations} bytes of annotations");
}

#[tokio::test]
async fn fault_17_a_small_review_does_not_wait_for_large_ones_that_came_before() {
    let large = with(pod(""), "/spec/containers", containers(100, 1_000));
    let (large, small) =
        (creation_of(large).to_string(), creation_of(pod("gcr.io/p/a")).to_string());
    let reviews = [&large, &large, &large, &large, &small];
    let webhook = Webhook::new();
    let answered = Mutex::new(Vec::new());

    join_all(reviews.map(async |review| {
        let answer = webhook.mutate(review.clone()).await;
        assert_eq!(answer.status, 200);
        answered.lock().unwrap().push(review.len());
    }))
    .await;

    let answered = answered.into_inner().unwrap();
    assert_eq!((answered[0], answered.len()), (small.len(), 5), "the small one is the first");
}

#[tokio::test]
async fn fault_12_a_body_over_7_mib_gets_413() {
    let answer = Webhook::new().mutate(vec![b' '; 7 * 1024 * 1024 + 1]).await;
    assert_eq!(answer.status, 413);
    assert!(answer.refusal().contains("7340032"));
}
