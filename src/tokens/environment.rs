//! The environment, as far as it names identities.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// The environment of the process, or another in its place.
#[derive(Debug, Clone, Default)]
pub struct Environment(Option<BTreeMap<String, OsString>>);

impl Environment {
    /// A variable.
    pub fn get(&self, name: &str) -> Option<OsString> {
        let value = match &self.0 {
            None => std::env::var_os(name),
            Some(variables) => variables.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// One that is text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.into_string().ok()
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(variables: T) -> Self {
        let owned = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(Some(owned.collect()))
    }
}
