//! The AdmissionReview envelope, `admission.k8s.io/v1`.
//!
//! The request is a borrowed view, like that of the Pod within. The response is written by hand:
//! it is small, and kube 5.0 writes `patch` as an array of numbers, which the API server refuses.

use crate::json::{self, Unread};
use base64::{Engine, prelude::BASE64_STANDARD};
use json_patch::Patch;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};
use thiserror::Error;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// Bytes in which most responses find room: a patch of a few names, and the entries that gave them.
const USUAL_RESPONSE: usize = 768;

#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "O: Deserialize<'de>"), rename_all = "camelCase")]
struct Envelope<'a, O> {
    #[serde(borrow, default)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default = "none")]
    request: Option<Request<'a, O>>,
}

/// What is read of an AdmissionRequest; `O` is the view of its object.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "O: Deserialize<'de>"), rename_all = "camelCase")]
pub struct Request<'a, O> {
    /// The identity of the request, which the response repeats.
    #[serde(borrow, default)]
    pub uid: Cow<'a, str>,
    /// The resource that the webhook was registered for.
    #[serde(borrow, default)]
    pub resource: Resource<'a>,
    /// The subresource, for example `ephemeralcontainers`.
    #[serde(borrow, default)]
    pub sub_resource: Option<Cow<'a, str>>,
    /// CREATE, UPDATE, DELETE or CONNECT.
    #[serde(borrow, default)]
    pub operation: Cow<'a, str>,
    /// The namespace of the object. That of a Pod need not stand in its own metadata.
    #[serde(borrow, default)]
    pub namespace: Option<Cow<'a, str>>,
    /// The name of the object; absent where the API server is to generate it.
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    /// The object.
    #[serde(default = "none")]
    pub object: Option<O>,
}

/// A resource by group, version and plural name.
#[derive(Debug, Default, Deserialize)]
pub struct Resource<'a> {
    /// The group; empty for the core group.
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    /// The plural name, for example `pods`.
    #[serde(borrow, default)]
    pub resource: Cow<'a, str>,
}

/// Why a body is no AdmissionReview that can be answered.
///
/// No message repeats what stands in the body: the environment of a container may hold secrets.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ReviewError {
    /// Nothing was sent.
    #[error("the request body is empty; an {API_VERSION} {KIND} is expected")]
    Empty,
    /// The body has bytes that are not UTF-8.
    #[error("the request body is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The position of the first such byte.
        at: usize,
    },
    /// The body is not JSON, or ends too early.
    #[error("the request body is not valid JSON at line {line}, column {column}")]
    Syntax {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A field has a type that it does not have in the API.
    #[error(
        "the field {field} of the {KIND} is given twice or has the wrong type (line {line}, column {column})"
    )]
    Field {
        /// The path of the field.
        field: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// Another kind or version.
    #[error("the request body is not an {API_VERSION} {KIND}; check admissionReviewVersions")]
    OtherKind,
    /// The envelope has no request.
    #[error("the {KIND} has no request")]
    NoRequest,
    /// The request cannot be answered, because it has no identity.
    #[error("the request of the {KIND} has no uid")]
    NoUid,
}

/// As much of a text as a log line takes: no name in Kubernetes is longer, and anyone may send one.
pub fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(253)]
}

fn none<T>() -> Option<T> {
    None
}

impl<'a, O: Deserialize<'a>> Request<'a, O> {
    /// Reads the request of an AdmissionReview.
    ///
    /// # Errors
    /// Says what keeps the body from being one that can be answered.
    pub fn parse(body: &'a [u8]) -> Result<Self, ReviewError> {
        if body.is_empty() {
            return Err(ReviewError::Empty);
        }
        let text = std::str::from_utf8(body)
            .map_err(|error| ReviewError::NotUtf8 { at: error.valid_up_to() })?;
        let envelope: Envelope<'a, O> = match json::from_str(text) {
            Ok(envelope) => envelope,
            Err(Unread) => {
                serde_json::from_str(text).map_err(|error| place_error::<O>(text, &error))?
            }
        };
        let is_review = envelope.api_version.as_deref() == Some(API_VERSION)
            && envelope.kind.as_deref() == Some(KIND);
        if !is_review {
            return Err(ReviewError::OtherKind);
        }
        let request = envelope.request.ok_or(ReviewError::NoRequest)?;
        if request.uid.is_empty() {
            return Err(ReviewError::NoUid);
        }
        Ok(request)
    }
}

/// Finds the field at fault, by a second reading that only bad input costs.
fn place_error<'a, O: Deserialize<'a>>(text: &'a str, error: &serde_json::Error) -> ReviewError {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        return ReviewError::Syntax { line, column };
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize::<_, Envelope<'a, O>>(&mut deserializer);
    let field = match read {
        Err(error) if error.path().iter().next().is_some() => error.path().to_string(),
        _ => "(top level)".to_owned(),
    };
    ReviewError::Field { field: field.chars().take(200).collect(), line, column }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseEnvelope<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: &'a Response<'a>,
}

/// An AdmissionResponse.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}

impl<'a> Response<'a> {
    /// The object is allowed as it is.
    pub fn allowed(uid: &'a str) -> Self {
        Self { uid, allowed: true, ..Self::default() }
    }

    /// The object is refused, with the reason that the user is shown.
    pub fn refused(uid: &'a str, message: String) -> Self {
        let status = Status { code: 422, reason: "Invalid", message };
        Self { uid, status: Some(status), ..Self::default() }
    }

    /// Adds a patch; an empty one is none at all.
    pub fn with_patch(mut self, patch: &Patch) -> Result<Self, serde_json::Error> {
        if !patch.is_empty() {
            self.patch = Some(BASE64_STANDARD.encode(serde_json::to_vec(patch)?));
            self.patch_type = Some("JSONPatch");
        }
        Ok(self)
    }

    /// Adds an audit annotation. The API server puts the webhook's name before the key.
    pub fn with_audit_annotation(mut self, key: &'static str, value: String) -> Self {
        self.audit_annotations.insert(key, value);
        self
    }

    /// Adds warnings that the API server shows to whoever made the request.
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(limited(warnings));
        self
    }

    /// The AdmissionReview that carries the response, as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = Vec::with_capacity(USUAL_RESPONSE);
        let envelope = ResponseEnvelope { api_version: API_VERSION, kind: KIND, response: self };
        serde_json::to_writer(&mut json, &envelope)?;
        Ok(json)
    }
}

/// Warnings within the API server's limits: 256 characters each, 4096 in all, no control characters.
fn limited(warnings: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    let mut room = 4_096_usize;
    warnings.into_iter().map_while(move |warning| {
        let text: String =
            warning.chars().map(|c| if c.is_control() { ' ' } else { c }).take(250).collect();
        room = room.checked_sub(text.len())?;
        Some(text)
    })
}
