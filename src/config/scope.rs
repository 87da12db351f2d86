//! Which namespaces are considered at all, and which entries are granted there.

use super::{
    Config, Entry, INJECT_DISABLED, INJECT_ENABLED, INJECT_LABEL, Labels, Scope, source::Source,
};
use std::fmt;

/// Namespaces that never get a copy, whatever the entries say. (Nor does the controller's own.)
const NEVER: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Whether the webhook is not asked about a namespace of this name, and no copy is made there. (The same
/// is true of Pullpass's own.)
pub fn is_never_served(namespace: &str) -> bool {
    NEVER.contains(&namespace)
}

/// Why a namespace is left out, whatever the entries say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// It is labelled `pullpass.io/inject: disabled`.
    OptedOut,
    /// `scope: optIn`, and it is not labelled `enabled`.
    NotOptedIn,
    /// `scope: optIn`, and its labels are not known.
    Unknown,
}

impl Scope {
    /// Why a namespace with these labels is left out; none if it is in scope. `labels` is `None` where
    /// they are not known.
    pub fn left_out(self, labels: Option<&Labels>) -> Option<LeftOut> {
        let value = labels.map(|labels| labels.get(INJECT_LABEL));
        match (self, value) {
            (_, Some(Some(INJECT_DISABLED))) => Some(LeftOut::OptedOut),
            (Self::OptIn, None) => Some(LeftOut::Unknown),
            (Self::OptIn, Some(value)) if value != Some(INJECT_ENABLED) => {
                Some(LeftOut::NotOptedIn)
            }
            _ => None,
        }
    }
}

/// An entry that brings the content of its pull secret to a namespace.
#[derive(Debug, Clone, Copy)]
pub struct GrantedCopy<'c> {
    /// The entry.
    pub entry: &'c Entry,
    /// The name of the pull secret.
    pub pull_secret: &'c str,
    /// Where its content comes from.
    pub source: &'c Source,
}

impl Config {
    /// The copies that a namespace with these labels is granted, in the order of the entries. The
    /// webhook grants pull secrets by the same two rules, scope and the entry's namespaces, and is not
    /// asked about the namespaces that never get one.
    pub fn granted_copies<'c>(
        &'c self,
        namespace: &str,
        labels: &Labels,
    ) -> impl Iterator<Item = GrantedCopy<'c>> {
        let is_left_out = is_never_served(namespace) || self.scope.left_out(Some(labels)).is_some();
        let entries = if is_left_out { &[][..] } else { self.entries() };
        entries.iter().filter_map(move |entry| {
            let source = entry.source.as_ref()?;
            let pull_secret = entry.pull_secrets.first()?;
            entry.namespaces.decide(namespace, Some(labels)).ok()?;
            Some(GrantedCopy { entry, pull_secret, source })
        })
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OptedOut => {
                write!(f, "the namespace is labelled `{INJECT_LABEL}: {INJECT_DISABLED}`")
            }
            Self::NotOptedIn => write!(
                f,
                "`scope: optIn`, and the namespace is not labelled `{INJECT_LABEL}: {INJECT_ENABLED}`"
            ),
            Self::Unknown => {
                f.write_str("`scope: optIn`, and the labels of the namespace are not known")
            }
        }
    }
}
