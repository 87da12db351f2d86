//! Requests that fail by chance: the same ones each time.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::json;

use tokio::sync::Notify;

use crate::meddled::{Answer, is_write, send};

/// So many of a hundred requests fail.
const FAILING: u64 = 15;

/// How a request fails.
#[derive(Debug, Clone, Copy)]
pub enum Failure {
    /// The API server's answer.
    Code(u16),
    /// No connection.
    Refused,
    /// No answer, ever.
    Silent,
}

pub const FAILURES: [Failure; 8] = [
    Failure::Code(409),
    Failure::Code(429),
    Failure::Code(500),
    Failure::Code(503),
    Failure::Refused,
    Failure::Code(403),
    Failure::Code(410),
    Failure::Silent,
];

impl Failure {
    /// The answer.
    pub async fn answer(self) -> Answer {
        match self {
            Self::Code(code) => {
                let status = json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "status": "Failure",
                    "message": "made to fail",
                    "reason": "Test",
                    "code": code,
                });
                let body = Body::from(status.to_string().into_bytes());
                Ok(Response::builder().status(code).body(body)?)
            }
            Self::Refused => Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
            Self::Silent => std::future::pending().await,
        }
    }
}

/// Which requests fail, and how: the same each time.
pub struct Chance {
    state: Mutex<u64>,
    /// How many failed.
    pub failed: AtomicUsize,
    /// So many writes are still to come before the one at which the controller is killed.
    armed: Mutex<Option<u64>>,
    killed: Notify,
    moment: Mutex<&'static str>,
}

impl Chance {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Mutex::new(seed),
            failed: AtomicUsize::new(0),
            armed: Mutex::new(None),
            killed: Notify::new(),
            moment: Mutex::new(""),
        }
    }

    /// The controller is to be killed at a write, after so many others.
    pub fn arm(&self, others: u64) {
        *lock(&self.armed) = Some(others);
    }

    /// It is not to be killed any more.
    pub fn disarm(&self) {
        *lock(&self.armed) = None;
    }

    /// Waits for that write, of which the controller hears nothing more, and says when it was.
    pub async fn killed(&self) -> &'static str {
        self.killed.notified().await;
        *lock(&self.moment)
    }

    /// Whether this is the write at which it is killed.
    fn is_last(&self, request: &Request<Body>) -> bool {
        let mut armed = lock(&self.armed);
        match &mut *armed {
            Some(0) if is_write(request) => {
                *armed = None;
                true
            }
            Some(others) if is_write(request) => {
                *others -= 1;
                false
            }
            _ => false,
        }
    }

    async fn kill(&self, client: Client, request: Request<Body>) -> Answer {
        let is_done = self.next(2) == 0;
        if is_done {
            send(&client, request).await?;
        }
        *lock(&self.moment) = if is_done { "after a write" } else { "before a write" };
        self.killed.notify_one();
        std::future::pending().await
    }

    /// Sends a request, or has it fail.
    pub async fn pass(self: Arc<Self>, client: Client, request: Request<Body>) -> Answer {
        if self.is_last(&request) {
            return self.kill(client, request).await;
        }
        if self.next(100) >= FAILING {
            return send(&client, request).await;
        }
        self.failed.fetch_add(1, Ordering::SeqCst);
        // Done, and the answer is lost on the way.
        let is_write = is_write(&request);
        if is_write && self.next(2) == 0 {
            send(&client, request).await?;
        }
        // What is only read may wait for long.
        let kinds = if is_write { FAILURES.len() } else { FAILURES.len() - 1 };
        let place = self.next(kinds as u64);
        let failure = usize::try_from(place).ok().and_then(|place| FAILURES.get(place));
        failure.unwrap_or(&Failure::Refused).answer().await
    }

    /// A number below that one. (SplitMix64.)
    pub fn next(&self, below: u64) -> u64 {
        let mut state = lock(&self.state);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
