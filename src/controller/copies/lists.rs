//! Which complete lists there were, by which it shows what is gone. No I/O.

use std::collections::HashSet;
use std::hash::Hash;

use super::queue::Key;

/// The lists of the three watches of many objects.
#[derive(Default)]
pub struct Lists {
    /// Of Namespaces.
    pub namespaces: List<Box<str>>,
    /// Of Secrets of our own namespace.
    pub sources: List<Box<str>>,
    /// Of copies.
    pub copies: List<Key>,
}

impl Lists {
    /// Whether each was complete once: what is not listed yet would look absent.
    pub fn are_complete(&self) -> bool {
        let Self { namespaces, sources, copies } = self;
        namespaces.is_complete && sources.is_complete && copies.is_complete
    }
}

/// What a complete list had so far.
pub struct List<T> {
    names: Option<HashSet<T>>,
    is_complete: bool,
}

impl<T: Eq + Hash> List<T> {
    /// One begins.
    pub fn begin(&mut self) {
        self.names = Some(HashSet::new());
    }

    /// Something is listed; or was made, and may not be listed any more.
    pub fn add(&mut self, name: T) {
        if let Some(names) = &mut self.names {
            names.insert(name);
        }
    }

    /// It is complete; gives what it had.
    pub fn end(&mut self) -> HashSet<T> {
        self.is_complete = true;
        self.names.take().unwrap_or_default()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { names: None, is_complete: false }
    }
}
