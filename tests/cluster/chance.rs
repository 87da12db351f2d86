//! Requests that fail by chance: the same ones each time.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::json;

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
}

pub const FAILURES: [Failure; 6] = [
    Failure::Code(409),
    Failure::Code(429),
    Failure::Code(500),
    Failure::Code(503),
    Failure::Refused,
    Failure::Code(403),
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
        }
    }
}

/// Which requests fail, and how: the same each time.
pub struct Chance {
    state: Mutex<u64>,
    /// How many failed.
    pub failed: AtomicUsize,
}

impl Chance {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed), failed: AtomicUsize::new(0) }
    }

    /// Sends a request, or has it fail.
    pub async fn pass(self: Arc<Self>, client: Client, request: Request<Body>) -> Answer {
        if self.next(100) >= FAILING {
            return send(&client, request).await;
        }
        self.failed.fetch_add(1, Ordering::SeqCst);
        // Done, and the answer is lost on the way.
        if is_write(&request) && self.next(2) == 0 {
            send(&client, request).await?;
        }
        let place = self.next(FAILURES.len() as u64);
        let failure = usize::try_from(place).ok().and_then(|place| FAILURES.get(place));
        failure.unwrap_or(&Failure::Refused).answer().await
    }

    /// A number below that one. (SplitMix64.)
    pub fn next(&self, below: u64) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}
