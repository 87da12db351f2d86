//! Waiting on a condition, with a deadline.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(25);

/// What an attempt may return: whether it was seen, and if not, why.
pub trait Observation {
    /// What is handed on once it was seen.
    type Seen;
    /// The thing seen, or the reason that it was not.
    fn seen(self) -> Result<Self::Seen, String>;
}

impl Observation for bool {
    type Seen = ();
    fn seen(self) -> Result<(), String> {
        self.then_some(()).ok_or_else(|| "not so".into())
    }
}

impl<T> Observation for Option<T> {
    type Seen = T;
    fn seen(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing there".into())
    }
}

impl<T, E: Display> Observation for Result<T, E> {
    type Seen = T;
    fn seen(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Tries again and again until the attempt sees `what`; panics with the last reason at the deadline.
pub async fn eventually<O: Observation>(
    what: &str,
    deadline: Duration,
    mut attempt: impl AsyncFnMut() -> O,
) -> O::Seen {
    let started = Instant::now();
    loop {
        match attempt().await.seen() {
            Ok(seen) => return seen,
            Err(reason) if started.elapsed() >= deadline => {
                panic!("waited {deadline:?} for {what}: {reason}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
