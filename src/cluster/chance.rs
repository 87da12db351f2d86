//! Jitter: processes that began together are not to act together.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A number from 0 to 1, another one each time. It keeps no secret.
pub fn chance() -> f64 {
    let [high, low, ..] = RandomState::new().hash_one(0_u8).to_be_bytes();
    f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX)
}

/// A pause, or down to half of it. `chance` is any number from 0 to 1.
pub fn jittered(pause: Duration, chance: f64) -> Duration {
    pause.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

/// The jittered pause after so many failures: it doubles from the first to the longest.
pub fn backoff(first: Duration, longest: Duration, failures: u32, chance: f64) -> Duration {
    jittered(first.saturating_mul(1 << failures.min(10)).min(longest), chance)
}
