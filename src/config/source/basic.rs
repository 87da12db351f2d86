//! The kind `basic`: a user name and a password for one registry.

use super::{SecretKey, document::BasicDocument};
use crate::{config::entry::Check, image::Pattern};

/// A user name and a password for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basic {
    /// `HOST[:PORT][/PATH]`.
    pub registry: Box<str>,
    /// The user name.
    pub username: Username,
    /// The password.
    pub password: SecretKey,
}

/// A user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Username {
    /// As the table has it.
    Written(Box<str>),
    /// As a Secret has it.
    From(SecretKey),
}

impl Check<'_> {
    pub(super) fn basic(&mut self, written: &BasicDocument) -> Basic {
        let field = "source.basic";
        let registry = &written.registry;
        self.registry(registry, &format!("{field}.registry"));
        let username = match (&written.username, &written.username_from) {
            (Some(text), None) => {
                if let Err(reason) = check_username(&text.value) {
                    let hint = "write the user name that the registry knows";
                    self.problem(text, &format!("{field}.username"), reason.to_owned(), hint);
                }
                Username::Written(text.value.as_str().into())
            }
            (None, Some(key)) => {
                Username::From(self.secret_key(&key.value, &format!("{field}.usernameFrom")))
            }
            (text, _) => {
                let reason = match text {
                    Some(_) => "both `username` and `usernameFrom` are written",
                    None => "there is no user name",
                };
                let hint = "write one of `username` and `usernameFrom`";
                self.problem(registry, field, reason.to_owned(), hint);
                Username::Written("".into())
            }
        };
        let password =
            self.secret_key(&written.password_from.value, &format!("{field}.passwordFrom"));
        Basic { registry: registry.value.as_str().into(), username, password }
    }
}

/// `HOST[:PORT][/PATH]`, in the letters of an image's name.
pub(super) fn check_registry(text: &str) -> Result<(), &'static str> {
    if text.contains("://") {
        return Err("it has a scheme");
    }
    if text.contains('*') {
        return Err("it has a wildcard: a credential is for one registry");
    }
    let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
    if Pattern::parse(&format!("{host}/*")).is_err() {
        return Err("its host is not one that an image can name");
    }
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    let is_good =
        |path: &str| path.split('/').all(|part| !part.is_empty()) && path.chars().all(is_path);
    match path {
        Some(path) if !is_good(path) => Err("its path is not one that an image can have"),
        // The kubelet takes them for the version of an API.
        Some(path) if matches!(path.split('/').next(), Some("v1" | "v2")) => {
            Err("a path of the kubelet's docker configs cannot begin with `v1` or `v2`")
        }
        _ => Ok(()),
    }
}

/// In basic authentication a `:` ends the user name (RFC 7617).
pub fn check_username(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("the user name is empty"),
        _ if text.contains(':') => Err("a user name cannot contain `:`"),
        _ if text.chars().any(char::is_control) => Err("the user name has a control character"),
        _ => Ok(()),
    }
}
