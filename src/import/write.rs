//! The texts: the table, which is read again before anybody sees it, and the Secrets.

use super::{Grant, HOME, PlannedEntry, PlannedSecret, PlannedSource};
use crate::{
    config::{self, API_VERSION, Entry, KIND, Made, Source, TokenSource},
    image::Pattern,
    sources::{NAMESPACES_ANNOTATION, SHARE_LABEL},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

/// Stands for the content of a Secret that is not shown. It is no base64, so that the API server refuses
/// a Secret with it.
pub const PLACEHOLDER: &str = "<hidden; write it with --out DIR, or show it with --show-secrets>";

/// Why a table cannot be printed.
#[derive(Debug, Error)]
pub enum WriteError {
    /// It cannot be written as YAML.
    #[error("failed to write the entries as YAML: {0}")]
    Yaml(String),
    /// It would be refused.
    #[error("the entries would be refused: {0}; nothing was printed")]
    Refused(String),
    /// It would say something else.
    #[error(
        "the entry `{0}` would be read as something else; nothing was printed. Please report it"
    )]
    Other(String),
}

impl WriteError {
    /// Why, without the act.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Yaml(reason) | Self::Refused(reason) => reason.clone(),
            Self::Other(_) => self.to_string(),
        }
    }
}

/// A configuration with these entries and no others.
///
/// # Errors
/// If it is not what it should be.
pub fn config_text(entries: &[PlannedEntry]) -> Result<String, WriteError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Table<'a> {
        api_version: &'a str,
        kind: &'a str,
        registries: &'a [PlannedEntry],
    }
    let table = Table { api_version: API_VERSION, kind: KIND, registries: entries };
    let text = to_yaml(&table)?;
    let parsed = config::parse(&text).map_err(|error| WriteError::Refused(error.brief()))?;
    let read = parsed.config.entries();
    match entries.iter().zip(read).find(|(written, read)| !is_same(written, read)) {
        Some((entry, _)) => Err(WriteError::Other(entry.name.clone())),
        None => Ok(text),
    }
}

fn is_same(written: &PlannedEntry, read: &Entry) -> bool {
    let pull_secret = written.pull_secrets.first().unwrap_or(&written.name);
    let is_source = |read: &Source| match &written.source {
        PlannedSource::Secret(secret) => read.made.is_none() && *read.secret == **secret,
        PlannedSource::Ecr(_) => matches!(read.made, Some(Made::Token(TokenSource::Ecr(_)))),
        PlannedSource::Gcp(_) => matches!(read.made, Some(Made::Token(TokenSource::Gcp(_)))),
        PlannedSource::Acr(_) => matches!(read.made, Some(Made::Token(TokenSource::Acr(_)))),
    };
    *read.name == *written.name
        && read.images.iter().map(Pattern::as_str).eq(&written.images)
        && read.pull_secrets.iter().map(|name| &**name).eq([pull_secret.as_str()])
        && read.source.as_ref().is_some_and(is_source)
}

/// Whether a Secret's content is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hiding {
    /// A placeholder stands in its place.
    Hidden,
    /// It is shown.
    Shown,
}

/// The manifest of a Secret.
///
/// # Errors
/// If it cannot be written.
pub fn secret_manifest(secret: &PlannedSecret, hiding: Hiding) -> Result<Value, WriteError> {
    let data = match hiding {
        Hiding::Hidden => PLACEHOLDER.to_owned(),
        Hiding::Shown => STANDARD.encode(&secret.content),
    };
    let mut metadata = json!({"name": secret.name, "namespace": HOME});
    if let Some(grant) = &secret.shared {
        metadata["labels"] = json!({ SHARE_LABEL: "true" });
        if !grant.is_everywhere() {
            metadata["annotations"] = json!({ NAMESPACES_ANNOTATION: annotation(grant)? });
        }
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": data},
    }))
}

/// On one line: JSON is YAML.
fn annotation(grant: &Grant) -> Result<String, WriteError> {
    let text = serde_json::to_string(grant).map_err(|error| WriteError::Yaml(error.to_string()))?;
    match config::SharedNamespaces::parse(&text) {
        Ok(_) => Ok(text),
        Err(reason) => Err(WriteError::Refused(reason)),
    }
}

/// As YAML, with no text folded over lines.
pub fn to_yaml(value: &impl Serialize) -> Result<String, WriteError> {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| WriteError::Yaml(error.to_string()))
}
