//! The content of pull secrets.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

/// The user of [`docker_config`].
pub const USER: &str = "user";

/// A docker config with one credential.
pub fn docker_config(host: &str, password: &str) -> String {
    docker_config_of(host, USER, password)
}

/// One of another user.
pub fn docker_config_of(host: &str, user: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("{user}:{password}"));
    json!({"auths": {host: {"auth": auth}}}).to_string()
}
