//! The Secrets of our own namespace, as far as they can be a source. No I/O.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

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
    /// Reads a Secret as the kubelet would.
    pub fn of(secret: &Secret) -> Self {
        match content_of(secret) {
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

fn content_of(secret: &Secret) -> Result<Content, String> {
    let kind = secret.type_.as_deref().unwrap_or("Opaque");
    let Some(kind) = SecretKind::of_type(kind) else {
        return Err(format!(
            "its type is {kind}, and a pull secret is of the type kubernetes.io/dockerconfigjson"
        ));
    };
    let data = secret.data.as_ref().and_then(|data| data.get(kind.data_key()));
    let data = data.ok_or_else(|| format!("it has no key `{}`", kind.data_key()))?;
    let config = DockerConfig::parse(kind, &data.0).map_err(|error| error.to_string())?;
    if !config.has_credential() {
        let reasons: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
        let reasons = match reasons.is_empty() {
            true => String::new(),
            false => format!(": {}", reasons.join("; ")),
        };
        return Err(format!("it holds no credential that the kubelet reads{reasons}"));
    }
    let bytes = config.to_dockerconfigjson(&data.0);
    Ok(Content::new(&secret.uid().unwrap_or_default(), bytes))
}

/// All sources, by name.
#[derive(Clone, Debug, Default)]
pub struct Sources(HashMap<Arc<str>, Source>);

impl Sources {
    /// What is known of a Secret; none if it does not exist.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.0.get(name)
    }

    /// Its content, if it can be copied.
    pub fn content(&self, name: &str) -> Option<&Content> {
        match self.get(name) {
            Some(Source::Good(content)) => Some(content),
            Some(Source::Broken(_)) | None => None,
        }
    }

    /// Takes a Secret as it is now. Whether that changes anything.
    pub fn set(&mut self, name: &str, source: Source) -> bool {
        let is_new = self.0.get(name) != Some(&source);
        self.0.insert(name.into(), source);
        is_new
    }

    /// The Secret is gone. Whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Forgets what a complete list does not have; gives their names.
    pub fn keep_only(&mut self, is_listed: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let gone: Vec<_> = self.0.keys().filter(|name| !is_listed(name)).cloned().collect();
        for name in &gone {
            self.0.remove(name);
        }
        gone
    }
}
