//! Image patterns: `*`, or `DOMAIN/PATH[:TAG]` with `*` as the only wildcard.

use super::{DOCKER_HUB, LEGACY_DOCKER_HUB, OFFICIAL_PREFIX, PatternError, Reference, grammar};
use crate::glob::Glob;
use std::{fmt, net::Ipv6Addr};

/// Longest pattern, in bytes. It bounds the number of wildcards as well.
pub const MAX_PATTERN_BYTES: usize = 512;

/// A checked pattern. Matching is case-sensitive throughout, because the kubelet's is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// `*`: every valid reference.
    Any,
    Scoped(Scoped),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Scoped {
    domain: Domain,
    path: Glob,
    /// `None`: any tag or digest.
    tag: Option<Glob>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Domain {
    /// `host[:port]` to the letter.
    Exact(Box<str>),
    /// Dot-separated labels of which at least one has a wildcard, and the port as written.
    Labels { labels: Box<[Glob]>, port: Option<Box<str>> },
}

/// How far a reference gets through a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreement {
    pub domain: bool,
    pub path: bool,
    pub tag: bool,
}

impl Pattern {
    /// Checks and compiles a pattern.
    ///
    /// # Errors
    /// All that is not allowed is refused, with the reason and a hint.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        check_as_a_whole(text)?;
        let rule = match text {
            "*" => Rule::Any,
            _ => Rule::Scoped(Scoped::parse(text)?),
        };
        Ok(Self { text: text.into(), rule })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is `*`, which matches every valid reference.
    pub fn is_any(&self) -> bool {
        self.rule == Rule::Any
    }

    /// Whether the pattern matches a reference. This is the definition; the index gives the same.
    pub fn matches(&self, reference: &Reference<'_>) -> bool {
        match &self.rule {
            Rule::Any => true,
            Rule::Scoped(scoped) => scoped.matches(reference),
        }
    }

    /// Which parts agree; all of them for `*`.
    pub(super) fn agreement(&self, reference: &Reference<'_>) -> Agreement {
        match &self.rule {
            Rule::Any => Agreement { domain: true, path: true, tag: true },
            Rule::Scoped(scoped) => scoped.agreement(reference),
        }
    }

    /// `DOMAIN/PATH[:TAG]` as it is compared with a reference's text: Docker Hub's names settled,
    /// a tag that says nothing left out. `None` for `*`.
    pub(super) fn normalized(&self) -> Option<String> {
        let Rule::Scoped(scoped) = &self.rule else {
            return None;
        };
        let mut text = match &scoped.domain {
            Domain::Exact(domain) => domain.to_string(),
            Domain::Labels { labels, port } => {
                let host: Vec<_> = labels.iter().map(Glob::as_str).collect();
                let port = port.as_ref().map(|p| format!(":{p}"));
                host.join(".") + &port.unwrap_or_default()
            }
        };
        text.push('/');
        text.push_str(scoped.path.as_str());
        if let Some(tag) = &scoped.tag {
            text.push(':');
            text.push_str(tag.as_str());
        }
        Some(text)
    }

    /// The domain to the letter, the path's glob and the tag's, for checks of style. `None` for `*`.
    pub(crate) fn parts(&self) -> Option<PatternParts<'_>> {
        let Rule::Scoped(Scoped { domain, path, tag }) = &self.rule else {
            return None;
        };
        let domain = match domain {
            Domain::Exact(domain) => Some(&**domain),
            Domain::Labels { .. } => None,
        };
        Some(PatternParts { domain, path: path.as_str(), tag: tag.as_ref().map(Glob::as_str) })
    }
}

/// What [`Pattern::parts`] gives.
pub(crate) struct PatternParts<'a> {
    /// The domain, where it has no wildcard.
    pub domain: Option<&'a str>,
    /// The path, `library/` added where it is due.
    pub path: &'a str,
    /// The tag, unless any will do.
    pub tag: Option<&'a str>,
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check_as_a_whole(text: &str) -> Result<(), PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    if text.len() > MAX_PATTERN_BYTES {
        return Err(PatternError::TooLong { bytes: text.len() });
    }
    if text.chars().any(char::is_whitespace) {
        return Err(PatternError::WhiteSpace { trimmed: text.split_whitespace().collect() });
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(PatternError::Scheme { scheme: scheme.into(), rest: rest.into() });
    }
    if text.contains('@') {
        return Err(PatternError::Digest { before: split_first(text, '@').0.into() });
    }
    if text.contains("**") {
        return Err(PatternError::DoubleWildcard);
    }
    if let Some(found) = text.chars().find(|c| matches!(c, '?' | '{' | '}' | '\\')) {
        return Err(PatternError::OtherWildcard { found });
    }
    Ok(())
}

impl Scoped {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let Some((domain, rest)) = text.split_once('/') else {
            return Err(PatternError::without_slash(text));
        };
        let domain = Domain::parse(domain, text)?;
        let (path, tag) = split_first(rest, ':');
        let path = parse_path(path, &domain, text)?;
        let tag = tag.map(parse_tag).transpose()?.flatten();
        Ok(Self { domain, path, tag })
    }

    fn matches(&self, reference: &Reference<'_>) -> bool {
        self.domain.matches(reference.domain())
            && self.path.matches(reference.path())
            && self.tag_matches(reference.tag())
    }

    fn agreement(&self, reference: &Reference<'_>) -> Agreement {
        Agreement {
            domain: self.domain.matches(reference.domain()),
            path: self.path.matches(reference.path()),
            tag: self.tag_matches(reference.tag()),
        }
    }

    fn tag_matches(&self, tag: Option<&str>) -> bool {
        match (&self.tag, tag) {
            (None, _) => true,
            (Some(glob), Some(tag)) => glob.matches(tag),
            (Some(_), None) => false,
        }
    }
}

impl Domain {
    fn parse(domain: &str, pattern: &str) -> Result<Self, PatternError> {
        let (host, port) = grammar::split_port(domain);
        if host.starts_with('[') {
            return parse_ipv6(domain, host, port);
        }
        if !host.contains('.') && port.is_none() && host != "localhost" {
            return Err(PatternError::NoRegistry { pattern: pattern.into() });
        }
        check_host(host)?;
        port.map(check_port).transpose()?;
        if domain == LEGACY_DOCKER_HUB {
            return Ok(Self::Exact(DOCKER_HUB.into()));
        }
        if !host.contains('*') {
            return Ok(Self::Exact(domain.into()));
        }
        Ok(Self::Labels {
            labels: host.split('.').map(Glob::new).collect(),
            port: port.map(Into::into),
        })
    }

    fn matches(&self, domain: &str) -> bool {
        let (labels, port) = match self {
            Self::Exact(exact) => return **exact == *domain,
            Self::Labels { labels, port } => (labels, port),
        };
        let (host, actual_port) = grammar::split_port(domain);
        let mut actual = host.split('.');
        actual_port == port.as_deref()
            && labels.iter().all(|label| actual.next().is_some_and(|text| label.matches(text)))
            && actual.next().is_none()
    }
}

fn parse_ipv6(domain: &str, host: &str, port: Option<&str>) -> Result<Domain, PatternError> {
    let address = grammar::bracketed(host).ok_or(PatternError::Ipv6)?;
    // An IPv4-mapped address in dotted form stands in no valid reference.
    if address.contains('.') || address.parse::<Ipv6Addr>().is_err() {
        return Err(PatternError::Ipv6);
    }
    port.map(check_port).transpose()?;
    Ok(Domain::Exact(domain.into()))
}

fn check_host(host: &str) -> Result<(), PatternError> {
    if host.contains('_') {
        return Err(PatternError::HostUnderscore);
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '*');
    if let Some(found) = host.chars().find(|c| !allowed(c)) {
        return Err(PatternError::HostCharacter { found });
    }
    if host.split('.').any(str::is_empty) {
        return Err(PatternError::HostLabelEmpty);
    }
    let hyphen_at_end = |l: &str| !l.contains('*') && (l.starts_with('-') || l.ends_with('-'));
    if let Some(label) = host.split('.').find(|l| hyphen_at_end(l)) {
        return Err(PatternError::HostLabelHyphen { label: label.into() });
    }
    if host.split('.').all(|label| label.contains('*')) {
        return Err(PatternError::HostAllWild);
    }
    Ok(())
}

fn check_port(port: &str) -> Result<(), PatternError> {
    if port.contains('*') {
        return Err(PatternError::PortWildcard);
    }
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(1..) if digits => Ok(()),
        _ => Err(PatternError::Port { port: port.into() }),
    }
}

fn parse_path(path: &str, domain: &Domain, pattern: &str) -> Result<Glob, PatternError> {
    if path.is_empty() || path.ends_with('/') {
        return Err(PatternError::NoPath { pattern: pattern.into() });
    }
    for component in path.split('/') {
        check_component(component)?;
    }
    let on_docker_hub = *domain == Domain::Exact(DOCKER_HUB.into());
    let path = match on_docker_hub && !path.contains(['*', '/']) {
        true => format!("{OFFICIAL_PREFIX}{path}"),
        false => path.to_owned(),
    };
    if path.bytes().filter(|b| *b != b'*').count() > grammar::MAX_PATH_BYTES {
        return Err(PatternError::PathTooLong);
    }
    Ok(Glob::new(&path))
}

fn check_component(component: &str) -> Result<(), PatternError> {
    if component.is_empty() {
        return Err(PatternError::EmptyComponent);
    }
    if component.chars().any(char::is_uppercase) {
        return Err(PatternError::Uppercase { lower: component.to_lowercase() });
    }
    let allowed = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '*');
    if let Some(found) = component.chars().find(|c| !allowed(c)) {
        return Err(PatternError::PathCharacter { found });
    }
    if !component.contains('*') && !grammar::is_path_component(component) {
        return Err(PatternError::Component { component: component.into() });
    }
    Ok(())
}

/// `None` where any tag or digest will do.
fn parse_tag(tag: &str) -> Result<Option<Glob>, PatternError> {
    if tag.is_empty() {
        return Err(PatternError::EmptyTag);
    }
    if tag == "*" {
        return Ok(None);
    }
    let literal: String = tag.chars().filter(|c| *c != '*').collect();
    let is_valid = match tag.contains('*') {
        true => {
            literal.len() <= grammar::MAX_TAG_BYTES && literal.bytes().all(grammar::is_tag_byte)
        }
        false => grammar::is_tag(tag),
    };
    match is_valid {
        true => Ok(Some(Glob::new(tag))),
        false => Err(PatternError::Tag { tag: tag.into() }),
    }
}

fn split_first(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}
