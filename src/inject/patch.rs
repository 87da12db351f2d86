//! The JSON patch that adds pull secrets, and nothing else.

use super::PodView;
use json_patch::{AddOperation, Patch, PatchOperation};
use jsonptr::PointerBuf;
use serde_json::json;

/// The patch that appends `names` to the Pod's `imagePullSecrets`; empty if there are none.
///
/// Where the list is absent, null or empty the whole array is written: an `add` to the end of a
/// list that is not there would not apply, and the API server answers that with a 500 even under
/// failurePolicy Ignore.
pub fn patch(pod: &PodView<'_>, names: &[&str]) -> Patch {
    if names.is_empty() {
        return Patch::default();
    }
    let items = names.iter().map(|name| json!({ "name": name }));
    let add = |tokens: &[&str], value| {
        PatchOperation::Add(AddOperation {
            path: PointerBuf::from_tokens(tokens.iter().copied()),
            value,
        })
    };
    Patch(match pod.has_no_pull_secrets() {
        true => vec![add(&["spec", "imagePullSecrets"], items.collect())],
        false => items.map(|item| add(&["spec", "imagePullSecrets", "-"], item)).collect(),
    })
}
