//! The entries that stand for Secrets shared by label, as the controller publishes them.

use crate::config::{Entry, SharedSecrets};

/// What was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Offered {
    /// There is no such ConfigMap.
    Absent,
    /// What is published; nothing if it never was.
    Published(Option<String>),
}

/// The last good ones.
#[derive(Debug, Default)]
pub struct SharedEntries {
    entries: Vec<Entry>,
    last: Option<Offered>,
    is_known: bool,
}

impl SharedEntries {
    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether anything was offered, or could not be had.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// It cannot be had: what there is, is all for now.
    pub fn failed(&mut self) {
        self.is_known = true;
    }

    /// Takes what is offered; nothing comes of what was offered last.
    ///
    /// # Errors
    /// Why it cannot be used; the last good ones stay. (Where nothing is shared any more, that is said.)
    pub fn take(&mut self, offered: Offered) -> Option<Result<(), String>> {
        self.is_known = true;
        if self.last.as_ref() == Some(&offered) {
            return None;
        }
        let entries = match &offered {
            Offered::Absent if !self.entries.is_empty() => {
                Err("the ConfigMap does not exist; apply the manifests again, which make it".into())
            }
            Offered::Published(None) if !self.entries.is_empty() => {
                Err("the ConfigMap holds nothing; the controller writes it anew".into())
            }
            Offered::Absent | Offered::Published(None) => Ok(Vec::new()),
            Offered::Published(Some(text)) => SharedSecrets::parse(text)
                .and_then(|shared| shared.entries())
                .map_err(|error| error.brief()),
        };
        self.last = Some(offered);
        Some(entries.map(|entries| self.entries = entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SharedSecret;

    fn published(names: &[&str]) -> Offered {
        let one = |name: &&str| SharedSecret::new(name, [format!("{name}.example/*")], None);
        let text = SharedSecrets::new(names.iter().map(one).collect()).to_yaml().unwrap();
        Offered::Published(Some(text))
    }

    fn names(shared: &SharedEntries) -> Vec<&str> {
        shared.entries().iter().map(|entry| &*entry.name).collect()
    }

    #[test]
    fn the_last_good_ones_stay_and_each_fault_is_told_once() {
        let mut shared = SharedEntries::default();
        assert!(!shared.is_known());
        assert_eq!(shared.take(Offered::Absent), Some(Ok(())));
        assert!(shared.is_known());
        assert_eq!(shared.take(Offered::Published(None)), Some(Ok(())));
        assert_eq!(shared.take(published(&["a", "b"])), Some(Ok(())));
        assert_eq!(shared.take(published(&["a", "b"])), None);
        for (bad, reason) in [
            (|| Offered::Absent, "does not exist"),
            (|| Offered::Published(None), "holds nothing"),
            (|| Offered::Published(Some("a: b".into())), "unknown field"),
        ] as [(fn() -> Offered, &str); 3]
        {
            let refused = shared.take(bad()).and_then(Result::err);
            assert!(refused.is_some_and(|text| text.contains(reason)), "{reason}");
            assert_eq!(shared.take(bad()), None, "{reason}");
            assert_eq!(names(&shared), ["shared:a", "shared:b"], "{reason}");
        }
        assert_eq!(shared.take(published(&["b"])), Some(Ok(())));
        assert_eq!(names(&shared), ["shared:b"]);
        assert_eq!(shared.take(published(&[])), Some(Ok(())));
        assert_eq!(names(&shared), Vec::<&str>::new());
    }
}
