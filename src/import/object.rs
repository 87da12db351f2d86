//! What is read of Secrets, ServiceAccounts and Pods.

use super::Seen;
use crate::sources::Source;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap};
use thiserror::Error;

/// The label of copies that Pullpass made, with the value `true`.
const COPY_LABEL: &str = "pullpass.io/copy";

/// An answer that cannot be read. Its words may quote a value; its place does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it cannot be read at line {line}, column {column}")]
pub struct ObjectError {
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for ObjectError {
    fn from(error: serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }
}

/// Objects of one answer of the API server.
#[derive(Debug)]
pub struct Items<'a> {
    /// Each as it stands there.
    pub items: Vec<&'a RawValue>,
    /// By which the next ones are asked for.
    pub next: Option<String>,
}

impl<'a> Items<'a> {
    /// Reads a list.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(text: &'a str) -> Result<Self, ObjectError> {
        #[derive(Deserialize)]
        struct List<'a> {
            #[serde(default)]
            metadata: ListMetadata,
            #[serde(borrow, default)]
            items: Option<Vec<&'a RawValue>>,
        }
        #[derive(Default, Deserialize)]
        struct ListMetadata {
            #[serde(default)]
            r#continue: Option<String>,
        }
        let list: List<'a> = serde_json::from_str(text)?;
        let next = list.metadata.r#continue.filter(|token| !token.is_empty());
        Ok(Self { items: list.items.unwrap_or_default(), next })
    }
}

/// A Secret, as far as it matters here.
#[derive(Debug)]
pub struct ReadSecret {
    /// Its namespace; empty if it names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub source: Source,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When its content was written, in seconds since 1970, if that can be told.
    pub made_at: Option<i64>,
    /// Who looks after it, if that is not a person's business.
    pub(super) kept: Option<Kept>,
}

/// Who looks after a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Pullpass: it is a copy.
    Copy,
    /// The cluster: it is for a ServiceAccount.
    Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    data: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    string_data: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<String>,
    managed_fields: Option<Vec<ManagedFields>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManagedFields {
    #[serde(default)]
    time: Option<String>,
    #[serde(default, rename = "fieldsV1")]
    fields: Fields,
}

/// The fields that somebody wrote.
#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default, rename = "f:data")]
    data: Option<IgnoredAny>,
}

impl ReadSecret {
    /// Reads a Secret from JSON.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(json: &str) -> Result<Self, ObjectError> {
        let secret: Secret = serde_json::from_str(json)?;
        let source = source(&secret);
        let made_at = made_at(&secret.metadata);
        let Metadata { namespace, name, labels, annotations, .. } = secret.metadata;
        let labels = labels.unwrap_or_default();
        let is_of_cluster = annotations.into_iter().flatten().any(|(key, _)| {
            key == "kubernetes.io/service-account.name"
                || key.starts_with("openshift.io/internal-registry")
        });
        let kept = match labels.get(COPY_LABEL).map(String::as_str) {
            Some("true") => Some(Kept::Copy),
            _ => is_of_cluster.then_some(Kept::Cluster),
        };
        let (namespace, name) = (namespace.unwrap_or_default(), name.unwrap_or_default());
        Ok(Self { namespace, name, source, labels, made_at, kept })
    }
}

fn source(secret: &Secret) -> Source {
    let secret_type = secret.r#type.as_deref().unwrap_or("Opaque");
    let Some(key) = Source::data_key(secret_type) else {
        return Source::read("", secret_type, |_| None);
    };
    let value = |map: &Option<BTreeMap<String, Option<String>>>| map.as_ref()?.get(key)?.clone();
    let plain = value(&secret.string_data).map(|text| Ok(Cow::Owned::<[u8]>(text.into_bytes())));
    let encoded = || value(&secret.data).map(|text| STANDARD.decode(text).map(Cow::Owned));
    match plain.or_else(encoded).transpose() {
        Ok(data) => Source::read("", secret_type, |_| data.as_deref()),
        Err(_) => Source::Broken(format!("its key `{key}` is not base64")),
    }
}

/// When `data` was written last by anybody who is known; otherwise when it was created.
fn made_at(metadata: &Metadata) -> Option<i64> {
    let seconds = |time: &String| time.parse::<Timestamp>().ok().map(Timestamp::as_second);
    let writes_data = |it: &&ManagedFields| it.fields.data.is_some();
    let written = metadata.managed_fields.iter().flatten().filter(writes_data);
    let written = written.filter_map(|it| seconds(it.time.as_ref()?)).max();
    written.or_else(|| seconds(metadata.creation_timestamp.as_ref()?))
}

/// The pull secrets that a ServiceAccount or a Pod names, and where it is.
///
/// # Errors
/// Where it is neither.
pub fn pull_secrets_of(json: &str) -> Result<Seen, ObjectError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Object {
        #[serde(default)]
        metadata: Metadata,
        #[serde(default)]
        image_pull_secrets: Option<Vec<Name>>,
        #[serde(default)]
        spec: Option<Spec>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        #[serde(default)]
        image_pull_secrets: Option<Vec<Name>>,
    }
    #[derive(Deserialize)]
    struct Name {
        #[serde(default)]
        name: String,
    }
    let object: Object = serde_json::from_str(json)?;
    let of_pod = object.spec.and_then(|spec| spec.image_pull_secrets);
    let names = object.image_pull_secrets.into_iter().chain(of_pod).flatten();
    let mut names: Vec<_> = names.map(|it| it.name).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(Seen {
        namespace: object.metadata.namespace.unwrap_or_default(),
        name: object.metadata.name.unwrap_or_default(),
        pull_secrets: names,
    })
}
