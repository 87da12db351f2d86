//! How many copies may be begun, so that other clients of the API server are not kept waiting. Pure.

use std::time::{Duration, Instant};

/// Copies a second, over time.
const PER_SECOND: f64 = 100.0;
/// Copies at once, after a pause.
const BURST: f64 = 200.0;

/// A token bucket.
#[derive(Debug)]
pub struct Pace {
    tokens: f64,
    at: Instant,
}

impl Pace {
    /// A full one.
    pub fn new(now: Instant) -> Self {
        Self { tokens: BURST, at: now }
    }

    /// Takes a token, or tells how long there is none.
    ///
    /// # Errors
    /// The time until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * PER_SECOND).min(BURST);
        self.at = now;
        if self.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.tokens) / PER_SECOND));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_it_is_so_many_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start;
        let mut begun = 0;
        while now < start + Duration::from_secs(10) {
            match pace.take(now) {
                Ok(()) => begun += 1,
                Err(pause) => now += pause,
            }
        }
        assert!((1_190..=1_210).contains(&begun), "{begun}");
    }
}
