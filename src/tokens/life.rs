//! How long a token is good, and when the next one is fetched. No I/O, no clock.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use super::Expiry;

/// What is taken for the life of a token whose end is not told, or cannot be true.
const ASSUMED: Duration = Duration::from_secs(60 * 60);
/// No registry's token is good for longer; of one that claims it the end is assumed.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Between two fetches of a token, however soon it ends.
pub const FLOOR: Duration = Duration::from_secs(60);
/// Clocks of controllers that follow each other differ by less. By more, nobody knows when a token ends.
const SKEW: Duration = Duration::from_secs(60);
/// The part of its life after which a token is renewed, about 2/3: of many fetched together each has its own.
const RENEWAL: std::ops::Range<f64> = 0.6..0.7;

/// From when until when a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When it was fetched.
    pub issued_at: SystemTime,
    /// When it ends.
    pub expires_at: SystemTime,
    /// Whether its issuer did not tell the end, or told one that cannot be true.
    pub is_assumed: bool,
}

impl Life {
    /// That of a token fetched now. Whole seconds, as they are written down.
    pub fn of(expiry: Expiry, now: SystemTime) -> Self {
        let issued_at = whole_seconds(now);
        let end = match expiry {
            Expiry::At(end) => Some(whole_seconds(end)),
            Expiry::After(life) => issued_at.checked_add(Duration::from_secs(life.as_secs())),
            Expiry::Unknown => None,
        };
        let latest = issued_at + LONGEST;
        match end.filter(|end| *end > issued_at && *end <= latest) {
            Some(expires_at) => Self { issued_at, expires_at, is_assumed: false },
            None => Self { issued_at, expires_at: issued_at + ASSUMED, is_assumed: true },
        }
    }

    /// Whether both are of one token, which was given out twice: the ends are told, and the same.
    pub fn ends_as(&self, other: &Self) -> bool {
        let (one, two) = (self.expires_at, other.expires_at);
        let apart = one.duration_since(two).unwrap_or_else(|error| error.duration());
        !self.is_assumed && !other.is_assumed && apart <= SKEW
    }

    /// Whether it has ended.
    pub fn is_over(&self, now: SystemTime) -> bool {
        self.expires_at <= now
    }

    /// Whether it was fetched by a clock that was ahead.
    pub fn is_of_the_future(&self, now: SystemTime) -> bool {
        self.issued_at > now + SKEW
    }

    /// When the next one is fetched. The same for the same `seed`, so that a restart changes nothing.
    pub fn renewal(&self, seed: &str, now: SystemTime) -> SystemTime {
        if self.is_of_the_future(now) {
            return now;
        }
        let life = self.expires_at.duration_since(self.issued_at).unwrap_or_default();
        let part = RENEWAL.start + (RENEWAL.end - RENEWAL.start) * share(seed, self.issued_at);
        self.issued_at + life.mul_f64(part).max(FLOOR)
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// A number from 0 to 1.
fn share(seed: &str, issued_at: SystemTime) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, issued_at).hash(&mut hasher);
    let [high, low, ..] = hasher.finish().to_be_bytes();
    f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NOW: Duration = Duration::from_secs(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW
    }

    #[rstest]
    #[case::ecr(Expiry::At(now() + 12 * HOUR), 12 * HOUR, false)]
    #[case::google(Expiry::After(Duration::from_millis(3_599_500)), HOUR - Duration::from_secs(1), false)]
    #[case::of_a_second(Expiry::After(Duration::from_secs(1)), Duration::from_secs(1), false)]
    #[case::ended_long_ago(Expiry::At(SystemTime::UNIX_EPOCH), HOUR, true)]
    #[case::ends_now(Expiry::At(now()), HOUR, true)]
    #[case::no_life(Expiry::After(Duration::ZERO), HOUR, true)]
    #[case::of_a_century(Expiry::After(876_000 * HOUR), HOUR, true)]
    #[case::for_ever(Expiry::After(Duration::MAX), HOUR, true)]
    #[case::not_told(Expiry::Unknown, HOUR, true)]
    fn fault_48_an_end_that_cannot_be_true_is_assumed(
        #[case] expiry: Expiry,
        #[case] life: Duration,
        #[case] is_assumed: bool,
    ) {
        let wanted = Life { issued_at: now(), expires_at: now() + life, is_assumed };
        assert_eq!(Life::of(expiry, now() + Duration::from_millis(700)), wanted);
    }

    #[test]
    fn fault_47_of_many_tokens_fetched_together_each_is_renewed_at_its_own_time() {
        let life = Life::of(Expiry::After(12 * HOUR), now());
        let renewal = |number: u32| life.renewal(&number.to_string(), now());
        let mut renewals: Vec<SystemTime> = (0..500).map(renewal).collect();
        renewals.sort();
        let (first, last) = (renewals[0], renewals[499]);
        assert!(first >= now() + (12 * HOUR).mul_f64(0.6), "{first:?}");
        assert!(last <= now() + (12 * HOUR).mul_f64(0.7), "{last:?}");
        // 500 over 72 minutes are 7 a minute.
        let within = |start: &SystemTime| {
            renewals.iter().filter(|at| (*start..*start + FLOOR).contains(*at)).count()
        };
        assert!(renewals.iter().map(within).max() < Some(30), "{renewals:?}");
        assert_eq!(renewal(7), renewal(7));
    }

    #[rstest]
    #[case::short(Expiry::After(Duration::from_secs(10)), 0, FLOOR)]
    #[case::from_a_clock_ahead(Expiry::After(HOUR), 50 * 60, Duration::ZERO)]
    fn fault_48_however_soon_it_ends_there_is_time_between_two(
        #[case] expiry: Expiry,
        #[case] ahead: u64,
        #[case] wanted: Duration,
    ) {
        let life = Life::of(expiry, now() + Duration::from_secs(ahead));
        assert_eq!(life.renewal("a", now()), now() + wanted);
    }
}
