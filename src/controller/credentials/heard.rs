//! Whether both watches go on: one that stands still makes the process not alive.

use std::time::Instant;

use super::Input;
use crate::cluster::single::Seen;
use crate::controller::relisted::{STILL, is_answer};
use crate::server::Liveness;

const CONFIG: &str = "the watch of the configuration, for credentials";
const SECRETS: &str = "the watch of Secrets, for credentials";

/// What was heard of the watches.
pub struct Heard(Liveness);

impl Heard {
    /// Both begin.
    pub fn new(liveness: Liveness) -> Self {
        let heard = Self(liveness);
        for watch in [CONFIG, SECRETS] {
            heard.0.due(watch, Instant::now() + STILL);
        }
        heard
    }

    /// A watch was told something, or failed.
    pub fn of(&self, input: &Input) {
        let (watch, error) = match input {
            Input::Config(Seen::Failed(error)) => (CONFIG, Some(error)),
            Input::Config(_) => (CONFIG, None),
            Input::Secret(event) => (SECRETS, event.as_ref().err()),
        };
        if error.is_none_or(is_answer) {
            self.0.due(watch, Instant::now() + STILL);
        }
    }
}

/// A replica that does not look any more is not waited for.
impl Drop for Heard {
    fn drop(&mut self) {
        for watch in [CONFIG, SECRETS] {
            self.0.forget(watch);
        }
    }
}
