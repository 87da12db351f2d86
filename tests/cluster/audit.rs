//! The audit log of the API server: who asked for what, and what admission noted.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use serde::Deserialize;
use serde_json::Value;

/// One request, as the audit log has it. Objects are there for Pods only.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub stage: String,
    pub verb: String,
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    pub user: User,
    #[serde(default)]
    pub user_agent: String,
    #[serde(default)]
    pub object_ref: ObjectRef,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub response_status: Value,
    #[serde(default)]
    pub request_object: Value,
    #[serde(default)]
    pub response_object: Value,
}

/// The requester.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    pub username: String,
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

/// The present end of the log, in bytes.
pub fn end(log: &Path) -> u64 {
    log.metadata().map_or(0, |metadata| metadata.len())
}

/// All events behind a position of the log.
pub fn since(log: &Path, position: u64) -> Vec<Event> {
    let mut text = String::new();
    File::open(log)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(position))?;
            file.read_to_string(&mut text)
        })
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", log.display()));
    // The last line may still be in the writing.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("not an audit event ({error}): {line}"))
        })
        .collect()
}
