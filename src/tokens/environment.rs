//! Environment variables by which a cluster gives the controller an identity.

use std::collections::BTreeMap;

/// Where the variables are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environment {
    /// In the process, anew each time.
    OfProcess,
    /// In a table.
    Given(BTreeMap<String, String>),
}

impl Environment {
    /// The value, if there is one: an empty one is none.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match self {
            Self::OfProcess => std::env::var(name).ok(),
            Self::Given(variables) => variables.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }
}
