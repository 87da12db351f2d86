//! Copies that something else keeps undoing: put right at once a few times, then ever later. Pure: time
//! comes as an argument.

use std::collections::HashMap;
use std::time::Instant;

use super::queue::Key;
use crate::controller::contest::Contest;

/// The copies that were undone of late.
#[derive(Debug, Default)]
pub struct Contests(HashMap<Key, Contested>);

#[derive(Debug, Default)]
struct Contested {
    contest: Contest,
    /// It is put right then, and not before.
    until: Option<Instant>,
}

impl Contests {
    /// A copy was undone. Whether this is when that became a contest.
    pub fn undone(&mut self, key: &Key, now: Instant) -> bool {
        self.0.entry(key.clone()).or_default().contest.repaired(now)
    }

    /// When the copy is to be worked on: now, or later; none if that was said before.
    pub fn when(&mut self, key: &Key, now: Instant) -> Option<Instant> {
        let Some(contested) = self.0.get_mut(key) else { return Some(now) };
        if contested.until.is_some_and(|until| until > now) {
            return None;
        }
        let when = now + contested.contest.wait(now);
        contested.until = (when > now).then_some(when);
        Some(when)
    }

    /// How many there are.
    pub fn count(&self, now: Instant) -> usize {
        self.0.values().filter(|contested| contested.contest.is_on(now)).count()
    }

    /// Forgets what is over.
    pub fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, contested| !contested.contest.is_over(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn fault_41_what_is_undone_over_and_over_is_put_right_ever_later() {
        let (mut contests, start) = (Contests::default(), Instant::now());
        let key = Key { namespace: "a".into(), name: "pull".into() };
        let other = Key { namespace: "b".into(), name: "pull".into() };
        let mut begins = 0;
        for _ in 0..10 {
            assert_eq!(contests.when(&key, start), Some(start));
            begins += usize::from(contests.undone(&key, start));
        }
        assert_eq!((begins, contests.count(start)), (1, 1));
        let later = contests.when(&key, start).unwrap();
        assert!(later > start);
        assert_eq!(contests.when(&key, start), None, "it waits already");
        assert_eq!(contests.when(&other, start), Some(start), "others do not wait");
        assert_eq!(contests.when(&key, later), Some(later));

        contests.undone(&other, start);
        assert_eq!(contests.count(start), 1, "once is no contest");
        contests.forget_old(start + Duration::from_secs(600));
        assert!(contests.0.is_empty());
        assert_eq!(contests.when(&key, start), Some(start));
    }
}
