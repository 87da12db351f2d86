//! Warnings that anyone who can reach the webhook can cause: at most one a second is logged.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How long a kind of warning keeps silent after it was logged.
const PAUSE: Duration = Duration::from_secs(1);

/// Lets one warning through in each second, and counts the others.
#[derive(Debug)]
pub struct Throttle {
    began: Instant,
    /// Milliseconds since `began` before which nothing is let through.
    silent_until: AtomicU64,
    withheld: AtomicU64,
}

impl Throttle {
    /// A throttle that lets the next warning through.
    pub fn new(now: Instant) -> Self {
        Self { began: now, silent_until: AtomicU64::new(0), withheld: AtomicU64::new(0) }
    }

    /// Whether to log now, and then how many were withheld before.
    pub fn pass(&self, now: Instant) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let at = millis(now.saturating_duration_since(self.began));
        let open = self.silent_until.load(Ordering::Relaxed);
        let until = at.saturating_add(millis(PAUSE));
        let is_first = at >= open
            && self
                .silent_until
                .compare_exchange(open, until, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_first {
            return Some(self.withheld.swap(0, Ordering::Relaxed));
        }
        self.withheld.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_passes_and_says_how_many_did_not() {
        let start = Instant::now();
        let throttle = Throttle::new(start);
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(throttle.pass(after(0)), Some(0));
        assert_eq!(throttle.pass(after(1)), None);
        assert_eq!(throttle.pass(after(999)), None);
        assert_eq!(throttle.pass(after(1_000)), Some(2));
        assert_eq!(throttle.pass(after(1_500)), None);
        assert_eq!(throttle.pass(after(9_000)), Some(1));
    }
}
