//! The patterns that a docker config serves, for Secrets that are shared by label.

use super::{Coverage, DockerConfig, Entry, Keyring, RegistryKey, Steps, keyring, word::Word};
use crate::image::{DOCKER_HUB, LEGACY_DOCKER_HUB, Pattern, PatternError};
use std::collections::HashSet;
use thiserror::Error;

/// For all keys of a docker config. A key that covers its patterns by itself, as any without a wildcard
/// in its path does, takes next to none.
const MAX_STEPS: usize = 200_000;

/// What a docker config serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The patterns, in the order of the entries, none twice. The docker config has a credential
    /// for every image that one of them matches.
    pub patterns: Vec<Pattern>,
    /// The registries for which no pattern can be written.
    pub not_derived: Vec<NotDerived>,
}

/// A registry for which no pattern can be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no pattern follows from the registry `{key}`: {reason}")]
pub struct NotDerived {
    /// The registry.
    pub key: RegistryKey,
    /// Why there is none.
    #[source]
    pub reason: NotDerivedReason,
}

/// Why no pattern can be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotDerivedReason {
    /// Its entry has nothing to show a registry.
    #[error("its entry has no user name with a password")]
    NoCredential,
    /// No image can be of it.
    #[error("no image can be of it")]
    Useless,
    /// It is more than a pattern can say.
    #[error("{0}; write an entry with patterns of your own")]
    Pattern(PatternError),
    /// Another entry comes first for some of the images.
    #[error(
        "the kubelet finds no credential for every image of `{pattern}`; write an entry with patterns of your own"
    )]
    NotServed {
        /// The pattern that would have been written.
        pattern: String,
    },
    /// It takes too long to tell.
    #[error(
        "its wildcards and those of other entries are too many to tell whether every image of `{pattern}` has a credential; write an entry with patterns of your own"
    )]
    TooMany {
        /// The pattern that would have been written.
        pattern: String,
    },
}

/// The patterns that a docker config serves: for each key, `HOST/*`, or `HOST/PATH` and
/// `HOST/PATH/*`.
pub fn derive(config: &DockerConfig) -> Derived {
    let keyring = Keyring::new(config);
    let mut steps = Steps::new(MAX_STEPS);
    let mut derived = Derived { patterns: Vec::new(), not_derived: Vec::new() };
    let mut known = HashSet::new();
    for entry in config.entries() {
        match patterns(entry, &keyring, &mut steps) {
            Ok(patterns) => {
                for pattern in patterns {
                    if known.insert(pattern.as_str().to_owned()) {
                        derived.patterns.push(pattern);
                    }
                }
            }
            Err(reason) => {
                derived.not_derived.push(NotDerived { key: entry.key.clone(), reason });
            }
        }
    }
    derived
}

fn patterns(
    entry: &Entry,
    keyring: &Keyring<'_>,
    steps: &mut Steps,
) -> Result<Vec<Pattern>, NotDerivedReason> {
    if !entry.is_usable() {
        return Err(NotDerivedReason::NoCredential);
    }
    let name = keyring::normalize(&entry.key).and_then(|name| String::from_utf8(name).ok());
    let name = name.ok_or(NotDerivedReason::Useless)?;
    let (host, path) = match name.split_once('/') {
        Some((host, path)) => (host, path),
        None => (&name[..], ""),
    };
    let host = match (host, path) {
        (LEGACY_DOCKER_HUB, "") => DOCKER_HUB,
        _ => host.strip_suffix(':').unwrap_or(host),
    };
    let below = match path.trim_end_matches('/') {
        "" => format!("{host}/*"),
        path => format!("{host}/{path}/*"),
    };
    let below = Pattern::parse(&below).map_err(NotDerivedReason::Pattern)?;
    let word = Word::of_key(name.as_bytes());
    // What a key matches with a credential no other key takes from it.
    let mut coverage = |pattern: &Pattern| match &word {
        Some(word) if keyring.is_beginning(word, pattern) => Coverage::Covered,
        _ => keyring.coverage_within(pattern, steps),
    };
    match coverage(&below) {
        Coverage::Covered => {}
        Coverage::Uncovered { .. } => return Err(NotDerivedReason::Useless),
        Coverage::Partly { .. } => {
            let pattern = below.as_str().to_owned();
            return Err(match steps.are_used_up() {
                true => NotDerivedReason::TooMany { pattern },
                false => NotDerivedReason::NotServed { pattern },
            });
        }
    }
    // Where the key names one repository. (`docker.io/team` would be `docker.io/library/team`.)
    let itself = Pattern::parse(&format!("{host}/{path}")).ok();
    let itself = itself.filter(|itself| !path.is_empty() && coverage(itself) == Coverage::Covered);
    Ok(itself.into_iter().chain([below]).collect())
}
