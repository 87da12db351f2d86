//! What many copies have in common is kept once: in each of 10,000 namespaces the names are the same. No
//! I/O.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use super::copy::{Copy, Wanted};
use super::queue::Key;
use super::wanted::WantedCopies;

/// All that is kept once.
#[derive(Debug, Default)]
pub struct Once {
    texts: HashSet<Arc<str>>,
    wanted: HashSet<Arc<Wanted>>,
}

impl Once {
    /// The one text of those that are equal to it.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        match self.texts.get(text) {
            Some(kept) => Arc::clone(kept),
            None => one(&mut self.texts, text.into()),
        }
    }

    /// The key of a copy.
    pub fn key(&mut self, namespace: &str, name: &str) -> Key {
        Key { namespace: self.text(namespace), name: self.text(name) }
    }

    /// The same copy, made of what is kept.
    pub fn copy(&mut self, mut copy: Copy) -> Copy {
        copy.mark = copy.mark.map(|mark| one(&mut self.texts, mark));
        copy.wanted = copy.wanted.map(|wanted| one(&mut self.wanted, wanted));
        copy
    }

    /// The same for what a namespace is to have.
    pub fn wanted(&mut self, wanted: WantedCopies) -> WantedCopies {
        let kept = |(name, wanted)| (one(&mut self.texts, name), one(&mut self.wanted, wanted));
        wanted.into_iter().map(kept).collect()
    }

    /// Forgets what nobody has any more.
    pub fn forget_unused(&mut self) {
        self.texts.retain(|text| Arc::strong_count(text) > 1);
        self.wanted.retain(|wanted| Arc::strong_count(wanted) > 1);
    }
}

fn one<T: Eq + Hash + ?Sized>(kept: &mut HashSet<Arc<T>>, value: Arc<T>) -> Arc<T> {
    if let Some(kept) = kept.get(&value) {
        return Arc::clone(kept);
    }
    kept.insert(Arc::clone(&value));
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OnRemoval;

    fn wanted() -> Wanted {
        Wanted { entry: "a".into(), source: "b".into(), on_removal: OnRemoval::Delete }
    }

    #[test]
    fn equal_copies_have_their_parts_in_common_until_nobody_has_them() {
        let mut once = Once::default();
        let first = once.copy(Copy::marked("mark", Some(wanted())));
        let second = once.copy(Copy::marked("mark", Some(wanted())));
        let of = |copy: &Copy| (copy.mark.clone().unwrap(), copy.wanted.clone().unwrap());
        assert!(Arc::ptr_eq(&of(&first).0, &of(&second).0));
        assert!(Arc::ptr_eq(&of(&first).1, &of(&second).1));
        let name = once.text("a");
        let granted = once.wanted([("a".into(), Arc::new(wanted()))].into());
        let (granted_name, granted_copy) = granted.first_key_value().unwrap();
        assert!(Arc::ptr_eq(&name, granted_name) && Arc::ptr_eq(&of(&first).1, granted_copy));

        drop((second, granted));
        once.forget_unused();
        assert_eq!((once.texts.len(), once.wanted.len()), (2, 1));
        drop((first, name));
        once.forget_unused();
        assert_eq!((once.texts.len(), once.wanted.len()), (0, 0));
    }
}
