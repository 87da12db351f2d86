//! Which copies are to be worked on, each at most once at a time, and when. Pure: time comes as an
//! argument.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::decision::Decision;
use super::later::Later;
use crate::cluster::chance::backoff;

/// The first wait after a failure; it doubles.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// One copy: its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name of the pull secret.
    pub name: Arc<str>,
}

/// The work that is due, and the work that is due later.
#[derive(Debug, Default)]
pub struct Queue {
    /// Worked on before `due`.
    first: VecDeque<(Key, Instant)>,
    due: VecDeque<(Key, Instant)>,
    /// Those in either.
    queued: HashSet<Key>,
    /// Those handed out.
    running: HashMap<Key, Running>,
    /// Each at one time alone, whatever asks for it: what looks again after a while would do so ever
    /// more often.
    later: Later,
    failures: BTreeMap<Key, Failures>,
}

#[derive(Debug, Default)]
struct Running {
    /// Whether it is due again.
    again: bool,
    decision: Option<Decision>,
}

#[derive(Debug, Default)]
struct Failures {
    /// How many in a row.
    count: u32,
    /// What failed the last time.
    decision: Option<Decision>,
}

impl Queue {
    /// Makes a copy due now.
    pub fn add(&mut self, key: Key, now: Instant) {
        if self.is_new(&key) {
            self.due.push_back((key, now));
        }
    }

    /// The same, before all that were added otherwise: where they are many, they take a while.
    pub fn add_first(&mut self, key: Key, now: Instant) {
        if self.is_new(&key) {
            self.first.push_back((key, now));
        }
    }

    /// Makes a copy due then, instead of any other time to come.
    pub fn add_later(&mut self, key: &Key, at: Instant) {
        self.later.set(key, at);
    }

    /// Whether a copy is worked on, or is due now or later.
    pub fn has(&self, key: &Key) -> bool {
        self.queued.contains(key) || self.running.contains_key(key) || self.later.has(key)
    }

    fn is_new(&mut self, key: &Key) -> bool {
        if let Some(running) = self.running.get_mut(key) {
            running.again = true;
            return false;
        }
        self.queued.insert(key.clone())
    }

    /// Whether there is one to be worked on.
    pub fn is_due(&self, now: Instant) -> bool {
        let is_empty = self.first.is_empty() && self.due.is_empty();
        !is_empty || self.next_retry().is_some_and(|retry| retry <= now)
    }

    /// The next copy to be worked on.
    pub fn next(&mut self, now: Instant) -> Option<Key> {
        while let Some((at, key)) = self.later.pop(now) {
            self.add(key, at);
        }
        let (key, _) = self.first.pop_front().or_else(|| self.due.pop_front())?;
        self.queued.remove(&key);
        self.later.remove(&key);
        self.running.insert(key.clone(), Running::default());
        Some(key)
    }

    /// This is what is being done about a copy that was handed out.
    pub fn begun(&mut self, key: &Key, decision: Decision) {
        if let Some(running) = self.running.get_mut(key) {
            running.decision = Some(decision);
        }
    }

    /// What failed the last time, and is tried again without being asked for.
    pub fn failed_with(&self, key: &Key) -> Option<&Decision> {
        self.failures.get(key)?.decision.as_ref().filter(|_| self.has(key))
    }

    /// Forgets the failures of a namespace where there is nothing to do any more.
    pub fn forget_failures(&mut self, namespace: &Arc<str>, is_due: impl Fn(&Key) -> bool) {
        if self.failures.is_empty() {
            return;
        }
        let first = Key { namespace: Arc::clone(namespace), name: "".into() };
        let there = self.failures.range(first..).map(|(key, _)| key);
        let there = there.take_while(|key| key.namespace == *namespace);
        let over: Vec<Key> = there.filter(|key| !is_due(key)).cloned().collect();
        for key in over {
            self.failures.remove(&key);
            self.later.remove(&key);
        }
    }

    /// A copy was worked on, with success.
    pub fn done(&mut self, key: &Key, now: Instant) {
        self.failures.remove(key);
        if self.running.remove(key).is_some_and(|running| running.again) {
            self.add(key.clone(), now);
        }
    }

    /// It failed. It is tried again after a while: longer each time, and not at the same moment as
    /// others. `chance` is any number from 0 to 1.
    pub fn failed(&mut self, key: &Key, now: Instant, chance: f64) {
        let running = self.running.remove(key).unwrap_or_default();
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = backoff(FIRST_RETRY, LONGEST_RETRY, failures.count, chance);
        failures.count += 1;
        failures.decision = running.decision;
        // What was asked for meanwhile waits as well: it may be what makes it fail.
        self.later.set(key, now + pause);
    }

    /// There is nothing to do but to look again after a while.
    pub fn defer(&mut self, key: &Key, now: Instant, pause: Duration) {
        self.done(key, now);
        self.later.set(key, now + pause);
    }

    /// When the next copy is to be tried, or looked at, again.
    pub fn next_retry(&self) -> Option<Instant> {
        self.later.next()
    }

    /// How long the oldest one has been due.
    pub fn lag(&self, now: Instant) -> Duration {
        let oldest = [&self.first, &self.due].into_iter().filter_map(VecDeque::front);
        let lags = oldest.map(|(_, since)| now.saturating_duration_since(*since));
        lags.max().unwrap_or_default()
    }

    /// How many failed the last time.
    pub fn failed_count(&self) -> usize {
        self.failures.len()
    }

    /// Whether nothing is due, or failed.
    pub fn is_idle(&self) -> bool {
        self.queued.is_empty() && self.running.is_empty() && self.failures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: "a".into(), name: name.into() }
    }

    #[test]
    fn each_is_worked_on_once_at_a_time_and_again_if_it_changed_meanwhile() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for name in ["a", "b", "a"] {
            queue.add(key(name), now);
        }
        assert_eq!((queue.next(now), queue.next(now)), (Some(key("a")), Some(key("b"))));
        assert_eq!(queue.next(now), None);
        queue.add(key("a"), now);
        queue.add(key("a"), now);
        assert_eq!(queue.next(now), None, "it is being worked on");
        queue.done(&key("a"), now);
        queue.done(&key("b"), now);
        assert_eq!((queue.next(now), queue.next(now)), (Some(key("a")), None));
        queue.done(&key("a"), now);
        assert!(queue.is_idle());
    }

    #[test]
    fn what_comes_first_waits_for_none_of_the_many() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let later = start + Duration::from_secs(3);
        queue.add(key("many-1"), start);
        queue.add(key("many-2"), start);
        queue.add_first(key("first-1"), later);
        queue.add_first(key("first-2"), later);
        queue.add_first(key("first-1"), later);
        assert_eq!(queue.lag(later), Duration::from_secs(3), "that of the oldest");
        for name in ["first-1", "first-2", "many-1", "many-2"] {
            assert!(queue.is_due(later) && !queue.is_idle());
            assert_eq!(queue.next(later), Some(key(name)));
            queue.done(&key(name), later);
        }
        assert!(!queue.is_due(later) && queue.is_idle());
    }

    #[test]
    fn fault_39_what_fails_is_tried_again_later_each_time_and_not_all_at_once() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let mut now = start;
        let mut pauses = Vec::new();
        queue.add(key("a"), now);
        for _ in 0..14 {
            assert_eq!(queue.next(now), Some(key("a")));
            queue.add(key("a"), now);
            queue.failed(&key("a"), now, 1.0);
            assert_eq!((queue.next(now), queue.failed_count()), (None, 1));
            let retry = queue.next_retry().unwrap();
            pauses.push(retry - now);
            now = retry;
        }
        assert!(pauses.is_sorted() && pauses[0] == FIRST_RETRY && pauses[13] == LONGEST_RETRY);
        assert_eq!(queue.next(now), Some(key("a")));
        queue.failed(&key("a"), now, 0.0);
        assert_eq!(queue.next_retry().unwrap() - now, LONGEST_RETRY / 2);
        now += LONGEST_RETRY;
        assert_eq!(queue.next(now), Some(key("a")));
        queue.done(&key("a"), now);
        assert!(queue.is_idle() && queue.failed_count() == 0);
    }

    #[test]
    fn a_copy_waits_for_one_time_whoever_asks() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let pause = Duration::from_secs(20);
        let mut now = start;
        // Asked for again and again, each time to be looked at again.
        for _ in 0..20 {
            queue.add_first(key("a"), now);
            assert_eq!(queue.next(now), Some(key("a")));
            queue.defer(&key("a"), now, pause);
            now += Duration::from_secs(1);
        }
        queue.add_later(&key("a"), now + pause);
        let (end, mut looks) = (now + pause * 3, 0);
        while let Some(at) = queue.next_retry().filter(|at| *at <= end) {
            assert_eq!(queue.next(at), Some(key("a")));
            queue.defer(&key("a"), at, pause);
            looks += 1;
        }
        assert_eq!(looks, 3, "one each 20 s");
        assert!(queue.has(&key("a")) && !queue.has(&key("b")));

        // One that was put off while it was worked on is not forgotten.
        let at = queue.next_retry().unwrap();
        assert_eq!(queue.next(at), Some(key("a")));
        queue.add_later(&key("a"), at + pause);
        queue.done(&key("a"), at);
        assert_eq!(queue.next_retry(), Some(at + pause));
    }

    #[test]
    fn failures_are_forgotten_with_the_work_that_failed() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let other = Key { namespace: "b".into(), name: "a".into() };
        for key in [key("a"), key("b"), other.clone()] {
            queue.add(key.clone(), now);
            assert_eq!(queue.next(now), Some(key.clone()));
            queue.begun(&key, Decision::Delete);
            queue.failed(&key, now, 1.0);
            assert_eq!(queue.failed_with(&key), Some(&Decision::Delete));
        }
        queue.forget_failures(&"a".into(), |key| *key.name == *"b");
        assert_eq!((queue.failed_with(&key("a")), queue.has(&key("a"))), (None, false));
        assert!(queue.failed_with(&key("b")).is_some() && queue.failed_with(&other).is_some());
        assert_eq!(queue.failed_count(), 2);
    }
}
