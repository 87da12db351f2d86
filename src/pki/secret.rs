//! A private key in PEM that no log can show.

use std::fmt;

/// A private key in PEM. Its `Debug` is `<redacted>`, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretPem(String);

impl SecretPem {
    /// Wraps a private key in PEM.
    pub fn new(pem: String) -> Self {
        Self(pem)
    }

    /// The PEM text, for the one place that writes or loads it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}
