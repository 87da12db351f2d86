//! What the stream and the service of one connection tell each other.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use tokio::time::Instant;

/// What a connection is doing. Stream and service run in one task, so relaxed order is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// No byte of a next request has come.
    Waiting = 0,
    /// Some of a request's head has come.
    Head = 1,
    /// The service has the request.
    Serving = 2,
    /// The service has given its response.
    Answering = 3,
}

#[derive(Debug)]
pub(super) struct Connection {
    phase: AtomicU8,
    served: AtomicU32,
    body_pending: AtomicBool,
    max_requests: u32,
    expires: Instant,
}

impl Connection {
    pub(super) fn new(max_requests: u32, expires: Instant) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Waiting as u8),
            served: AtomicU32::new(0),
            body_pending: AtomicBool::new(false),
            max_requests,
            expires,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Waiting,
            1 => Phase::Head,
            2 => Phase::Serving,
            _ => Phase::Answering,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Notes whether some of the request's body has yet to be read.
    pub(super) fn set_body_pending(&self, pending: bool) {
        self.body_pending.store(pending, Ordering::Relaxed);
    }

    pub(super) fn is_body_pending(&self) -> bool {
        self.body_pending.load(Ordering::Relaxed)
    }

    /// Counts a response; whether it should be the connection's last.
    pub(super) fn is_spent(&self) -> bool {
        let served = self.served.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        served >= self.max_requests || Instant::now() >= self.expires
    }
}
