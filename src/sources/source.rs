//! One Secret, as far as it can be a source.

use std::fmt;
use std::sync::Arc;

use crate::credentials::{DockerConfig, SecretKind, content_mark};

/// What a source holds: a docker config that the kubelet can read. Its bytes are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(Arc<Held>);

#[derive(PartialEq, Eq)]
struct Held {
    source_uid: Box<str>,
    mark: Box<str>,
    bytes: Vec<u8>,
}

impl Content {
    fn new(source_uid: &str, bytes: Vec<u8>) -> Self {
        let mark = content_mark(source_uid, &bytes).into();
        Self(Arc::new(Held { source_uid: source_uid.into(), mark, bytes }))
    }

    /// The UID of the source.
    pub fn source_uid(&self) -> &str {
        &self.0.source_uid
    }

    /// By which a copy of this very content is recognised.
    pub fn mark(&self) -> &str {
        &self.0.mark
    }

    /// The `.dockerconfigjson`.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The same, read. (None only of what was never read as a source.)
    pub fn docker_config(&self) -> Option<DockerConfig> {
        DockerConfig::parse(SecretKind::DockerConfigJson, self.bytes()).ok()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Content").field(&self.0.source_uid).finish_non_exhaustive()
    }
}

/// A Secret as a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It can be copied.
    Good(Content),
    /// It cannot, for this reason.
    Broken(String),
}

impl Source {
    /// Its content, if it can be copied.
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Good(content) => Some(content),
            Self::Broken(_) => None,
        }
    }

    /// The key of `data` that a Secret of this type has its docker config under; none if it has none.
    pub fn data_key(secret_type: &str) -> Option<&'static str> {
        SecretKind::of_type(secret_type).map(SecretKind::data_key)
    }

    /// Reads a Secret of this UID and type as the kubelet would; `data` gives the value of a key.
    pub fn read<'a>(
        uid: &str,
        secret_type: &str,
        data: impl FnOnce(&str) -> Option<&'a [u8]>,
    ) -> Self {
        match content(uid, secret_type, data) {
            Ok(content) => Self::Good(content),
            Err(reason) => Self::Broken(reason),
        }
    }
}

#[cfg(test)]
impl Source {
    /// One with this content, whatever it is.
    pub fn good(source_uid: &str, bytes: &[u8]) -> Self {
        Self::Good(Content::new(source_uid, bytes.to_vec()))
    }
}

fn content<'a>(
    uid: &str,
    secret_type: &str,
    data: impl FnOnce(&str) -> Option<&'a [u8]>,
) -> Result<Content, String> {
    let Some(kind) = SecretKind::of_type(secret_type) else {
        return Err(format!(
            "its type is {secret_type}, and a pull secret is of the type kubernetes.io/dockerconfigjson"
        ));
    };
    let data = data(kind.data_key());
    let data = data.ok_or_else(|| format!("it has no key `{}`", kind.data_key()))?;
    let config = DockerConfig::parse(kind, data).map_err(|error| error.to_string())?;
    if !config.has_credential() {
        let reasons: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
        let reasons = match reasons.is_empty() {
            true => String::new(),
            false => format!(": {}", reasons.join("; ")),
        };
        return Err(format!("it holds no credential that the kubelet reads{reasons}"));
    }
    Ok(Content::new(uid, config.to_dockerconfigjson(data)))
}
