//! Where Secrets that are not ours were met under the name of a wanted copy. No I/O.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::queue::Key;

/// Their names, by namespace.
#[derive(Debug, Default)]
pub struct Foreign(HashMap<Arc<str>, BTreeSet<Arc<str>>>);

impl Foreign {
    /// One was met. Whether that is news.
    pub fn insert(&mut self, key: &Key) -> bool {
        self.0.entry(Arc::clone(&key.namespace)).or_default().insert(Arc::clone(&key.name))
    }

    /// Whether one was.
    pub fn contains(&self, key: &Key) -> bool {
        self.0.get(&key.namespace).is_some_and(|names| names.contains(&key.name))
    }

    /// There is none, as far as is known.
    pub fn remove(&mut self, key: &Key) {
        self.keep(&key.namespace, |name| *name != key.name);
    }

    /// Forgets the others of a namespace.
    pub fn keep(&mut self, namespace: &str, is_kept: impl Fn(&Arc<str>) -> bool) {
        if let Some(names) = self.0.get_mut(namespace) {
            names.retain(is_kept);
            if names.is_empty() {
                self.0.remove(namespace);
            }
        }
    }

    /// Forgets other namespaces.
    pub fn keep_namespaces(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|namespace, _| is_kept(namespace));
    }
}
