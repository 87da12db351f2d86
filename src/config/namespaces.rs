//! Grants: which namespaces an entry is given to. The webhook and the controller decide by this
//! one function.

use super::{
    labels::Labels,
    selector::{NAME_LABEL, Requirement, Selector},
};
use crate::glob::Glob;
use std::fmt;

/// The rule of an entry on namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamespaceRule {
    pub(super) names: Option<Box<[Glob]>>,
    pub(super) selector: Option<Selector>,
    pub(super) except: Box<[Glob]>,
}

/// By what a namespace is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant<'c> {
    /// The entry has no rule on names or labels.
    Everywhere,
    /// A glob on the name, and the selector where there is one.
    Name(&'c Glob),
    /// The selector alone.
    Selector,
}

/// Why a namespace is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial<'c> {
    /// A glob of `except`, which wins over all else.
    Except(&'c Glob),
    /// No glob of `names` matches.
    NoName,
    /// A requirement of the selector does not hold.
    Selector(&'c Requirement),
    /// The selector needs labels, and they are not known.
    LabelsUnknown,
}

impl NamespaceRule {
    /// Whether the labels of the namespace must be known to decide.
    pub fn needs_labels(&self) -> bool {
        self.selector.as_ref().is_some_and(Selector::needs_labels)
    }

    /// The selector, if the rule has one.
    pub fn selector(&self) -> Option<&Selector> {
        self.selector.as_ref()
    }

    /// Decides on one namespace. `labels` is `None` where they are not known.
    ///
    /// # Errors
    /// The reason for which the namespace is not granted.
    pub fn decide(&self, name: &str, labels: Option<&Labels>) -> Result<Grant<'_>, Denial<'_>> {
        if let Some(glob) = self.except.iter().find(|glob| glob.matches(name)) {
            return Err(Denial::Except(glob));
        }
        let by_name = match &self.names {
            None => None,
            Some(globs) => {
                Some(globs.iter().find(|glob| glob.matches(name)).ok_or(Denial::NoName)?)
            }
        };
        if let Some(selector) = &self.selector {
            decide_by_labels(selector, name, labels)?;
        }
        Ok(match (by_name, &self.selector) {
            (Some(glob), _) => Grant::Name(glob),
            (None, Some(_)) => Grant::Selector,
            (None, None) => Grant::Everywhere,
        })
    }
}

fn decide_by_labels<'c>(
    selector: &'c Selector,
    name: &str,
    labels: Option<&Labels>,
) -> Result<(), Denial<'c>> {
    if labels.is_none() && selector.needs_labels() {
        return Err(Denial::LabelsUnknown);
    }
    let value_of = |key: &str| match key {
        NAME_LABEL => Some(name),
        _ => labels?.get(key),
    };
    match selector.first_unmet(value_of) {
        Some(requirement) => Err(Denial::Selector(requirement)),
        None => Ok(()),
    }
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("namespace granted: the entry is for all in scope"),
            Self::Name(glob) => write!(f, "namespace granted: `names` glob `{glob}`"),
            Self::Selector => f.write_str("namespace granted: `selector` matches its labels"),
        }
    }
}

impl fmt::Display for Denial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Except(glob) => write!(f, "namespace not granted: `except` glob `{glob}`"),
            Self::NoName => f.write_str("namespace not granted: no glob of `names` matches it"),
            Self::Selector(requirement) => {
                write!(f, "namespace not granted: its labels do not satisfy `{requirement}`")
            }
            Self::LabelsUnknown => f.write_str(
                "namespace not granted: `selector` needs its labels, which are not known",
            ),
        }
    }
}
