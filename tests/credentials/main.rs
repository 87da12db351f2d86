//! Docker configs, read as the kubelet reads them: what they hold, and which images they serve.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod coverage;
mod derived;
mod docker_config;
mod keyring;

use pullpass::credentials::{DockerConfig, SecretKind};

/// A docker config with these keys. One that begins with `!` has no credential.
fn config(keys: &[&str]) -> DockerConfig {
    let entry = |key: &&str| match key.strip_prefix('!') {
        Some(key) => (key.to_owned(), serde_json::json!({"username": "u"})),
        None => ((*key).to_owned(), serde_json::json!({"auth": "dTpw"})),
    };
    let entries: serde_json::Map<_, _> = keys.iter().map(entry).collect();
    let text = serde_json::json!({ "auths": entries }).to_string();
    DockerConfig::parse(SecretKind::DockerConfigJson, text.as_bytes()).unwrap()
}
