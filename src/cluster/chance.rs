//! Jitter: processes that began together are not to act together.

use std::hash::{BuildHasher, RandomState};

/// A number from 0 to 1, another one each time. It keeps no secret.
pub fn chance() -> f64 {
    let [high, low, ..] = RandomState::new().hash_one(0_u8).to_be_bytes();
    f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX)
}
