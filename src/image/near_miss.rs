//! Which pattern an image that matched nothing was probably meant for.

use super::{Pattern, Reference, grammar, pattern::Agreement};
use std::fmt;

/// How alike two texts must be to be taken for a slip of the pen, from 0 to 1 (Jaro-Winkler).
const LIKENESS: f64 = 0.9;

/// A pattern that nearly matches, and what keeps it from matching.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearMiss<'p> {
    /// The pattern.
    pub pattern: &'p Pattern,
    /// What differs.
    pub difference: Difference,
    likeness: f64,
}

/// What keeps a pattern from matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Letters differ in case only.
    Case,
    /// The tag.
    Tag,
    /// The port: written on one side only, or another.
    Port,
    /// An official image of Docker Hub, whose path begins with `library/`.
    Library,
    /// The registry's host.
    Registry,
    /// The repository path.
    Path,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Case => "differs in upper and lower case only",
            Self::Tag => "matches but for the tag",
            Self::Port => "matches but for the port, which is compared as written",
            Self::Library => "misses the `library/` that official images have",
            Self::Registry => "matches but for the registry",
            Self::Path => "is of the same registry, with a similar path",
        })
    }
}

/// The pattern that comes nearest to matching, if one is near enough to be worth a word.
pub fn near_miss<'p>(
    reference: &Reference<'_>,
    patterns: impl IntoIterator<Item = &'p Pattern>,
) -> Option<NearMiss<'p>> {
    patterns
        .into_iter()
        .filter_map(|pattern| compare(reference, pattern))
        .min_by(|a, b| a.difference.cmp(&b.difference).then(b.likeness.total_cmp(&a.likeness)))
}

fn compare<'p>(reference: &Reference<'_>, pattern: &'p Pattern) -> Option<NearMiss<'p>> {
    let wanted = pattern.normalized()?;
    let (wanted_domain, wanted_rest) = wanted.split_once('/')?;
    let (wanted_path, _) = wanted_rest.split_once(':').unwrap_or((wanted_rest, ""));
    let path_likeness = alike(stem(wanted_path), reference.path());
    let domain_likeness = alike(wanted_domain, reference.domain());
    let difference = match pattern.agreement(reference) {
        Agreement { domain: true, path: true, tag: false } => Difference::Tag,
        Agreement { domain: false, path: true, .. }
            if differs_in_case(wanted_domain, reference.domain()) =>
        {
            Difference::Case
        }
        Agreement { domain: false, path: true, .. }
            if differs_in_port(wanted_domain, reference.domain()) =>
        {
            Difference::Port
        }
        Agreement { domain: false, path: true, .. } if domain_likeness >= LIKENESS => {
            Difference::Registry
        }
        Agreement { domain: true, path: false, .. } if misses_library(wanted_path, reference) => {
            Difference::Library
        }
        Agreement { domain: true, path: false, .. } if path_likeness >= LIKENESS => {
            Difference::Path
        }
        _ => return None,
    };
    Some(NearMiss { pattern, difference, likeness: domain_likeness.min(path_likeness) })
}

/// The path before its first wildcard: what a person remembers of it.
fn stem(path: &str) -> &str {
    path.split('*').next().unwrap_or(path).trim_end_matches('/')
}

fn alike(pattern: &str, actual: &str) -> f64 {
    let depth = pattern.split('/').count();
    let same_depth: Vec<_> = actual.split('/').take(depth).collect();
    strsim::jaro_winkler(pattern, &same_depth.join("/"))
}

fn differs_in_case(wanted: &str, actual: &str) -> bool {
    wanted != actual && wanted.eq_ignore_ascii_case(actual)
}

fn differs_in_port(wanted: &str, actual: &str) -> bool {
    wanted != actual && grammar::split_port(wanted).0 == grammar::split_port(actual).0
}

fn misses_library(wanted_path: &str, reference: &Reference<'_>) -> bool {
    reference
        .path()
        .strip_prefix(super::OFFICIAL_PREFIX)
        .is_some_and(|name| crate::glob::Glob::new(wanted_path).matches(name))
}
