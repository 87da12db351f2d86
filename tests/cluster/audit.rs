//! The audit log of the API server: who asked for what, and what admission noted.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use serde::Deserialize;
use serde_json::Value;

/// One request, as the audit log has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    #[serde(rename = "auditID")]
    id: String,
    pub verb: String,
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    pub user: User,
    #[serde(default)]
    pub object_ref: ObjectRef,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub response_status: ResponseStatus,
}

/// How the API server answered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ResponseStatus {
    pub code: u16,
}

/// The requester.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    pub username: String,
    #[serde(default)]
    extra: BTreeMap<String, Vec<String>>,
}

/// The object of a request. Parts that a request does not have are empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ObjectRef {
    pub api_group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

impl Event {
    /// The token by which the user was known: no two are the same, be it of one user.
    pub fn credential(&self) -> Option<&str> {
        let ids = self.user.extra.get("authentication.kubernetes.io/credential-id")?;
        ids.first().map(String::as_str)
    }

    /// The mutating webhook configurations that were asked about the object.
    pub fn configurations_asked(&self) -> Vec<String> {
        let notes = self.notes("mutation.webhook.admission.k8s.io/");
        notes.filter_map(configuration).collect()
    }

    /// The webhooks that gave no answer, and that the API server went on without.
    pub fn failed_open(&self) -> Vec<&str> {
        let mutating = self.notes("failed-open.mutation.webhook.admission.k8s.io/");
        let validating = self.notes("failed-open.validating.webhook.admission.k8s.io/");
        mutating.chain(validating).collect()
    }

    fn notes<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let annotations = self.annotations.iter();
        annotations.filter(move |(key, _)| key.starts_with(prefix)).map(|(_, value)| value.as_str())
    }
}

fn configuration(note: &str) -> Option<String> {
    let value: Value = serde_json::from_str(note).ok()?;
    Some(value["configuration"].as_str()?.to_string())
}

/// The present end of the log, in bytes.
pub fn end(log: &Path) -> u64 {
    log.metadata().map_or(0, |metadata| metadata.len())
}

/// All requests behind a position of the log, each once: a watch has one event at its start and one at
/// its end.
pub fn since(log: &Path, position: u64) -> Vec<Event> {
    lines_since(log, position, |_| true)
}

/// Those of one user alone, which is quick while others write much.
pub fn since_by(log: &Path, position: u64, user: &str) -> Vec<Event> {
    let mut events = lines_since(log, position, |line| line.contains(user));
    events.retain(|event| event.user.username == user);
    events
}

fn lines_since(log: &Path, position: u64, wanted: impl Fn(&str) -> bool) -> Vec<Event> {
    let mut text = String::new();
    File::open(log)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(position))?;
            file.read_to_string(&mut text)
        })
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", log.display()));
    // The last line may still be in the writing.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut seen = HashSet::new();
    let lines = whole.lines().rev().filter(|line| wanted(line));
    let mut events: Vec<Event> =
        lines.map(parse).filter(|event| seen.insert(event.id.clone())).collect();
    events.reverse();
    events
}

fn parse(line: &str) -> Event {
    serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("not an audit event ({error}): {line}"))
}
