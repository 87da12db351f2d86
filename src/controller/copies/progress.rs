//! Whether each watch goes on. One that is neither told anything nor answered by the API server, although
//! it begins anew from time to time, stands still: the process is then not alive, and is started anew.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::watches::Input;
use crate::controller::relisted::{STILL, is_answer};
use crate::server::Liveness;
use crate::telemetry::copies::CopyWatch;
use crate::telemetry::{Label, Metrics};

/// What was heard of the watches.
pub struct Progress {
    liveness: Liveness,
    metrics: Arc<Metrics>,
}

impl Progress {
    /// All of them begin.
    pub fn new(liveness: Liveness, metrics: Arc<Metrics>) -> Self {
        let progress = Self { liveness, metrics };
        for watch in CopyWatch::ALL {
            progress.liveness.due(name(*watch), Instant::now() + STILL);
        }
        progress
    }

    /// A watch was told something, or failed.
    pub fn told(&self, input: &Input) {
        let watch = input.watch();
        if input.error().is_none_or(is_answer) {
            self.liveness.due(name(watch), Instant::now() + STILL);
        }
        if input.error().is_none() {
            self.succeeded(watch);
        }
    }

    fn succeeded(&self, watch: CopyWatch) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.metrics.copies.watch_progress.of(watch).set(i64::try_from(now).unwrap_or(i64::MAX));
    }
}

/// A replica that does not look any more is not waited for.
impl Drop for Progress {
    fn drop(&mut self) {
        for watch in CopyWatch::ALL {
            self.liveness.forget(name(*watch));
            self.metrics.copies.watch_progress.of(*watch).set(0);
        }
    }
}

fn name(watch: CopyWatch) -> &'static str {
    match watch {
        CopyWatch::Configuration => "the watch of the configuration",
        CopyWatch::Shared => "the watch of what is shared by label",
        CopyWatch::Namespaces => "the watch of Namespaces",
        CopyWatch::Sources => "the watch of sources",
        CopyWatch::Copies => "the watch of copies",
    }
}
