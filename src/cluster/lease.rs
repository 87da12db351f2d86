//! Leader election by a Lease: what one replica does next. Pure: time and chance come in.
//!
//! Replicas never compare clocks. One waits until it has seen the same record for a whole lease
//! duration on its own monotonic clock; the other ends its term a renew deadline after it *began* to
//! ask for it, which is before its record can be seen by anyone.

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How many of our own lease durations the record of another is trusted for, whatever it says.
const LONGEST_TRUSTED: u32 = 10;

/// The times of an election, which fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// Why the times do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LeaseTimesError {
    /// The leader would not step down before another may lead.
    #[error(
        "the renew deadline ({renew_deadline:?}) must be shorter than the lease duration ({duration:?}), so that a leader steps down before another leads"
    )]
    Deadline {
        /// As given.
        renew_deadline: Duration,
        /// As given.
        duration: Duration,
    },
    /// The leader would never renew in time.
    #[error(
        "the retry period ({retry_period:?}) must be shorter than the renew deadline ({renew_deadline:?}), so that a leader renews in time"
    )]
    Retry {
        /// As given.
        retry_period: Duration,
        /// As given.
        renew_deadline: Duration,
    },
    /// Nothing would ever wait.
    #[error("the retry period must be longer than nothing; write e.g. 2s")]
    NoPause,
}

impl LeaseTimes {
    /// `duration`: how long a record is waited for. `renew_deadline`: when the leader steps down that
    /// could not renew. `retry_period`: between two tries.
    pub fn new(
        duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, LeaseTimesError> {
        if renew_deadline >= duration {
            return Err(LeaseTimesError::Deadline { renew_deadline, duration });
        }
        if retry_period >= renew_deadline {
            return Err(LeaseTimesError::Retry { retry_period, renew_deadline });
        }
        if retry_period.is_zero() {
            return Err(LeaseTimesError::NoPause);
        }
        Ok(Self { duration, renew_deadline, retry_period })
    }

    /// How long one request may take: a silent one leaves time for another within the deadline.
    pub fn request_timeout(&self) -> Duration {
        self.renew_deadline / 2
    }

    /// Between two tries; `chance` of 0 to 1 spreads replicas over the last quarter of the period.
    pub fn pause(&self, chance: f64) -> Duration {
        self.retry_period.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 4.0)
    }

    /// Before another look after a write that came too late.
    pub fn pause_after_conflict(&self, chance: f64) -> Duration {
        self.pause(chance) / 10
    }

    fn seconds(&self) -> i32 {
        let whole = self.duration.as_secs() + u64::from(self.duration.subsec_nanos() > 0);
        i32::try_from(whole).unwrap_or(i32::MAX)
    }

    /// How long the record of another is waited for. Anyone may have edited it.
    fn trusted(&self, seconds: Option<i32>) -> Duration {
        let said = seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
        let longest = self.duration.saturating_mul(LONGEST_TRUSTED);
        Duration::from_secs(said).clamp(self.duration, longest)
    }
}

/// What is to be done about the Lease as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is none: create it as ours.
    Create,
    /// Nobody holds it any more: replace it by ours.
    Take,
    /// It is ours: renew it.
    Renew,
    /// Another holds it, for this much longer if it is not renewed.
    Wait(Duration),
}

/// One replica of the election.
#[derive(Debug, Clone)]
pub struct Elector {
    identity: String,
    times: LeaseTimes,
    seen: Option<LeaseSpec>,
    /// Until then somebody else may believe to lead.
    others_until: Option<Instant>,
    /// The end of our own term.
    term_end: Option<Instant>,
}

impl Elector {
    /// A replica that has seen nothing yet. Its identity must be its own alone, also after a restart.
    pub fn new(identity: String, times: LeaseTimes) -> Self {
        Self { identity, times, seen: None, others_until: None, term_end: None }
    }

    /// Who this replica is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The times that it keeps.
    pub fn times(&self) -> LeaseTimes {
        self.times
    }

    /// Takes the Lease as the API server had it; `now` is when its answer was there.
    pub fn observe(&mut self, lease: Option<&LeaseSpec>, now: Instant) {
        let is_new = self.seen.as_ref() != lease;
        if let Some(lease) = lease.filter(|lease| is_held_by_another(lease, &self.identity)) {
            self.term_end = None;
            if is_new {
                self.others_until =
                    now.checked_add(self.times.trusted(lease.lease_duration_seconds));
            }
        }
        // A Lease that was deleted or emptied by hand does not tell its holder. Released, it is free.
        if lease.is_some_and(|lease| is_released(lease) || is_held_by(lease, &self.identity)) {
            self.others_until = None;
        }
        self.seen = lease.cloned();
    }

    /// What to do about what was seen last.
    pub fn step(&self, now: Instant) -> Step {
        let left = self.others_until.map(|until| until.saturating_duration_since(now));
        match (&self.seen, left) {
            (Some(lease), _) if is_held_by(lease, &self.identity) => Step::Renew,
            (_, Some(left)) if !left.is_zero() => Step::Wait(left),
            (Some(_), _) => Step::Take,
            (None, _) => Step::Create,
        }
    }

    /// The Lease as ours, made from what was seen last. `wall` is for people to read.
    pub fn claim(&self, wall: Timestamp) -> LeaseSpec {
        let seen = self.seen.as_ref();
        let is_ours = seen.is_some_and(|lease| is_held_by(lease, &self.identity));
        let before = seen.and_then(|lease| lease.lease_transitions);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(self.times.seconds()),
            acquire_time: seen
                .filter(|_| is_ours)
                .and_then(|lease| lease.acquire_time.clone())
                .or_else(|| Some(micro_time(wall))),
            renew_time: Some(another(wall, seen)),
            lease_transitions: Some(match seen {
                Some(_) if !is_ours => before.unwrap_or(0).max(0).saturating_add(1),
                _ => before.unwrap_or(0).max(0),
            }),
            // Both are for another way to elect, in which this replica takes no part.
            preferred_holder: None,
            strategy: None,
        }
    }

    /// The Lease free for anyone at once, if it was seen as ours.
    pub fn released(&self, wall: Timestamp) -> Option<LeaseSpec> {
        let seen = self.seen.as_ref().filter(|lease| is_held_by(lease, &self.identity))?;
        Some(LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            acquire_time: Some(micro_time(wall)),
            renew_time: Some(another(wall, Some(seen))),
            lease_transitions: seen.lease_transitions,
            preferred_holder: None,
            strategy: None,
        })
    }

    /// Our claim was accepted, in answer to a request that began then.
    pub fn written(&mut self, claim: LeaseSpec, began: Instant) {
        self.seen = Some(claim);
        self.others_until = None;
        self.term_end = began.checked_add(self.times.renew_deadline);
    }

    /// The term is over, whatever the Lease says.
    pub fn step_down(&mut self) {
        self.term_end = None;
    }

    /// When the term ends unless it is renewed; none without a term.
    pub fn term_end(&self) -> Option<Instant> {
        self.term_end
    }

    /// Whether this replica leads.
    pub fn leads(&self, now: Instant) -> bool {
        self.term_end.is_some_and(|end| now < end)
    }

    /// Who holds the Lease, as seen last.
    pub fn holder(&self) -> Option<&str> {
        self.seen.as_ref().and_then(holder)
    }
}

fn holder(lease: &LeaseSpec) -> Option<&str> {
    lease.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

fn is_held_by(lease: &LeaseSpec, identity: &str) -> bool {
    holder(lease) == Some(identity)
}

fn is_held_by_another(lease: &LeaseSpec, identity: &str) -> bool {
    holder(lease).is_some_and(|holder| holder != identity)
}

/// As a leader leaves it that has stopped its work.
fn is_released(lease: &LeaseSpec) -> bool {
    holder(lease).is_none() && lease.lease_duration_seconds.is_some_and(|seconds| seconds <= 1)
}

fn micro_time(at: Timestamp) -> MicroTime {
    MicroTime(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
}

/// A time to the microsecond that is not the one of the record before: the same again, from a clock
/// that stands still, would be no change that others can see.
fn another(wall: Timestamp, before: Option<&LeaseSpec>) -> MicroTime {
    let at = micro_time(wall);
    let is_same = before.and_then(|lease| lease.renew_time.as_ref()) == Some(&at);
    let next = Timestamp::from_microsecond(at.0.as_microsecond() + i64::from(is_same));
    next.map_or(at, MicroTime)
}
