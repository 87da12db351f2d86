//! Image patterns: `*`, or `DOMAIN/PATH[:TAG]` with `*` as the only wildcard.

use super::{DOCKER_HUB, OFFICIAL_PREFIX, PatternError, Reference, domain::Domain, grammar};
use crate::glob::Glob;
use std::fmt;

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
    pub(crate) fn normalized(&self) -> Option<String> {
        let Rule::Scoped(scoped) = &self.rule else {
            return None;
        };
        let mut text = scoped.domain.to_string();
        text.push('/');
        text.push_str(scoped.path.as_str());
        if let Some(tag) = &scoped.tag {
            text.push(':');
            text.push_str(tag.as_str());
        }
        Some(text)
    }

    /// Whether this matches all that `other` matches, as far as the texts tell: a wildcard of
    /// this may stand for one of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        match (&self.rule, &other.rule) {
            (Rule::Any, _) => true,
            (Rule::Scoped(_), Rule::Any) => false,
            (Rule::Scoped(outer), Rule::Scoped(inner)) => outer.covers(inner),
        }
    }

    /// The domain to the letter, the path's glob and the tag's, for checks of style. `None` for `*`.
    pub(crate) fn parts(&self) -> Option<PatternParts<'_>> {
        let Rule::Scoped(Scoped { domain, path, tag }) = &self.rule else {
            return None;
        };
        Some(PatternParts {
            domain: domain.literal(),
            path: path.as_str(),
            tag: tag.as_ref().map(Glob::as_str),
        })
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
        return Err(PatternError::WhiteSpace { text: text.into() });
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
        if path.is_empty() || path.ends_with('/') {
            let end = text.len() - rest.len() + path.len();
            return Err(PatternError::NoPath { registry: text[..end].into() });
        }
        let path = parse_path(path, &domain)?;
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

    fn covers(&self, inner: &Self) -> bool {
        self.domain.covers(&inner.domain)
            && self.path.matches(inner.path.as_str())
            && match (&self.tag, &inner.tag) {
                (None, _) => true,
                (Some(outer), Some(inner)) => outer.matches(inner.as_str()),
                (Some(_), None) => false,
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

fn parse_path(path: &str, domain: &Domain) -> Result<Glob, PatternError> {
    for component in path.split('/') {
        check_component(component)?;
    }
    let on_docker_hub = domain.literal() == Some(DOCKER_HUB);
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
