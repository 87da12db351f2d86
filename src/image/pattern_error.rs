//! Why a pattern is refused, and what to write instead.

use super::{MAX_PATTERN_BYTES, grammar};
use thiserror::Error;

/// Why a text is no pattern. [`PatternError::hint`] says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum PatternError {
    #[error("the pattern is empty")]
    Empty,
    #[error("the pattern has {bytes} bytes; at most {MAX_PATTERN_BYTES} are allowed")]
    TooLong { bytes: usize },
    #[error("the pattern has white space")]
    WhiteSpace { text: String },
    #[error("the pattern has the scheme `{scheme}://`")]
    Scheme { scheme: String, rest: String },
    #[error("the pattern has an `@`; digests are not matched")]
    Digest { before: String },
    #[error("`**` is no wildcard")]
    DoubleWildcard,
    #[error("`{found}` is not allowed; `*` is the only wildcard")]
    OtherWildcard { found: char },
    #[error(
        "the pattern names no registry: the part before the first `/` has no `.`, no port, and is not `localhost`"
    )]
    NoRegistry { pattern: String },
    #[error("the pattern has no repository path")]
    NoPath { registry: String },
    #[error("no valid reference has a `_` in its host")]
    HostUnderscore,
    #[error("`{found}` is not allowed in a host")]
    HostCharacter { found: char },
    #[error("the host has an empty label")]
    HostLabelEmpty,
    #[error("the host label `{label}` begins or ends with `-`")]
    HostLabelHyphen { label: String },
    #[error("every label of the host has a wildcard")]
    HostAllWild,
    #[error("the address in brackets is no IPv6 address that a reference can have")]
    Ipv6,
    #[error("the port `{port}` is not a number from 1 to 65535")]
    Port { port: String },
    #[error("a port takes no wildcard")]
    PortWildcard,
    #[error("the path has an empty component (`//`)")]
    EmptyComponent,
    #[error("the path has an upper-case letter; repositories are lower case")]
    Uppercase { lower: String },
    #[error("`{found}` is not allowed in a repository path")]
    PathCharacter { found: char },
    #[error(
        "`{component}` is no valid path component: it starts or ends with a separator, or has two in a row"
    )]
    Component { component: String },
    #[error("the path has more than {} characters beside `*`", grammar::MAX_PATH_BYTES)]
    PathTooLong,
    #[error("the tag is empty")]
    EmptyTag,
    #[error("`{tag}` is no valid tag")]
    Tag { tag: String },
}

impl PatternError {
    /// For a text without any `/`: a lone registry, or an image of Docker Hub.
    pub(super) fn without_slash(text: &str) -> Self {
        let host = text.split(':').next().unwrap_or(text);
        match host.contains('.') || host == "localhost" || text.starts_with('[') {
            true => Self::NoPath { registry: text.to_owned() },
            false => Self::NoRegistry { pattern: text.to_owned() },
        }
    }

    /// What to write instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Empty => "write DOMAIN/PATH, for example `gcr.io/my-project/*`".into(),
            Self::TooLong { .. } => "use wildcards, or several patterns".into(),
            Self::WhiteSpace { text } => match text.split_whitespace().collect::<Vec<_>>()[..] {
                [only] => format!("write `{only}`"),
                _ => "remove it; list several patterns one by one".into(),
            },
            Self::Scheme { rest, .. } => format!("write `{rest}`"),
            Self::Digest { before } => match without_tag(before) {
                "" => "write a repository; without a tag, it matches every tag and digest".into(),
                repository => format!("write `{repository}`: without a tag, it matches every tag and digest"),
            },
            Self::DoubleWildcard => "write one `*`: in the path it crosses `/` already".into(),
            Self::OtherWildcard { .. } => "write one pattern for each alternative".into(),
            Self::NoRegistry { pattern } => match pattern.trim_matches('/') {
                "" => Self::Empty.hint(),
                name => format!("for Docker Hub write `docker.io/{name}`; otherwise name the registry's host first"),
            },
            Self::NoPath { registry } => format!("write `{}/*` for all of it", registry.trim_end_matches('/')),
            Self::HostUnderscore => "check the host name; it has letters, digits, `-` and `.`".into(),
            Self::HostCharacter { .. } => "a host has letters, digits, `-` and `.`; `*` stands for characters of one label".into(),
            Self::HostLabelEmpty => "remove the doubled, leading or trailing `.`".into(),
            Self::HostLabelHyphen { .. } => "remove the `-` at its end, or end the label with `*`".into(),
            Self::HostAllWild => "keep at least one label without `*`, for example `*.example.com/*`; `*` alone matches every image".into(),
            Self::Ipv6 => "write for example `[fd00::1]:5000/team/*`, with neither zone nor dotted IPv4 part".into(),
            Self::Port { .. } | Self::PortWildcard => "write the port as images have it, or leave it out".into(),
            Self::EmptyComponent => "write one `/`".into(),
            Self::Uppercase { lower } => format!("write `{lower}`"),
            Self::PathCharacter { .. } => "a path has a-z, 0-9, `.`, `_`, `-` and `/`".into(),
            Self::Component { .. } => "join words by one `.`, one or two `_`, or any number of `-`".into(),
            Self::PathTooLong => "use a wildcard".into(),
            Self::EmptyTag => "remove the `:`; without a tag every tag and digest matches".into(),
            Self::Tag { .. } => "a tag has up to 128 of A-Z, a-z, 0-9, `_`, `.` and `-`, and begins with none of the last two".into(),
        }
    }
}

/// `repository[:tag]` without its tag; the colon of a port stands before a `/`.
fn without_tag(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => text,
    }
}
