//! Copies that something else keeps undoing: put right at once a few times, then ever later. Pure: time
//! comes as an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::queue::Key;
use crate::controller::contest::Contest;

/// The first pause of a contest; it doubles.
const FIRST: Duration = Duration::from_millis(100);
/// The longest. There may be as many contests as copies, which share one pace.
const LONGEST: Duration = Duration::from_mins(5);
/// After the pause and so long without a word a contest is over.
const CALM: Duration = Duration::from_mins(5);

/// The copies that were undone of late.
#[derive(Debug, Default)]
pub struct Contests(HashMap<Key, Contested>);

#[derive(Debug, Default)]
struct Contested {
    /// Whether it becomes one.
    contest: Contest,
    /// How often it was put right, and undone again, since then.
    rounds: u32,
    /// It was undone then.
    last: Option<Instant>,
    /// It is put right then, and not before.
    until: Option<Instant>,
}

impl Contested {
    fn pause(&self) -> Duration {
        let Some(doubled) = self.rounds.checked_sub(1) else { return Duration::ZERO };
        FIRST.saturating_mul(1 << doubled.min(20)).min(LONGEST)
    }

    fn is_over(&self, now: Instant) -> bool {
        let calm = self.pause() + CALM;
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= calm)
    }

    fn undone(&mut self, now: Instant) -> bool {
        if self.is_over(now) {
            *self = Self::default();
        }
        self.contest.repaired(now);
        self.last = Some(now);
        let was_on = self.rounds > 0;
        // While it waits, nothing was put right that could be undone.
        let is_waiting = self.until.is_some_and(|until| until > now);
        if !is_waiting && (was_on || self.contest.is_on(now)) {
            self.rounds = self.rounds.saturating_add(1);
        }
        self.rounds > 0 && !was_on
    }
}

impl Contests {
    /// A copy was undone. Whether this is when that became a contest.
    pub fn undone(&mut self, key: &Key, now: Instant) -> bool {
        self.0.entry(key.clone()).or_default().undone(now)
    }

    /// When the copy is to be worked on: now, or later.
    pub fn when(&mut self, key: &Key, now: Instant) -> Instant {
        let Some(contested) = self.0.get_mut(key) else { return now };
        if let Some(until) = contested.until.filter(|until| *until > now) {
            return until;
        }
        let when = contested.last.map_or(now, |last| last + contested.pause()).max(now);
        contested.until = (when > now).then_some(when);
        when
    }

    /// How many there are.
    pub fn count(&self, now: Instant) -> usize {
        self.0.values().filter(|contested| contested.rounds > 0 && !contested.is_over(now)).count()
    }

    /// Forgets what is over.
    pub fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, contested| !contested.is_over(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_41_what_is_undone_over_and_over_is_put_right_ever_later() {
        let (mut contests, start) = (Contests::default(), Instant::now());
        let key = Key { namespace: "a".into(), name: "pull".into() };
        let other = Key { namespace: "b".into(), name: "pull".into() };
        let mut begins = 0;
        for _ in 0..10 {
            assert_eq!(contests.when(&key, start), start);
            begins += usize::from(contests.undone(&key, start));
        }
        assert_eq!((begins, contests.count(start)), (1, 1));
        let later = contests.when(&key, start);
        assert!(later > start);
        for _ in 0..5 {
            assert!(!contests.undone(&key, start), "told once");
            assert_eq!(contests.when(&key, start), later, "it waits already");
        }
        assert_eq!(contests.when(&other, start), start, "others do not wait");
        assert_eq!(contests.when(&key, later), later);

        contests.undone(&other, start);
        assert_eq!(contests.count(start), 1, "once is no contest");
        contests.forget_old(start + Duration::from_secs(600));
        assert!(contests.0.is_empty());
        assert_eq!(contests.when(&key, start), start);
    }

    #[test]
    fn a_contest_that_goes_on_takes_a_write_in_five_minutes() {
        let (mut contests, start) = (Contests::default(), Instant::now());
        let key = Key { namespace: "a".into(), name: "pull".into() };
        let (mut now, mut begins, mut pauses) = (start, 0, Vec::new());
        // Each time it is put right, it is undone at once.
        for _ in 0..60 {
            begins += usize::from(contests.undone(&key, now));
            contests.forget_old(now);
            let when = contests.when(&key, now);
            pauses.push(when - now);
            now = when;
        }
        assert_eq!((begins, contests.count(now)), (1, 1));
        assert!(pauses.is_sorted() && pauses[30] == LONGEST, "{pauses:?}");
        now += LONGEST + CALM;
        contests.forget_old(now);
        assert_eq!((contests.count(now), contests.when(&key, now)), (0, now));
    }
}
