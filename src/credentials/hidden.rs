//! A user name or a password that no log can show.

use std::fmt;

/// A user name or a password. Its `Debug` is `<redacted>`, and it has no `Display`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(Box<[u8]>);

impl Hidden {
    /// Wraps the bytes.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for the one place that shows them to a registry.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}
