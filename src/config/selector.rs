//! LabelSelectors, as the API server evaluates them.

use std::fmt;

/// The label that the API server sets on every Namespace, with its name as value.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A checked LabelSelector: all requirements must hold.
///
/// Mirrors `labels.Selector` of `k8s.io/apimachinery/pkg/labels/selector.go`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    requirements: Box<[Requirement]>,
}

/// One requirement on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The label's key.
    pub key: Box<str>,
    /// What is required of it.
    pub test: Test,
}

/// What a requirement asks of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is there, with one of these values.
    In(Box<[Box<str>]>),
    /// It is absent, or has none of these values.
    NotIn(Box<[Box<str>]>),
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

impl Selector {
    /// A selector of these requirements.
    pub fn new(requirements: Vec<Requirement>) -> Self {
        Self { requirements: requirements.into() }
    }

    /// Whether anything but the namespace's name must be known to evaluate it.
    pub fn needs_labels(&self) -> bool {
        self.requirements.iter().any(|r| *r.key != *NAME_LABEL)
    }

    /// The label keys that the selector reads, those of [`NAME_LABEL`] left out.
    pub fn trusted_keys(&self) -> impl Iterator<Item = &str> {
        self.requirements.iter().map(|r| &*r.key).filter(|key| *key != NAME_LABEL)
    }

    /// The first requirement that does not hold. `value_of` gives a label's value.
    pub fn first_unmet<'a>(
        &self,
        value_of: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| !requirement.holds(value_of(&requirement.key)))
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let listed = |values: &[Box<str>]| value.is_some_and(|v| values.iter().any(|w| **w == *v));
        match &self.test {
            Test::In(values) => listed(values),
            Test::NotIn(values) => !listed(values),
            Test::Exists => value.is_some(),
            Test::DoesNotExist => value.is_none(),
        }
    }
}

impl fmt::Display for Requirement {
    /// As `kubectl --selector` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.test {
            Test::In(values) if values.len() == 1 => write!(f, "{key}={}", values.join(",")),
            Test::In(values) => write!(f, "{key} in ({})", values.join(",")),
            Test::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
            Test::Exists => write!(f, "{key}"),
            Test::DoesNotExist => write!(f, "!{key}"),
        }
    }
}
