//! What the kubelet passes over in a docker config without a word.

use super::{RegistryKey, Steps, coverage, docker_config::Entry, registry_key::write_visible};
use std::fmt;

/// What the kubelet passes over. Pulls do not fail for it; they go without a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// There is no entry at all.
    NoEntries,
    /// An entry has nothing that a registry could be shown.
    NoCredential {
        /// The registry.
        key: RegistryKey,
        /// Why there is nothing.
        why: NoCredential,
    },
    /// The key of an entry names no registry that an image can have.
    UselessKey {
        /// The registry.
        key: RegistryKey,
    },
    /// `credHelpers` is for the docker client alone.
    CredHelpers,
    /// `credsStore` is for the docker client alone.
    CredsStore,
    /// Another field of the whole that the kubelet does not use.
    IgnoredField {
        /// Its name.
        name: String,
    },
    /// A field of an entry that the kubelet does not read.
    IgnoredEntryField {
        /// The registry.
        key: RegistryKey,
        /// The field's name.
        name: String,
    },
}

/// Why an entry has nothing that a registry could be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCredential {
    /// It has an `identitytoken` instead.
    IdentityToken,
    /// It has a `registrytoken` instead.
    RegistryToken,
    /// It has neither user name nor password.
    Empty,
    /// It has no user name.
    NoUsername,
    /// It has no password.
    NoPassword,
}

impl Warning {
    /// For a field beside `auths`.
    pub(super) fn of_field(name: &str) -> Self {
        match name {
            "credHelpers" => Self::CredHelpers,
            "credsStore" => Self::CredsStore,
            _ => Self::IgnoredField { name: name.to_owned() },
        }
    }
}

/// What an entry has that is of no use. `ignored` are the names of its fields that the kubelet does not
/// read.
pub(super) fn of_entry(entry: &Entry, ignored: &[String], steps: &mut Steps) -> Vec<Warning> {
    let key = || entry.key.clone();
    let mut warnings = Vec::new();
    if !coverage::serves_any_image(&entry.key, steps) {
        warnings.push(Warning::UselessKey { key: key() });
    }
    let has = |name: &str| ignored.iter().any(|field| field.eq_ignore_ascii_case(name));
    let why = match (entry.username.is_empty(), entry.password.is_empty()) {
        (false, false) => None,
        _ if has("identitytoken") => Some(NoCredential::IdentityToken),
        _ if has("registrytoken") => Some(NoCredential::RegistryToken),
        (true, true) => Some(NoCredential::Empty),
        (true, false) => Some(NoCredential::NoUsername),
        (false, true) => Some(NoCredential::NoPassword),
    };
    warnings.extend(why.map(|why| Warning::NoCredential { key: key(), why }));
    let said = match why {
        Some(NoCredential::IdentityToken) => "identitytoken",
        Some(NoCredential::RegistryToken) => "registrytoken",
        _ => "",
    };
    let ignored = ignored.iter().filter(|name| !name.eq_ignore_ascii_case(said));
    warnings
        .extend(ignored.map(|name| Warning::IgnoredEntryField { key: key(), name: name.clone() }));
    warnings
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntries => f.write_str("`auths` has no entry; add one for each registry"),
            Self::NoCredential { key, why } => {
                write!(f, "the registry `{key}` {why}; write `auth`, base64 of `user:password`")
            }
            Self::UselessKey { key } => write!(
                f,
                "no image can be of the registry `{key}`; write a host, for example `gcr.io`"
            ),
            Self::CredHelpers => f.write_str(
                "the kubelet ignores `credHelpers`; log in without a helper, and write the registry under `auths`",
            ),
            Self::CredsStore => f.write_str(
                "the kubelet ignores `credsStore`; log in without it, and write the registry under `auths`",
            ),
            Self::IgnoredField { name } => {
                f.write_str("the kubelet ignores `")?;
                write_visible(f, name)?;
                f.write_str("`")
            }
            Self::IgnoredEntryField { key, name } => {
                f.write_str("the kubelet ignores `")?;
                write_visible(f, name)?;
                write!(f, "` of the registry `{key}`")
            }
        }
    }
}

impl fmt::Display for NoCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdentityToken => {
                "has an `identitytoken`, which the kubelet ignores, and no password"
            }
            Self::RegistryToken => {
                "has a `registrytoken`, which the kubelet ignores, and no password"
            }
            Self::Empty => "has neither a user name nor a password",
            Self::NoUsername => "has a password without a user name",
            Self::NoPassword => "has a user name without a password",
        })
    }
}
