//! The writes of Secrets, a few at a time. One that always fails, or that somebody keeps undoing, holds up no
//! other.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use tokio::time::Instant;

use super::plan::Step;
use super::write::{Done, carry_out};
use crate::cluster::chance::{backoff, chance};
use crate::controller::contest::Contest;
use crate::controller::request::RequestError;

/// Most requests under way.
const AT_ONCE: usize = 4;
/// After the first failure in a row.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// After many.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// A write that ended.
pub struct Written {
    /// The name of the Secret.
    pub name: String,
    /// What came of it.
    pub outcome: Result<Done, RequestError>,
    /// By this one it became plain that somebody keeps undoing it.
    pub is_contest: bool,
}

/// What is being written, and when the rest may be.
pub struct Writes {
    secrets: Api<Secret>,
    under_way: FuturesUnordered<BoxFuture<'static, (String, Result<Done, RequestError>)>>,
    /// The names of these.
    names: HashSet<String>,
    history: HashMap<String, History>,
}

/// Of one Secret.
#[derive(Default)]
struct History {
    /// In a row.
    failures: u32,
    /// Not before.
    retry: Option<Instant>,
    contest: Contest,
}

impl History {
    /// When it may be written again, if it has to wait.
    fn due(&self, now: Instant) -> Option<Instant> {
        let contested = Some(self.contest.wait(now.into_std())).filter(|wait| !wait.is_zero());
        self.retry.max(contested.map(|wait| now + wait)).filter(|at| *at > now)
    }
}

impl Writes {
    /// Nothing has been written.
    pub fn new(secrets: Api<Secret>) -> Self {
        let (names, history) = (HashSet::new(), HashMap::new());
        Self { secrets, under_way: FuturesUnordered::new(), names, history }
    }

    /// Begins with those steps that may be tried now. When the first of those may that have to wait; none if
    /// there is none, or all places are taken: whatever ends gives its place to the next.
    pub fn begin(&mut self, steps: Vec<Step>) -> Option<Instant> {
        let now = Instant::now();
        self.forget_calm(now);
        let mut wait: Option<Instant> = None;
        for step in steps {
            let name = step.name().to_owned();
            if self.names.contains(&name) {
                continue;
            }
            if let Some(at) = self.history.get(&name).and_then(|history| history.due(now)) {
                wait = wait.into_iter().chain([at]).min();
                continue;
            }
            if self.under_way.len() >= AT_ONCE {
                break;
            }
            let secrets = self.secrets.clone();
            self.names.insert(name.clone());
            self.under_way.push(Box::pin(async move { (name, carry_out(&secrets, step).await) }));
        }
        wait
    }

    /// The next one that has ended; it waits while none is under way.
    pub async fn next(&mut self) -> Written {
        let Some((name, outcome)) = self.under_way.next().await else {
            return std::future::pending().await;
        };
        self.names.remove(&name);
        let history = self.history.entry(name.clone()).or_default();
        let now = Instant::now();
        let is_contest = match &outcome {
            Ok(_) => {
                (history.failures, history.retry) = (0, None);
                history.contest.repaired(now.into_std())
            }
            Err(_) => {
                history.failures += 1;
                let pause = backoff(FIRST_RETRY, LONGEST_RETRY, history.failures, chance());
                history.retry = Some(now + pause);
                false
            }
        };
        Written { name, outcome, is_contest }
    }

    /// Secrets that have been left alone for long.
    fn forget_calm(&mut self, now: Instant) {
        self.history.retain(|_, it| it.due(now).is_some() || it.contest.is_recent(now.into_std()));
    }
}
