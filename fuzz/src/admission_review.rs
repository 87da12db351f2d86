//! AdmissionReviews: what the borrowed view reads is what the typed decode of k8s-openapi and a plain JSON value say, and
//! the patch of the answer does what the table says, once.

use crate::{
    answer::Response,
    reading::{Seen, TypedReview, Unique, of_value, of_view},
    review,
    webhook::{self, Webhook},
};
use pullpass::{config::Config, image::Reference, inject::PodView, webhook::review::Request};
use serde_json::Value;
use std::{cell::OnceCell, str};

/// What an input begins with whose rest is the Pod alone.
pub const POD: u8 = b'P';

thread_local! {
    static WEBHOOK: OnceCell<Webhook> = const { OnceCell::new() };
}

/// Checks the body of a request, or a Pod, which is put into one.
pub fn check(bytes: &[u8]) {
    let body = match bytes.split_first() {
        Some((&POD, pod)) => webhook::review_of(pod),
        _ => bytes.to_vec(),
    };
    WEBHOOK.with(|webhook| answered(webhook.get_or_init(Webhook::new), &body));
}

fn answered(webhook: &Webhook, body: &[u8]) {
    let answer = webhook.mutate(body);
    assert!(matches!(answer.status, 200 | 400), "{}: {}", answer.status, answer.text);
    if answer.status == 400 {
        answer.refusal();
    }
    let Ok(text) = str::from_utf8(body) else {
        return assert_eq!(answer.status, 400);
    };
    // Where a key stands twice, or nests deeper than a value may, the readings differ, and may.
    let Ok(Unique(review)) = serde_json::from_str(text) else { return };
    // As a struct of serde's, the envelope may be a list of its fields too.
    if !review.is_object() || !review["request"].is_object() {
        return;
    }
    let request = &review["request"];
    let typed = serde_json::from_str::<TypedReview>(text).ok();
    if let Some(typed) = typed.filter(TypedReview::can_be_answered) {
        assert_eq!(answer.status, 200, "{text}: {}", answer.text);
        if typed.is_new_pod() {
            assert_eq!(Some(typed.seen()), of_value(&request["object"]), "{text}");
        }
    }
    if answer.status == 200 {
        decided(webhook, body, &review, &answer.response());
    }
}

/// The answer to a review: the pull secrets that entry after entry gives, and none the second time.
fn decided(webhook: &Webhook, body: &[u8], review: &Value, response: &Response) {
    let request = &review["request"];
    assert!(response.allowed && response.status.is_none() && response.warnings.is_empty());
    assert_eq!(request["uid"], response.uid);
    let resource = &request["resource"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is_new_pod = request["operation"] == "CREATE"
        && text(&resource["group"]).is_empty()
        && resource["resource"] == "pods"
        && text(&request["subResource"]).is_empty();
    if !is_new_pod || !resource.is_object() {
        return assert_eq!(response.patch(), None);
    }
    let object = &request["object"];
    let seen = of_value(object).unwrap_or_else(|| panic!("read as a Pod: {object}"));
    let read = Request::<PodView<'_>>::parse(body).expect("it was answered").object;
    assert_eq!(of_view(&read.unwrap_or_default()), seen, "{object}");
    let added = additions(&webhook.config, &seen, &text(&request["namespace"]));
    assert_eq!(response.patch().is_some(), !added.is_empty(), "{added:?} for {object}");
    if added.is_empty() {
        return;
    }
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &response.patch().unwrap()).unwrap();
    let names: Vec<_> = response.pull_secrets_of(object);
    let kept = object["spec"]["imagePullSecrets"].as_array().map_or(0, Vec::len);
    assert_eq!(names[kept..], added, "{object}");
    let again = review::with(review.clone(), "/request/object", patched);
    let answer = webhook.mutate(again.to_string().as_bytes()).response();
    assert_eq!(answer.patch(), None, "a second time: {again}");
}

/// What the entries give, one by one, without the index.
fn additions(config: &Config, seen: &Seen, namespace: &str) -> Vec<String> {
    let mut added: Vec<String> = Vec::new();
    if seen.is_mirror || seen.is_opted_out {
        return added;
    }
    let references: Vec<_> =
        seen.images.iter().filter_map(|(_, text)| Reference::parse(text).ok()).collect();
    for entry in config.entries() {
        let is_due = references.iter().any(|reference| {
            entry.images.iter().any(|pattern| pattern.matches(reference))
                && !entry.except_images.iter().any(|pattern| pattern.matches(reference))
        });
        if is_due && entry.namespaces.decide(namespace, None).is_ok() {
            for name in &entry.pull_secrets {
                if !seen.pull_secrets.contains(&name.to_string())
                    && !added.contains(&name.to_string())
                {
                    added.push(name.to_string());
                }
            }
        }
    }
    added
}
