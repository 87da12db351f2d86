//! What is to be applied, and what is left out.

use super::Grant;
use serde::Serialize;
use std::fmt;

/// What comes of an import.
#[derive(Debug, Default)]
pub struct Plan {
    /// The entries, for the table.
    pub entries: Vec<PlannedEntry>,
    /// The Secrets that they copy.
    pub secrets: Vec<PlannedSecret>,
    /// Where the entries come from.
    pub taken_over: Vec<TakenOver>,
    /// What is left out, and why.
    pub left_out: Vec<LeftOut>,
    /// What is to be known of what is not left out.
    pub notes: Vec<String>,
}

/// An entry of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedEntry {
    /// Its name.
    pub name: String,
    /// Its patterns.
    pub images: Vec<String>,
    /// Its grant.
    pub namespaces: Grant,
    /// The name of the copies, if it is not that of the entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pull_secrets: Vec<String>,
    /// What is copied.
    pub source: PlannedSource,
}

/// The `source` of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PlannedSource {
    /// A Secret of pullpass-system.
    Secret(String),
    /// Tokens of Amazon ECR.
    Ecr(PlannedEcr),
    /// Tokens of Google's Artifact Registry.
    Gcp(PlannedTokens),
    /// Tokens of Azure Container Registry.
    Acr(PlannedTokens),
}

/// Tokens of Amazon ECR, fetched by the controller's own identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlannedEcr {
    /// The accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Their region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Whether it is a FIPS host.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fips: bool,
    /// Whether it is ECR Public.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
}

/// Tokens of a cloud, fetched by the controller's own identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedTokens {
    /// What they are for.
    pub registries: Vec<String>,
}

/// A Secret of pullpass-system.
#[derive(Clone, PartialEq, Eq)]
pub struct PlannedSecret {
    /// Its name.
    pub name: String,
    /// Its `.dockerconfigjson`.
    pub content: Vec<u8>,
    /// Whether it is shared by label, and with whom.
    pub shared: Option<Grant>,
}

/// What an entry takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenOver {
    /// The entry.
    pub entry: String,
    /// The Secrets, `NAMESPACE/NAME`.
    pub secrets: Vec<String>,
    /// How many ServiceAccounts name one of them; none if that is not known.
    pub service_accounts: Option<usize>,
    /// As much of Pods.
    pub pods: Option<usize>,
}

/// What is not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// What it is.
    pub what: String,
    /// Why, and what to do.
    pub reason: String,
    /// The entry that would do in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<PlannedEntry>,
}

impl Plan {
    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.secrets.is_empty()
    }

    pub(super) fn leave_out(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.left_out.push(LeftOut { what: what.into(), reason: reason.into(), instead: None });
    }
}

impl PlannedEntry {
    /// One that copies a Secret.
    pub fn new(name: &str, images: Vec<String>, namespaces: Grant, secret: &str) -> Self {
        let source = PlannedSource::Secret(secret.to_owned());
        Self { name: name.to_owned(), images, namespaces, pull_secrets: Vec::new(), source }
    }

    /// On one line, as it can stand in the table.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, secrets, service_accounts, pods } = self;
        write!(f, "entry `{entry}`: {}", some(secrets))?;
        let count = |count: usize, noun: &str| match count {
            1 => format!("1 {noun}"),
            count => format!("{count} {noun}s"),
        };
        let users = [(service_accounts, "ServiceAccount"), (pods, "Pod")];
        let users = users.map(|(number, noun)| number.map(|number| count(number, noun)));
        let users: Vec<_> = users.into_iter().flatten().collect();
        match users.is_empty() {
            true => Ok(()),
            false => write!(f, "; named by {}", users.join(" and ")),
        }
    }
}

impl fmt::Debug for PlannedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedSecret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The first few of a list, and how many more there are.
pub(super) fn some(list: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = list.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
