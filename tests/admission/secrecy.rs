//! Nothing that stands in a request is repeated, and nothing secret is told.

use serde_json::{Value, json};

use crate::{
    process::Process,
    review::{config_map_written, creation_of, pod, with},
    webhook::CONFIG,
};

/// Stands for a password. What Pods hold may be one.
const MARKER: &str = "hunter2-SECRET";
const OBJECT: &str = "/request/object";

#[tokio::test]
async fn fault_51_nothing_of_a_request_is_in_an_answer_a_metric_or_a_log_line() {
    let webhook = Process::start().await;
    for body in bodies() {
        assert!(contains(&body), "{}", String::from_utf8_lossy(&body));
        for path in ["/mutate", "/validate-config"] {
            let answer = webhook.post(path, body.clone()).await;
            assert!(!contains(answer.as_bytes()), "{answer}\n{}", String::from_utf8_lossy(&body));
        }
    }
    let (admin, log) = (webhook.admin().await, webhook.log());
    assert!(!contains(admin.as_bytes()), "{admin}");
    let repeated: Vec<_> = log.lines().filter(|line| contains(line.as_bytes())).collect();
    assert!(repeated.is_empty(), "{repeated:#?}");
    assert!(log.contains(r#""level":"TRACE""#), "all that there is to log was logged");
    assert!(log.contains("pull secrets added"), "and the Pods were decided about");
}

#[tokio::test]
async fn fault_53_no_caller_can_fill_the_log() {
    let webhook = Process::start().await;
    let megabyte = "x".repeat(1_000_000);
    let review = creation_of(pod("gcr.io/p/a"));
    for field in ["operation", "subResource", "namespace", "name", "uid"] {
        let review = with(review.clone(), &format!("/request/{field}"), &*megabyte);
        webhook.post("/mutate", review.to_string().into_bytes()).await;
    }
    let review = with(review, "/request/resource/resource", &*megabyte);
    webhook.post("/mutate", review.to_string().into_bytes()).await;

    let log = webhook.log();
    let longest = log.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 8_192, "a line of {longest} bytes");
}

fn contains(bytes: &[u8]) -> bool {
    bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
}

fn bodies() -> Vec<Vec<u8>> {
    let reviews = in_good_pods().into_iter().chain(in_odd_pods()).chain(in_other_objects());
    reviews.map(|review| review.to_string().into_bytes()).chain(in_broken_bodies()).collect()
}

/// Where a Pod may hold a secret.
fn in_good_pods() -> Vec<Value> {
    let variable = json!([{"name": "PASSWORD", "value": MARKER}]);
    let hook = json!({"exec": {"command": ["login", MARKER]}});
    [
        ("/spec/containers/0/env", variable),
        ("/spec/containers/0/args", json!(["--password", MARKER])),
        ("/spec/containers/0/command", json!([MARKER])),
        ("/spec/containers/0/livenessProbe", hook),
        ("/spec/containers/0/name", json!(MARKER)),
        (
            "/spec/volumes",
            json!([{"name": MARKER, "csi": {"volumeAttributes": {"token": MARKER}}}]),
        ),
        ("/metadata/annotations", json!({"note": MARKER, MARKER: "note"})),
        ("/metadata/labels", json!({"note": MARKER, MARKER: "note"})),
        ("/metadata/labels", json!({"pullpass.io/inject": MARKER})),
        ("/metadata/fromTomorrow", json!({MARKER: MARKER})),
        ("/status", json!({"message": MARKER})),
    ]
    .map(|(pointer, value)| {
        with(creation_of(pod("gcr.io/p/a")), &format!("{OBJECT}{pointer}"), value)
    })
    .into()
}

/// Where no Pod that the API server took can have it.
fn in_odd_pods() -> Vec<Value> {
    [
        ("/spec/containers/0/image", json!(MARKER)),
        ("/spec/containers/0/image", json!({"password": MARKER})),
        ("/spec/containers/0/image", json!([MARKER])),
        ("/spec/containers", json!(MARKER)),
        ("/spec/containers", json!({MARKER: MARKER})),
        ("/spec/imagePullSecrets", json!(MARKER)),
        ("/spec/imagePullSecrets", json!([MARKER])),
        ("/spec/imagePullSecrets", json!([{"name": [MARKER]}])),
        ("/spec/volumes", json!({MARKER: 1})),
        ("/spec", json!(MARKER)),
        ("/metadata", json!(MARKER)),
        ("/metadata/labels", json!(MARKER)),
        ("/metadata/labels", json!({"pullpass.io/inject": {MARKER: MARKER}})),
        ("/metadata/annotations", json!([MARKER])),
    ]
    .map(|(pointer, value)| {
        with(creation_of(pod("gcr.io/p/a")), &format!("{OBJECT}{pointer}"), value)
    })
    .into()
}

fn in_other_objects() -> Vec<Value> {
    let review = creation_of(pod("gcr.io/p/a"));
    let secret = json!({"kind": "Secret", "data": {MARKER: MARKER}, "stringData": {"a": MARKER}});
    let commented = format!("# {MARKER}\n{CONFIG}");
    let ours = |content| config_map_written("pullpass-system", "pullpass", content);
    vec![
        with(review.clone(), "/request/oldObject", json!(MARKER)),
        with(review.clone(), "/request/options", json!({MARKER: MARKER})),
        with(review.clone(), "/request/userInfo", json!({"extra": {MARKER: [MARKER]}})),
        with(review.clone(), "/request", json!(MARKER)),
        with(review.clone(), "/request/operation", json!({MARKER: MARKER})),
        with(review.clone(), "/kind", MARKER),
        with(review.clone(), "/apiVersion", MARKER),
        with(review.clone(), OBJECT, MARKER),
        with(with(review, OBJECT, secret), "/request/operation", "UPDATE"),
        config_map_written("team", "other", json!({"data": {MARKER: MARKER}})),
        config_map_written("team", "other", json!({"data": {MARKER: 7}})),
        ours(json!({"data": {MARKER: MARKER}})),
        ours(json!({"data": {MARKER: [MARKER], "config.yaml": CONFIG}})),
        ours(json!({"data": {"config.yaml": commented}, "binaryData": {MARKER: MARKER}})),
        ours(json!({"data": {"config.yaml": format!("# {MARKER}\n{{")}})),
        ours(json!({"data": MARKER})),
    ]
}

fn in_broken_bodies() -> Vec<Vec<u8>> {
    let whole = in_good_pods().swap_remove(0).to_string();
    let middle = whole.find(MARKER).unwrap_or_default() + MARKER.len();
    vec![
        MARKER.into(),
        format!("{MARKER}=1&password={MARKER}").into_bytes(),
        format!("\"{MARKER}\"").into_bytes(),
        format!("[\"{MARKER}\"]").into_bytes(),
        format!("{{\"{MARKER}\": \"{MARKER}\"}}").into_bytes(),
        format!("{{\"kind\": {MARKER}}}").into_bytes(),
        whole[..middle].into(),
        [whole.as_bytes(), b"\xff"].concat(),
        [whole.as_bytes(), MARKER.as_bytes()].concat(),
        whole.replace("uid", MARKER).into_bytes(),
        whole.replace("\"request\"", "\"kind\"").into_bytes(),
    ]
}
