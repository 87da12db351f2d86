//! What is known of the cluster, and which copies it makes due. No I/O.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use kube::core::ObjectMeta;

use super::copy::{Copy, Wanted};
use super::decide::{Action, decide};
use super::due::Due;
use super::foreign::Foreign;
use super::found::Found;
use super::grants::Grants;
use super::job::{Grant, Job};
use super::once::Once;
use super::options::CopyOptions;
use super::queue::Key;
use super::wanted::{WantedCopies, wanted};
use crate::config::Labels;
use crate::sources::Content;

/// All that is known.
#[derive(Default)]
pub struct State {
    own_namespace: String,
    /// The entries in force, and the sources.
    pub grants: Grants,
    namespaces: HashMap<Arc<str>, Namespace>,
    copies: Found,
    /// Secrets that are not ours where a copy is wanted, as they were met.
    foreign: Foreign,
    /// What they have in common.
    pub once: Once,
}

struct Namespace {
    labels: Labels,
    is_terminating: bool,
    wanted: WantedCopies,
}

impl State {
    /// Nothing is known yet.
    pub fn new(options: &CopyOptions) -> Self {
        let grants = Grants::new(options.shared_grace);
        Self { own_namespace: options.namespace.clone(), grants, ..Self::default() }
    }

    /// Takes a namespace as it is now. What it is to have stays until it is decided on anew.
    pub fn set_namespace(&mut self, name: &str, metadata: ObjectMeta) {
        let wanted = self.namespaces.remove(name).map(|before| before.wanted).unwrap_or_default();
        let namespace = Namespace {
            labels: metadata.labels.into_iter().flatten().collect(),
            is_terminating: metadata.deletion_timestamp.is_some(),
            wanted,
        };
        self.namespaces.insert(self.once.text(name), namespace);
    }

    /// A namespace is gone, with all in it.
    pub fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
        self.copies.remove_namespace(name);
        self.foreign.keep(name, |_| false);
    }

    /// Takes a Secret under the label of copies, and says whether this version is new. One of our own
    /// namespace is never a copy.
    pub fn set_copy(&mut self, key: &Key, copy: Copy) -> bool {
        if *key.namespace == *self.own_namespace {
            return false;
        }
        if copy.is_ours() {
            self.foreign.remove(key);
        }
        // Of the same version more may be known than its metadata says.
        let is_new = self.copies.get(key).is_none_or(|known| known.version != copy.version);
        if is_new {
            self.copies.insert(key, self.once.copy(copy));
        }
        is_new
    }

    /// Takes a copy that was looked at, or written, just now.
    pub fn confirm_copy(&mut self, key: &Key, copy: Copy) {
        self.foreign.remove(key);
        self.copies.insert(key, self.once.copy(copy));
    }

    /// There is none.
    pub fn remove_copy(&mut self, key: &Key) {
        self.foreign.remove(key);
        self.copies.remove(key);
    }

    /// A Secret that is not ours has the name. Whether that is news.
    pub fn set_foreign(&mut self, key: &Key) -> bool {
        let is_news = !self.foreign.contains(key);
        self.remove_copy(key);
        // What is not wanted is in nobody's way.
        self.wanted(key).is_some() && self.foreign.insert(key) && is_news
    }

    /// Forgets what complete lists do not have.
    pub fn keep_namespaces(&mut self, listed: &HashSet<Box<str>>) {
        self.namespaces.retain(|name, _| listed.contains(&**name));
        self.copies.keep_namespaces(|namespace| listed.contains(namespace));
        self.foreign.keep_namespaces(|namespace| listed.contains(namespace));
    }

    /// The same for copies.
    pub fn keep_copies(&mut self, listed: &HashSet<Key>) {
        for key in self.copies.keep(listed) {
            self.foreign.remove(&key);
        }
        self.once.forget_unused();
    }

    /// Every namespace.
    pub fn namespaces(&self) -> Vec<Arc<str>> {
        self.namespaces.keys().cloned().collect()
    }

    /// The labels of a namespace; none if it is not known, or goes.
    pub fn labels(&self, namespace: &str) -> Option<&Labels> {
        let found = self.namespaces.get(namespace).filter(|found| !found.is_terminating);
        found.map(|found| &found.labels)
    }

    /// Decides anew what a namespace is to have.
    pub fn recheck(&mut self, name: &Arc<str>) -> Due {
        let mut due = Due::default();
        let (Some(config), Some(namespace)) = (self.grants.config(), self.namespaces.get_mut(name))
        else {
            return due;
        };
        // What is in it goes with it.
        if namespace.is_terminating {
            namespace.wanted = WantedCopies::new();
            self.foreign.keep(name, |_| false);
            return due;
        }
        let wanted =
            wanted(config, self.grants.sources(), &self.own_namespace, name, &namespace.labels);
        namespace.wanted = self.once.wanted(wanted);
        // Once it is wanted again, there may be room.
        self.foreign.keep(name, |copy| namespace.wanted.contains_key(copy));
        let there = self.copies.names(name);
        let names: BTreeSet<_> = namespace.wanted.keys().chain(there).cloned().collect();
        let keys = names.into_iter().map(|copy| Key { namespace: name.clone(), name: copy });
        for key in keys {
            match self.action(&key) {
                Action::Update(_) => due.updates.push(key),
                action if action.is_work() => due.work.push(key),
                Action::Foreign if matches!(self.decide(&key), Action::Create(_)) => {
                    due.looks.push(key);
                }
                Action::Foreign if self.wanted(&key).is_some() => due.in_the_way.push(key),
                _ => {}
            }
        }
        due.in_the_way.retain(|key| self.foreign.insert(key));
        due
    }

    /// What is to be done about a copy that is due, by what is known now; none if nothing is. Where a
    /// Secret was in the way the copy is tried again.
    pub fn job(&self, key: &Key) -> Option<Job> {
        let grant = |content: &Content| {
            let wanted = self.wanted(key)?.clone();
            let share = self.grants.sources().share(&wanted.source).cloned();
            let basis = self.grants.basis().clone();
            Some(Grant {
                share,
                basis,
                wanted,
                content: content.clone(),
                config: Arc::clone(self.grants.config()?),
            })
        };
        match self.decide(key) {
            Action::Create(content) => Some(Job::Create(grant(content)?)),
            Action::Update(content) => Some(Job::Update(grant(content)?)),
            Action::Delete => Some(Job::Delete(Arc::clone(self.grants.config()?))),
            _ => None,
        }
    }

    /// What is the matter with a copy, by what is known now.
    pub fn action(&self, key: &Key) -> Action<'_> {
        match self.decide(key) {
            Action::Create(_) if self.foreign.contains(key) => Action::Foreign,
            action => action,
        }
    }

    fn decide(&self, key: &Key) -> Action<'_> {
        if self.grants.config().is_none()
            || self.namespaces.get(&key.namespace).is_none_or(|n| n.is_terminating)
        {
            return Action::Absent;
        }
        let found = self.copies.get(key);
        let wanted = self.wanted(key);
        let source = wanted.and_then(|wanted| self.grants.sources().get(&wanted.source));
        decide(wanted, source, found)
    }

    /// What is wanted of a copy.
    pub fn wanted(&self, key: &Key) -> Option<&Wanted> {
        self.namespaces.get(&key.namespace)?.wanted.get(&key.name).map(Arc::as_ref)
    }

    /// Whether a copy is to be made.
    pub fn is_absent(&self, key: &Key) -> bool {
        matches!(self.action(key), Action::Create(_))
    }

    /// Goes through all copies that are wanted or there: what is wanted, what there is, and what is the
    /// matter with it.
    pub fn each(&self, mut look: impl FnMut(&Key, Option<&Wanted>, Option<&Copy>, &Action<'_>)) {
        for (name, namespace) in &self.namespaces {
            let there = self.copies.names(name);
            let unwanted = there.filter(|copy| !namespace.wanted.contains_key(*copy));
            for copy in namespace.wanted.keys().chain(unwanted) {
                let key = Key { namespace: name.clone(), name: copy.clone() };
                let found = self.copies.get(&key);
                look(&key, namespace.wanted.get(copy).map(Arc::as_ref), found, &self.action(&key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::controller::copies::counts::Counts;
    use serde_json::json;

    fn namespace(state: &mut State, name: &str, metadata: &serde_json::Value) -> Due {
        state.set_namespace(name, serde_json::from_value(metadata.clone()).unwrap());
        state.recheck(&name.into())
    }

    fn key(namespace: &str) -> Key {
        Key { namespace: namespace.into(), name: "a".into() }
    }

    fn copy(state: &State, is_ours: bool) -> Copy {
        let on_removal = config::OnRemoval::Delete;
        let wanted = Wanted { entry: "a".into(), source: "source".into(), on_removal };
        let mark = state.grants.sources().content("source").unwrap().mark();
        Copy::marked(mark, is_ours.then_some(wanted))
    }

    #[test]
    fn a_copy_is_due_until_it_is_in_place_and_again_when_it_is_gone() {
        let mut state = State::of_teams();
        let due = namespace(&mut state, "team-a", &json!({}));
        assert_eq!(due.work, [key("team-a")]);
        assert!(matches!(state.job(&key("team-a")), Some(Job::Create(_))));
        state.confirm_copy(&key("team-a"), copy(&state, true));
        assert_eq!(state.recheck(&"team-a".into()).work, []);
        assert_eq!(Counts::of(&state), Counts { wanted: 1, in_place: 1, ..Counts::default() });
        state.set_namespace("team-a", ObjectMeta::default());
        assert!(state.job(&key("team-a")).is_none(), "not decided on anew yet");
        state.remove_copy(&key("team-a"));
        assert_eq!(state.recheck(&"team-a".into()).work, [key("team-a")]);
    }

    #[test]
    fn fault_44_a_secret_in_the_way_is_told_once_and_tried_again_when_it_is_due() {
        let mut state = State::of_teams();
        namespace(&mut state, "team-a", &json!({}));
        assert!(state.set_foreign(&key("team-a")));
        assert!(!state.set_foreign(&key("team-a")));
        let due = state.recheck(&"team-a".into());
        assert_eq!((due.work, due.in_the_way), (vec![], vec![]));
        assert!(matches!(state.job(&key("team-a")), Some(Job::Create(_))));
        assert_eq!(Counts::of(&state).foreign, 1);

        // One that carries our label is told of by the watch.
        namespace(&mut state, "team-b", &json!({}));
        state.set_copy(&key("team-b"), copy(&state, false));
        assert_eq!(state.recheck(&"team-b".into()).in_the_way, [key("team-b")]);
        assert_eq!(state.recheck(&"team-b".into()).in_the_way, []);
        assert!(state.job(&key("team-b")).is_none());
    }

    #[test]
    fn a_secret_that_was_in_the_way_is_forgotten_when_nothing_is_wanted_there() {
        let mut state = State::of_teams();
        let (name, disabled) = ("team-a", json!({"labels": {"pullpass.io/inject": "disabled"}}));
        let forgotten: [fn(&mut State, &serde_json::Value); 4] = [
            |state, disabled| assert_eq!(namespace(state, "team-a", disabled).looks, []),
            |state, _| state.keep_namespaces(&HashSet::new()),
            |state, _| {
                state.set_copy(&key("team-a"), copy(state, false));
                state.keep_copies(&HashSet::new());
            },
            // A copy that is not granted any more is looked at, and not ours.
            |state, disabled| {
                namespace(state, "team-a", disabled);
                assert!(!state.set_foreign(&key("team-a")));
            },
        ];
        for (number, forget) in forgotten.iter().enumerate() {
            assert_eq!(namespace(&mut state, name, &json!({})).work, [key(name)], "{number}");
            assert!(state.set_foreign(&key(name)), "{number}: news");
            let due = state.recheck(&name.into());
            assert_eq!((due.work, due.looks), (vec![], vec![key(name)]), "{number}");
            forget(&mut state, &disabled);
            assert_eq!(Counts::of(&state).foreign, 0, "{number}");
        }
        assert_eq!(namespace(&mut state, name, &json!({})).work, [key(name)]);
    }

    #[test]
    fn fault_43_in_a_namespace_that_goes_nothing_is_due() {
        let mut state = State::of_teams();
        let going = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(namespace(&mut state, "team-a", &going).work, []);
        state.confirm_copy(&key("team-a"), copy(&state, true));
        assert_eq!(state.recheck(&"team-a".into()).work, []);
        assert!(state.job(&key("team-a")).is_none());
        state.remove_namespace("team-a");
        assert_eq!(namespace(&mut state, "team-a", &json!({})).work, [key("team-a")]);
    }

    #[test]
    fn fault_42_a_copy_in_our_own_namespace_is_none() {
        let mut state = State::of_teams();
        state.set_copy(&key("pullpass-system"), copy(&state, true));
        assert_eq!(namespace(&mut state, "pullpass-system", &json!({})).work, []);
        assert!(state.job(&key("pullpass-system")).is_none());
    }
}
