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
        Ok(Self { source: source.clone(), values: values.collect::<Result<_, String>>()? })
    }

    /// A value, without the newline that an editor puts at its end; empty for a key that the settings do not
    /// name.
    pub fn value(&self, key: &SecretKey) -> &[u8] {
        self.values.get(key).map_or(&[], Hidden::expose)
    }

    /// A mark of the values: with others a new token is fetched at once.
    pub fn made_from(&self) -> String {
        let mut all = Vec::new();
        for value in self.values.values().map(Hidden::expose) {
            all.extend_from_slice(&value.len().to_le_bytes());
            all.extend_from_slice(value);
        }
        content_mark("token", &all)
    }
}
