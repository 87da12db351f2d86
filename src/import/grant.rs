//! Who gets what is imported.

use super::{Plan, PlannedEntry, config_text};
use serde::Serialize;
use std::collections::BTreeMap;

/// The namespaces of an entry, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Globs on names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Globs of namespaces that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// Labels that a namespace must have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// With these values.
    pub match_labels: BTreeMap<String, String>,
}

impl Grant {
    /// By names, by labels, or by both.
    pub fn new(
        names: Vec<String>,
        labels: impl IntoIterator<Item = (String, String)>,
        except: Vec<String>,
    ) -> Self {
        let match_labels: BTreeMap<_, _> = labels.into_iter().collect();
        let selector = (!match_labels.is_empty()).then_some(LabelSelector { match_labels });
        Self { names, selector, except }
    }

    /// Whether it says nothing of who gets the Secrets.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.selector.is_none()
    }

    /// Whether it says all namespaces, and nothing else.
    pub fn is_everywhere(&self) -> bool {
        self.names == ["*"] && self.selector.is_none() && self.except.is_empty()
    }

    /// Whether an entry may say so.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn check(&self) -> Result<(), String> {
        let entry = PlannedEntry::new("a", vec!["gcr.io/*".into()], self.clone(), "a");
        let plan = Plan { entries: vec![entry], ..Plan::default() };
        config_text(&plan.entries).map(drop).map_err(|error| error.reason())
    }
}
