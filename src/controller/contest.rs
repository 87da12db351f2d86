//! How often the same thing may be repaired, when something else keeps undoing it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Repairs older than this are forgotten.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// So many repairs within the window are made at once.
const AT_ONCE: usize = 10;
/// The longest wait before a repair.
const LONGEST: Duration = Duration::from_secs(10);

/// The repairs of late.
#[derive(Debug, Default)]
pub struct Contest(VecDeque<Instant>);

impl Contest {
    /// How long to wait before the next repair. Each wait counts from the repair before.
    pub fn wait(&self, now: Instant) -> Duration {
        let recent = self.recent(now);
        let Some(extra) = recent.checked_sub(AT_ONCE) else { return Duration::ZERO };
        let pause = Duration::from_millis(100)
            .saturating_mul(
                1_u32.checked_shl(u32::try_from(extra).unwrap_or(31)).unwrap_or(u32::MAX),
            )
            .min(LONGEST);
        let since = self.0.back().map_or(LONGEST, |last| now.saturating_duration_since(*last));
        pause.saturating_sub(since)
    }

    /// Takes note of a repair. Whether this is the one by which it became a contest.
    pub fn repaired(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|first| now.saturating_duration_since(*first) >= WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() == AT_ONCE
    }

    /// Whether it is one now.
    pub fn is_on(&self, now: Instant) -> bool {
        self.recent(now) >= AT_ONCE
    }

    /// Whether anything was repaired of late.
    pub fn is_recent(&self, now: Instant) -> bool {
        self.recent(now) > 0
    }

    fn recent(&self, now: Instant) -> usize {
        let is_recent = |at: &&Instant| now.saturating_duration_since(**at) < WINDOW;
        self.0.iter().filter(is_recent).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_41_a_few_repairs_are_made_at_once_and_more_ever_later() {
        let start = Instant::now();
        let mut contest = Contest::default();
        let told: Vec<bool> = (0..AT_ONCE).map(|_| contest.repaired(start)).collect();
        assert_eq!(told.iter().position(|told| *told), Some(AT_ONCE - 1));
        assert_eq!(contest.wait(start), Duration::from_millis(100));
        contest.repaired(start);
        assert_eq!(contest.wait(start), Duration::from_millis(200));
        assert_eq!(contest.wait(start + Duration::from_millis(150)), Duration::from_millis(50));
        assert_eq!(contest.wait(start + Duration::from_secs(1)), Duration::ZERO);
        for _ in 0..100 {
            assert!(!contest.repaired(start));
        }
        assert_eq!(contest.wait(start), LONGEST);
        assert_eq!(contest.wait(start + WINDOW), Duration::ZERO);
    }
}
