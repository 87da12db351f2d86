//! The checks of an entry's source.

use super::{
    entry::Check,
    kubernetes_names as names,
    schema::{BasicDocument, OnRemoval, Registry, SecretKeyDocument, SourceDocument},
};
use crate::{
    credentials::{RegistryKey, content_mark},
    image::Pattern,
};
use serde_saphyr::Spanned;

/// How the name of a Secret begins that holds the credential of an entry, made by the controller.
pub const CREDENTIAL_PREFIX: &str = "pullpass-credential-";

/// Where the content of a pull secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The Secret of pullpass-system that is copied.
    pub secret: Box<str>,
    /// What the controller makes that Secret from; none if somebody else does.
    pub made: Option<Made>,
    /// What becomes of the copies when the grant goes.
    pub on_removal: OnRemoval,
}

impl Source {
    /// The Secret of pullpass-system in which an administrator changes the password.
    pub fn secret_of_password(&self) -> &str {
        match &self.made {
            None => &self.secret,
            Some(Made::Basic(basic)) => &basic.password.secret,
            Some(Made::DockerConfig(key)) => &key.secret,
        }
    }
}

/// What the Secret of an entry is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// From a user name and a password.
    Basic(Basic),
    /// From a docker config as people have it.
    DockerConfig(SecretKey),
}

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

/// One value of a Secret of pullpass-system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey {
    /// The name of the Secret.
    pub secret: Box<str>,
    /// The key of its `data`.
    pub key: Box<str>,
}

/// Those of the certificates.
const OWN_SECRETS: [&str; 2] = ["pullpass-ca", "pullpass-tls"];
/// The characters of a mark in the name of a Secret.
const MARK: usize = 12;
const KINDS: &str = "`secret`, `basic` or `dockerConfig`";

impl Check<'_> {
    pub(super) fn source(&mut self, registry: &Registry, images: &[Pattern]) -> Option<Source> {
        let Some(source) = &registry.source else {
            if let Some(on_removal) = &registry.on_removal {
                let reason = "it has a meaning only with `source`".into();
                self.problem(on_removal, "onRemoval", reason, "remove it, or add `source`");
            }
            return None;
        };
        if let Some(list) = registry.pull_secrets.as_ref().filter(|list| list.value.len() > 1) {
            let reason = "with `source` there is one pull secret, the copy".to_owned();
            self.problem(list, "pullSecrets", reason, "write one entry for each pull secret");
        }
        let on_removal = registry.on_removal.as_ref().map(|r| r.value).unwrap_or_default();
        let (secret, made) = self.kind_of_source(source, &registry.name.value, images)?;
        Some(Source { secret, made, on_removal })
    }

    fn kind_of_source(
        &mut self,
        source: &Spanned<SourceDocument>,
        entry: &str,
        images: &[Pattern],
    ) -> Option<(Box<str>, Option<Made>)> {
        let SourceDocument { secret, basic, docker_config } = &source.value;
        let made = match (secret, basic, docker_config) {
            (Some(secret), None, None) => {
                self.secret_of_others(secret, "source.secret");
                return Some((secret.value.as_str().into(), None));
            }
            (None, Some(basic), None) => Made::Basic(self.basic(&basic.value)),
            (None, None, Some(key)) => {
                Made::DockerConfig(self.secret_key(&key.value, "source.dockerConfig"))
            }
            (None, None, None) => {
                let reason = "nothing is written in it".to_owned();
                self.problem(source, "source", reason, format!("write one of {KINDS}"));
                return None;
            }
            _ => {
                let reason = "it has more than one kind".to_owned();
                self.problem(source, "source", reason, format!("write one of {KINDS}"));
                return None;
            }
        };
        Some((name_of_credential(entry, &made, images), Some(made)))
    }

    fn secret_of_others(&mut self, secret: &Spanned<String>, field: &str) {
        self.secret_name(secret, field);
        let name = &*secret.value;
        if name.starts_with(CREDENTIAL_PREFIX) || OWN_SECRETS.contains(&name) {
            let reason = format!(
                "`{}` is a name that the controller keeps for Secrets that it makes",
                names::shortened(name)
            );
            self.problem(secret, field, reason, "give the Secret another name");
        }
    }

    fn basic(&mut self, written: &BasicDocument) -> Basic {
        let field = "source.basic";
        let registry = &written.registry;
        if let Err(reason) = check_registry(&registry.value) {
            let shown = RegistryKey::new(registry.value.as_bytes()).to_string();
            let reason = format!("`{}`: {reason}", names::shortened(&shown));
            let hint = "write the registry as images name it, such as `registry.gitlab.com` or `quay.io/my-org`";
            self.problem(registry, &format!("{field}.registry"), reason, hint);
        }
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

    fn secret_key(&mut self, written: &SecretKeyDocument, field: &str) -> SecretKey {
        self.secret_of_others(&written.secret, &format!("{field}.secret"));
        if !names::is_data_key(&written.key.value) {
            let reason = format!("`{}` is no valid key", names::shortened(&written.key.value));
            self.problem(&written.key, &format!("{field}.key"), reason, names::DATA_KEY_HINT);
        }
        SecretKey {
            secret: written.secret.value.as_str().into(),
            key: written.key.value.as_str().into(),
        }
    }
}

/// Its end says what it is made from. With other settings it is another Secret: what was made from the former
/// ones, for those who were granted it then, is never what the entry grants now.
fn name_of_credential(entry: &str, made: &Made, images: &[Pattern]) -> Box<str> {
    let images: Vec<String> = match made {
        Made::Basic(_) => Vec::new(),
        // Of a docker config they say which credentials are taken.
        Made::DockerConfig(_) => images.iter().map(ToString::to_string).collect(),
    };
    let mark = content_mark("", format!("{made:?} {images:?}").as_bytes());
    format!("{CREDENTIAL_PREFIX}{entry}-{}", &mark[..MARK.min(mark.len())]).into()
}

/// `HOST[:PORT][/PATH]`, in the letters of an image's name.
fn check_registry(text: &str) -> Result<(), &'static str> {
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
