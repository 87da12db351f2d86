//! Tokens that are being fetched, a few at a time.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::attempts::Attempts;
use super::plan::WantedToken;
use super::state::Held;
use crate::cluster::chance::chance;
use crate::cluster::credential_secret::Stamp;
use crate::credentials::compose;
use crate::sources::TokenRequest;
use crate::tokens::{Failure, Life, Reason, Token, Tokens};

/// Most requests under way: entries that all end together do not ask all at once.
const AT_ONCE: usize = 16;
/// Most of these that failed before: issuers that do not answer keep none from those that do.
const FAILING_AT_ONCE: usize = 8;
/// A token whose end nobody knows is better than one that ends so soon.
const SOON: Duration = Duration::from_secs(10 * 60);

/// With the token that there was before.
type Fetched = (TokenRequest, Option<Held>, Result<Token, Failure>);

/// What is being fetched, and what came of what was.
pub struct Fetching {
    tokens: Arc<Tokens>,
    clock: fn() -> SystemTime,
    attempts: Attempts,
    under_way: FuturesUnordered<BoxFuture<'static, Fetched>>,
    /// Of those under way, the marks of those that failed before.
    failing: HashSet<String>,
}

impl Fetching {
    /// Nothing has been asked yet.
    pub fn new(tokens: Tokens, clock: fn() -> SystemTime) -> Self {
        let (tokens, attempts) = (Arc::new(tokens), Attempts::default());
        Self {
            tokens,
            clock,
            attempts,
            under_way: FuturesUnordered::new(),
            failing: HashSet::new(),
        }
    }

    /// The time.
    pub fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Begins with those that are due, those first that have waited the longest. How long until the next one
    /// is; none if nothing is waited for.
    pub fn begin(&mut self, wanted: &BTreeMap<String, WantedToken>) -> Option<Duration> {
        let now = self.now();
        self.attempts.keep_only(wanted, now);
        let mut due: Vec<(SystemTime, &String, &WantedToken)> = wanted
            .iter()
            .filter_map(|(mark, token)| {
                Some((self.attempts.due(mark, token.life().as_ref(), now)?, mark, token))
            })
            .collect();
        due.sort_by_key(|(at, ..)| *at);
        for (at, mark, token) in due {
            if at > now {
                return at.duration_since(now).ok();
            }
            // Whatever ends gives its place to the next.
            if self.under_way.len() >= AT_ONCE {
                return None;
            }
            if self.failure(mark).is_some() {
                if self.failing.len() >= FAILING_AT_ONCE {
                    continue;
                }
                self.failing.insert(mark.clone());
            }
            self.attempts.begin(mark);
            let (tokens, request, held) =
                (Arc::clone(&self.tokens), token.request.clone(), token.held.clone());
            self.under_way.push(Box::pin(async move {
                let fetched = tokens.fetch(&request).await;
                (request, held, fetched)
            }));
        }
        None
    }

    /// The next one that has come, or has not; it waits while none is under way.
    pub async fn next(&mut self) -> (TokenRequest, Result<Held, Failure>) {
        let Some((request, before, fetched)) = self.under_way.next().await else {
            return std::future::pending().await;
        };
        let now = self.now();
        let mark = request.mark();
        self.failing.remove(mark);
        let fetched = fetched.and_then(|token| held(mark, &token, before, now));
        match &fetched {
            Ok(_) => self.attempts.done(mark, now),
            Err(failure) => self.attempts.failed(mark, failure.clone(), now, chance()),
        }
        (request, fetched)
    }

    /// Why a token was not fetched the last time.
    pub fn failure(&self, mark: &str) -> Option<&Failure> {
        self.attempts.failure(mark)
    }
}

/// A token whose end nobody knows takes the place of none that is good for a while.
fn held(mark: &str, token: &Token, before: Option<Held>, now: SystemTime) -> Result<Held, Failure> {
    let life = Life::of(token.expiry, now);
    let is_good = |life: Life| !life.is_assumed && !life.is_over(now + SOON);
    if life.is_assumed && before.as_ref().is_some_and(|before| is_good(before.stamp.life)) {
        let told = "the issuer gave a token and no time at which it ends that could be true; look at the clocks of both";
        return Err(Failure::new(Reason::Answer, told));
    }
    let content: Arc<[u8]> = compose::logins(&token.logins).into();
    // Metadata servers give out the same one until shortly before its end.
    match before.filter(|before| before.content == content && before.stamp.life.ends_as(&life)) {
        Some(before) => Ok(before),
        None => Ok(Held { stamp: Stamp { made_from: mark.to_owned(), life }, content }),
    }
}
