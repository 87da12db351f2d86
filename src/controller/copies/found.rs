//! The Secrets under the label of copies, as the watch and our own requests have shown them. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::copy::Copy;
use super::queue::Key;

/// By namespace and name.
#[derive(Debug, Default)]
pub struct Found(HashMap<Arc<str>, BTreeMap<Arc<str>, Copy>>);

impl Found {
    /// There is this one.
    pub fn insert(&mut self, key: &Key, copy: Copy) {
        let copies = self.0.entry(Arc::clone(&key.namespace)).or_default();
        copies.insert(Arc::clone(&key.name), copy);
    }

    /// What is there.
    pub fn get(&self, key: &Key) -> Option<&Copy> {
        self.0.get(&key.namespace)?.get(&key.name)
    }

    /// The names of a namespace.
    pub fn names(&self, namespace: &str) -> impl Iterator<Item = &Arc<str>> {
        self.0.get(namespace).into_iter().flat_map(BTreeMap::keys)
    }

    /// There is none.
    pub fn remove(&mut self, key: &Key) {
        if let Some(copies) = self.0.get_mut(&key.namespace) {
            copies.remove(&key.name);
            if copies.is_empty() {
                self.0.remove(&key.namespace);
            }
        }
    }

    /// Nor any in a namespace.
    pub fn remove_namespace(&mut self, namespace: &str) {
        self.0.remove(namespace);
    }

    /// Forgets other namespaces.
    pub fn keep_namespaces(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|namespace, _| is_kept(namespace));
    }

    /// Forgets, and gives, what is not listed.
    pub fn keep(&mut self, listed: &HashSet<Key>) -> Vec<Key> {
        let mut gone = Vec::new();
        for (namespace, copies) in &mut self.0 {
            copies.retain(|name, _| {
                let key = Key { namespace: Arc::clone(namespace), name: Arc::clone(name) };
                let is_kept = listed.contains(&key);
                if !is_kept {
                    gone.push(key);
                }
                is_kept
            });
        }
        self.0.retain(|_, copies| !copies.is_empty());
        gone
    }
}
