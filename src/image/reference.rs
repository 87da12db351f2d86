//! Image references, read exactly as the kubelet reads them.

use super::{DOCKER_HUB, LEGACY_DOCKER_HUB, OFFICIAL_PREFIX, grammar};
use std::{borrow::Cow, fmt};
use thiserror::Error;

/// A parsed and normalised image reference.
///
/// Mirrors `ParseNormalizedNamed` of distribution/reference with the default tag of the kubelet's
/// `pkg/util/parsers/parsers.go`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'a> {
    domain: &'a str,
    path: Cow<'a, str>,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// Nothing at all.
    #[error("the reference is empty")]
    Empty,
    /// 64 hex digits name an image ID, not a repository.
    #[error("64 hex digits are an image ID, not a repository")]
    Identifier,
    /// Repository paths are lower case.
    #[error("the repository has an upper-case letter")]
    Uppercase,
    /// A scheme such as `https://`.
    #[error("a reference has no scheme such as `https://`")]
    Scheme,
    /// The part before the first `/`.
    #[error("the registry is neither a host name, host:port, nor an IPv6 address in brackets")]
    Domain,
    /// A part of the path between two `/`.
    #[error(
        "a part of the repository path is empty, starts or ends with a separator, or has a character other than a-z, 0-9, `.`, `_` and `-`"
    )]
    Path,
    /// The path is over the limit of 255 bytes.
    #[error("the repository path is longer than 255 characters")]
    PathTooLong,
    /// The part after `:`.
    #[error("the tag is empty, longer than 128 characters, or has a character it may not have")]
    Tag,
    /// The part after `@`.
    #[error("the digest is not sha256, sha384 or sha512 with all of its lower-case hex digits")]
    Digest,
}

impl<'a> Reference<'a> {
    /// Parses `text` as the kubelet does.
    ///
    /// # Errors
    /// Says which part of the text keeps it from being a reference.
    pub fn parse(text: &'a str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if grammar::is_identifier(text) {
            return Err(ReferenceError::Identifier);
        }
        if text.contains("://") {
            return Err(ReferenceError::Scheme);
        }
        let (domain, remainder) = split_domain(text);
        let (name, digest) = split_at_first(remainder, '@');
        let (path, tag) = split_at_first(name, ':');

        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ReferenceError::Uppercase);
        }
        if !path.split('/').all(grammar::is_path_component) {
            return Err(ReferenceError::Path);
        }
        if tag.is_some_and(|t| !grammar::is_tag(t)) {
            return Err(ReferenceError::Tag);
        }
        if digest.is_some_and(|d| !grammar::is_digest(d)) {
            return Err(ReferenceError::Digest);
        }
        let (domain, path) = place(text, domain, path)?;
        if path.len() > grammar::MAX_PATH_BYTES {
            return Err(ReferenceError::PathTooLong);
        }
        let tag = match (tag, digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag,
        };
        Ok(Self { domain, path, tag, digest })
    }

    /// The registry, for example `gcr.io`, `localhost:5000` or `docker.io`.
    ///
    /// Empty in one odd case: a first part such as `a_b.io` looks like a host, is none, and is
    /// read as part of the path.
    pub fn domain(&self) -> &str {
        self.domain
    }

    /// The repository within the registry, for example `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The effective tag: `latest` where the text has neither tag nor digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag
    }

    /// The digest, with its algorithm.
    pub fn digest(&self) -> Option<&str> {
        self.digest
    }

    /// Writes `domain/path[:tag]`, the text over which patterns are matched.
    pub(super) fn write_matched_text(&self, out: &mut String) {
        if !self.domain.is_empty() {
            out.push_str(self.domain);
            out.push('/');
        }
        out.push_str(&self.path);
        if let Some(tag) = self.tag {
            out.push(':');
            out.push_str(tag);
        }
    }
}

impl fmt::Display for Reference<'_> {
    /// The canonical form, with the effective tag; it parses to the same reference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_matched_text(&mut text);
        f.write_str(&text)?;
        match self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The registry, if the text names one, and what follows it.
fn split_domain(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest)) if names_registry(first) => (Some(first), rest),
        _ => (None, text),
    }
}

fn names_registry(first: &str) -> bool {
    first == "localhost" || first.chars().any(|c| matches!(c, '.' | ':') || c.is_uppercase())
}

fn split_at_first(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Settles domain and path: Docker Hub by default and by its old name, `library/` for its
/// official images, and a first part that is no host as part of the path.
fn place<'a>(
    text: &'a str,
    domain: Option<&'a str>,
    path: &'a str,
) -> Result<(&'a str, Cow<'a, str>), ReferenceError> {
    match domain.unwrap_or(DOCKER_HUB) {
        DOCKER_HUB | LEGACY_DOCKER_HUB if path.contains('/') => Ok((DOCKER_HUB, path.into())),
        DOCKER_HUB | LEGACY_DOCKER_HUB => {
            Ok((DOCKER_HUB, format!("{OFFICIAL_PREFIX}{path}").into()))
        }
        domain if grammar::is_domain(domain) => Ok((domain, path.into())),
        domain if grammar::is_path_component(domain) => {
            Ok(("", text[..domain.len() + 1 + path.len()].into()))
        }
        _ => Err(ReferenceError::Domain),
    }
}
