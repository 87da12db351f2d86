//! Tokens that are being fetched, a few at a time.

use std::collections::BTreeMap;
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
const AT_ONCE: usize = 8;

/// With the life of the token that there was before.
type Fetched = (TokenRequest, Option<Life>, Result<Token, Failure>);

/// What is being fetched, and what came of what was.
pub struct Fetching {
    tokens: Arc<Tokens>,
    clock: fn() -> SystemTime,
    attempts: Attempts,
    under_way: FuturesUnordered<BoxFuture<'static, Fetched>>,
}

impl Fetching {
    /// Nothing has been asked yet.
    pub fn new(tokens: Tokens, clock: fn() -> SystemTime) -> Self {
        let (tokens, attempts) = (Arc::new(tokens), Attempts::default());
        Self { tokens, clock, attempts, under_way: FuturesUnordered::new() }
    }

    /// Begins with those that are due, those first that have waited the longest. How long until the next one
    /// is; none if nothing is waited for.
    pub fn begin(&mut self, wanted: &BTreeMap<String, WantedToken>) -> Option<Duration> {
        let now = (self.clock)();
        self.attempts.keep_only(wanted);
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
            self.attempts.begin(mark);
            let (tokens, request, held) =
                (Arc::clone(&self.tokens), token.request.clone(), token.life());
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
        let now = (self.clock)();
        let mark = request.mark();
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

/// A token whose end nobody knows takes the place of none whose end is known.
fn held(mark: &str, token: &Token, before: Option<Life>, now: SystemTime) -> Result<Held, Failure> {
    let life = Life::of(token.expiry, now);
    if life.is_assumed && before.is_some_and(|it| !it.is_assumed && !it.is_over(now)) {
        let told = "the issuer gave a token and no time at which it ends that could be true; look at the clocks of both";
        return Err(Failure::new(Reason::Answer, told));
    }
    let content = compose::logins(&token.logins).into();
    Ok(Held { stamp: Stamp { made_from: mark.to_owned(), life }, content })
}
