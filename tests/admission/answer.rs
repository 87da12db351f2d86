//! An answer, read as the API server reads it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use json_patch::Patch;
use serde::Deserialize;
use serde_json::Value;

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

/// An AdmissionReview that answers. The fields are those that `admission.k8s.io/v1` has, and no more;
/// kube's own type cannot read one without a status, nor a patch in base64.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Review {
    api_version: String,
    kind: String,
    response: Response,
}

/// The response within.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Response {
    pub uid: String,
    pub allowed: bool,
    pub status: Option<Status>,
    patch: Option<String>,
    patch_type: Option<String>,
    #[serde(default)]
    pub audit_annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Why something was refused.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub code: u16,
    pub message: String,
}

impl Answer {
    /// The response of an AdmissionReview.
    pub fn response(&self) -> Response {
        assert_eq!(self.status, 200, "{}", self.text);
        let review: Review = serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("no AdmissionReview ({error}): {}", self.text));
        assert_eq!(review.api_version, "admission.k8s.io/v1");
        assert_eq!(review.kind, "AdmissionReview");
        review.response
    }

    /// The message of a refusal, which is a `metav1.Status`.
    pub fn refusal(&self) -> String {
        let status: Value = serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("no Status ({error}): {}", self.text));
        assert_eq!(status["kind"], "Status", "{}", self.text);
        assert_eq!(status["code"], self.status, "{}", self.text);
        let message = status["message"].as_str().expect("a Status has a message");
        assert!((20..400).contains(&message.len()), "{message}");
        message.into()
    }
}

impl Response {
    /// The patch, if there is one.
    pub fn patch(&self) -> Option<Patch> {
        assert_eq!(self.patch.is_some(), self.patch_type.is_some(), "together or neither");
        assert!(self.patch_type.iter().all(|kind| kind == "JSONPatch"));
        let json = BASE64_STANDARD.decode(self.patch.as_ref()?).expect("a patch is base64");
        let patch: Patch = serde_json::from_slice(&json).expect("a patch is an RFC 6902 document");
        assert!(!patch.is_empty(), "an empty patch is none at all");
        Some(patch)
    }

    /// The pull secrets of the object once the patch is applied; nothing else may have changed.
    pub fn pull_secrets_of(&self, object: &Value) -> Vec<String> {
        let mut patched = object.clone();
        if let Some(patch) = self.patch() {
            json_patch::patch(&mut patched, &patch).expect("a patch applies to its object");
        }
        let secrets = patched["spec"]["imagePullSecrets"].take();
        let mut before = object.clone();
        before["spec"]["imagePullSecrets"] = Value::Null;
        assert_eq!(patched, before, "only imagePullSecrets may change");
        let names = secrets.as_array().into_iter().flatten();
        names.map(|secret| secret["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Whether the object is allowed, and nothing is said.
    pub fn is_silent_consent(&self) -> bool {
        self.allowed && self.patch().is_none() && self.warnings.is_empty() && self.status.is_none()
    }
}
