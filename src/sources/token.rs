//! What a token is fetched with.

use std::collections::BTreeMap;

use crate::config::{SecretKey, TokenSource};
use crate::credentials::{Hidden, content_mark};

/// What a token is fetched with: the settings of an entry, and the values of the Secrets that they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The settings.
    pub source: TokenSource,
    values: BTreeMap<SecretKey, Hidden>,
    mark: String,
}

impl TokenRequest {
    /// Takes the values of the keys that the settings name.
    ///
    /// # Errors
    /// Why one of them cannot be had. No value is in it.
    pub(super) fn new<'a>(
        source: &TokenSource,
        value: impl Fn(&SecretKey) -> Result<&'a [u8], String>,
    ) -> Result<Self, String> {
        let keys = source.keys().into_iter();
        let values = keys.map(|key| Ok((key.clone(), Hidden::new(value(key)?))));
        let values: BTreeMap<_, _> = values.collect::<Result<_, String>>()?;
        let mark = mark(source, values.values());
        Ok(Self { source: source.clone(), values, mark })
    }

    /// A value, without the newline that an editor puts at its end; empty for a key that the settings do not
    /// name.
    pub fn value(&self, key: &SecretKey) -> &[u8] {
        self.values.get(key).map_or(&[], Hidden::expose)
    }

    /// A mark of the settings and the values: with others a new token is fetched at once, and entries with the
    /// same ones share a token.
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

fn mark<'a>(source: &TokenSource, values: impl Iterator<Item = &'a Hidden>) -> String {
    let mut all = format!("{source:?}").into_bytes();
    for value in values.map(Hidden::expose) {
        all.extend_from_slice(&value.len().to_le_bytes());
        all.extend_from_slice(value);
    }
    content_mark("token", &all)
}
