//! The key of an `auths` entry: a registry, as somebody wrote it.

use super::keyring;
use std::fmt;

/// Longest text of a key in a message, in characters.
const MAX_SHOWN: usize = 200;

/// A key of `auths`. It may be shown: a user name and password before an `@`, a query and a
/// fragment are left out of `Display` and `Debug`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryKey(Box<[u8]>);

impl RegistryKey {
    /// A key as written.
    pub fn new(written: impl Into<Box<[u8]>>) -> Self {
        Self(written.into())
    }

    /// As the kubelet compares it: host, port and path, without a scheme, and without `/v1/` or `/v2/`
    /// before the path. `None` where the kubelet ignores the key.
    pub fn normalized(&self) -> Option<String> {
        keyring::normalize(self).and_then(|name| String::from_utf8(name).ok())
    }

    /// The key to the letter, which is not for any message.
    pub(crate) fn as_written(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RegistryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.0);
        let end = text.find(['?', '#']).unwrap_or(text.len());
        match text.rfind('@') {
            None => write_visible(f, &text[..end]),
            // A password may hold any of `/?#`: what comes before the last `@` is not shown.
            Some(at) if at < end => {
                f.write_str("<redacted>@")?;
                write_visible(f, &text[at + 1..end])
            }
            Some(_) => f.write_str("<redacted>"),
        }
    }
}

impl fmt::Debug for RegistryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryKey({self})")
    }
}

/// Writes a name on one line, however it was written, and no longer than a message bears.
pub(super) fn write_visible(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    for c in name.chars().take(MAX_SHOWN) {
        write!(f, "{}", c.escape_debug())?;
    }
    match name.chars().nth(MAX_SHOWN) {
        Some(_) => f.write_str("..."),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("gcr.io/team", "gcr.io/team")]
    #[case("https://index.docker.io/v1/", "https://index.docker.io/v1/")]
    #[case("https://robot:hunter2@gcr.io/team", "<redacted>@gcr.io/team")]
    #[case("robot:hun/ter2@gcr.io", "<redacted>@gcr.io")]
    #[case("robot:hunt#er2@gcr.io", "<redacted>")]
    #[case("robot:hunter2@gcr.io?token=hunter2", "<redacted>@gcr.io")]
    #[case("gcr.io?token=a@hunter2", "<redacted>")]
    #[case("gcr.io/p?token=hunter2", "gcr.io/p")]
    #[case("gcr.io/p#hunter2", "gcr.io/p")]
    #[case("gcr.io\nforged: line", "gcr.io\\nforged: line")]
    #[case("", "")]
    fn fault_51_a_key_is_shown_without_what_may_be_secret(#[case] key: &str, #[case] shown: &str) {
        let key = RegistryKey::new(key.as_bytes());
        assert_eq!(key.to_string(), shown);
        assert_eq!(format!("{key:?}"), format!("RegistryKey({shown})"));
    }

    #[test]
    fn a_long_key_is_cut() {
        let shown = RegistryKey::new("ä".repeat(5_000).into_bytes()).to_string();
        assert_eq!(shown, format!("{}...", "ä".repeat(MAX_SHOWN)));
    }
}
