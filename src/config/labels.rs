//! The labels of an object, held in little memory: the webhook knows those of every namespace.

use std::collections::BTreeMap;

/// The labels of an object, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a label, if the object has it.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }
}

impl<K: Into<Box<str>> + Ord, V: Into<Box<str>>> FromIterator<(K, V)> for Labels {
    /// Of a key that comes twice, the last value counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(labels: I) -> Self {
        let sorted = labels.into_iter().collect::<BTreeMap<K, V>>();
        Self(sorted.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl From<&BTreeMap<String, String>> for Labels {
    fn from(labels: &BTreeMap<String, String>) -> Self {
        labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_their_key_in_whatever_order_they_come() {
        let labels: Labels =
            [("tier", "paid"), ("app", "web"), ("tier", "free")].into_iter().collect();
        assert_eq!((labels.get("app"), labels.get("tier")), (Some("web"), Some("free")));
        assert_eq!((labels.get("ap"), labels.get("tie"), labels.get("zone")), (None, None, None));
        assert_eq!(Labels::new().get("app"), None);
    }
}
