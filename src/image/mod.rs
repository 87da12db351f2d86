//! Images: references as the kubelet reads them, patterns over them, and an index of many patterns.
//!
//! Pure: text in, values out.

mod domain;
mod grammar;
mod index;
mod near_miss;
mod pattern;
mod pattern_error;
mod reference;

pub use index::{IndexError, PatternIndex, Scratch};
pub use near_miss::{NearMiss, near_miss};
pub(crate) use pattern::PatternParts;
pub use pattern::{MAX_PATTERN_BYTES, Pattern};
pub use pattern_error::PatternError;
pub use reference::{Reference, ReferenceError};

/// The domain of Docker Hub in every parsed reference.
pub const DOCKER_HUB: &str = "docker.io";
/// Read as [`DOCKER_HUB`], as the kubelet does.
pub const LEGACY_DOCKER_HUB: &str = "index.docker.io";
/// The part that Docker Hub's official images have before their name.
pub const OFFICIAL_PREFIX: &str = "library/";
