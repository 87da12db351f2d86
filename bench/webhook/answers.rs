//! Whether what is measured is the same work: what an answer does to the Pod. Pure.

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use json_patch::Patch;
use serde_json::Value;

use crate::fixtures::Review;

/// Whether the answer to a review adds what is due, in any order, and changes nothing else.
pub fn is_right(review: &Review, answer: &[u8]) -> Result<()> {
    let review_json: Value = serde_json::from_str(&review.json)?;
    let answer: Value = serde_json::from_slice(answer).context("the answer is not JSON")?;
    let (request, response) = (&review_json["request"], &answer["response"]);
    ensure!(response["uid"] == request["uid"], "the answer has another uid");
    ensure!(response["allowed"] == true, "the Pod is not allowed");
    let mut pod = request["object"].clone();
    let patch = patch(response)?;
    json_patch::patch(&mut pod, &patch).context("the patch does not apply")?;
    let secrets = pod["spec"]["imagePullSecrets"].take();
    let mut names: Vec<_> =
        secrets.as_array().into_iter().flatten().filter_map(|it| it["name"].as_str()).collect();
    names.sort_unstable();
    if names != review.pull_secrets {
        bail!("the Pod gets the pull secrets {names:?}, and {:?} are due", review.pull_secrets);
    }
    let mut before = request["object"].clone();
    before["spec"]["imagePullSecrets"] = Value::Null;
    ensure!(pod == before, "the patch changes more than the pull secrets: {patch}");
    Ok(())
}

fn patch(response: &Value) -> Result<Patch> {
    let Some(patch) = response["patch"].as_str() else { return Ok(Patch::default()) };
    let patch = BASE64_STANDARD.decode(patch).context("the patch is not base64")?;
    serde_json::from_slice(&patch).context("the patch is no patch")
}
