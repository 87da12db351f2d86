//! What a decision on a namespace has brought to light.

use super::queue::Key;

/// Copies of one namespace.
#[derive(Debug, Default)]
pub struct Due {
    /// That there is work on.
    pub work: Vec<Key>,
    /// That are there, and to be put right.
    pub updates: Vec<Key>,
    /// Where a Secret that is not ours has the name, which is news.
    pub in_the_way: Vec<Key>,
    /// Where one was met: to be tried again, if that is not to come anyway.
    pub looks: Vec<Key>,
}

impl Due {
    /// Whether something is to be done about a copy.
    pub fn has(&self, key: &Key) -> bool {
        [&self.work, &self.updates, &self.looks].into_iter().any(|keys| keys.contains(key))
    }
}
