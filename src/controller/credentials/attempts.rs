//! When each token is fetched: by its real life, with a floor, and ever later where fetching fails. No I/O,
//! no clock.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use super::plan::WantedToken;
use crate::cluster::chance::backoff;
use crate::tokens::{FLOOR, Failure, Life};

/// After the first failure in a row.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// After many.
const LONGEST_RETRY: Duration = Duration::from_secs(5 * 60);
/// No token waits longer, whatever becomes of the clock.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What was tried, by the mark of what a token is fetched with.
#[derive(Debug, Default)]
pub struct Attempts(HashMap<String, Attempt>);

#[derive(Debug, Default)]
struct Attempt {
    /// In a row.
    failures: u32,
    /// Of the last one.
    failure: Option<Failure>,
    /// When the next one may begin; none while one is under way.
    not_before: Option<SystemTime>,
}

impl Attempts {
    /// When a token is to be fetched; none while that is under way.
    pub fn due(&self, mark: &str, held: Option<&Life>, now: SystemTime) -> Option<SystemTime> {
        let renewal = held.map_or(now, |life| life.renewal(mark, now));
        match self.0.get(mark) {
            None => Some(renewal),
            Some(attempt) => Some(renewal.max(attempt.not_before?.min(now + LONGEST))),
        }
    }

    /// It is being fetched.
    pub fn begin(&mut self, mark: &str) {
        self.0.entry(mark.to_owned()).or_default().not_before = None;
    }

    /// It was fetched.
    pub fn done(&mut self, mark: &str, now: SystemTime) {
        let done = Attempt { not_before: Some(now + FLOOR), ..Attempt::default() };
        self.0.insert(mark.to_owned(), done);
    }

    /// It was not. `chance` is any number from 0 to 1.
    pub fn failed(&mut self, mark: &str, failure: Failure, now: SystemTime, chance: f64) {
        let attempt = self.0.entry(mark.to_owned()).or_default();
        attempt.failures += 1;
        let pause = backoff(FIRST_RETRY, LONGEST_RETRY, attempt.failures, chance);
        let pause = failure.retry_after.map_or(pause, |wish| wish.min(LONGEST).max(pause));
        (attempt.not_before, attempt.failure) = (Some(now + pause), Some(failure));
    }

    /// Why it was not fetched the last time.
    pub fn failure(&self, mark: &str) -> Option<&Failure> {
        self.0.get(mark)?.failure.as_ref()
    }

    /// What nobody wants any more is forgotten, in its time: it may be wanted again at once.
    pub fn keep_only(&mut self, wanted: &BTreeMap<String, WantedToken>, now: SystemTime) {
        let is_over = |attempt: &Attempt| attempt.not_before.is_some_and(|at| at <= now);
        self.0.retain(|mark, attempt| wanted.contains_key(mark) || !is_over(attempt));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Expiry, Reason};
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn down() -> Failure {
        Failure::new(Reason::Connection, "nobody listens")
    }

    /// An issuer, and what the controller holds of it.
    #[derive(Default)]
    struct Course {
        attempts: Attempts,
        held: Option<Life>,
        asked: Vec<SystemTime>,
    }

    impl Course {
        /// Lets the time go on until `end`; `answer` is what the issuer says at a time.
        fn run(
            &mut self,
            mark: &str,
            (mut now, end): (SystemTime, SystemTime),
            answer: impl Fn(SystemTime) -> Result<Expiry, Failure>,
        ) {
            while let Some(due) = self.attempts.due(mark, self.held.as_ref(), now) {
                now = due.max(now);
                if now >= end {
                    return;
                }
                self.attempts.begin(mark);
                assert_eq!(self.attempts.due(mark, self.held.as_ref(), now), None, "one at a time");
                self.asked.push(now);
                match answer(now) {
                    Ok(expiry) => {
                        self.held = Some(Life::of(expiry, now));
                        self.attempts.done(mark, now);
                    }
                    Err(failure) => self.attempts.failed(mark, failure, now, 0.5),
                }
            }
        }

        fn shortest_pause(&self) -> Duration {
            let pauses = self.asked.windows(2);
            let pauses = pauses.map(|pair| pair[1].duration_since(pair[0]).unwrap());
            pauses.min().unwrap_or(Duration::MAX)
        }
    }

    #[test]
    fn a_token_is_renewed_at_two_thirds_of_its_life_and_a_restart_asks_for_nothing() {
        let mut course = Course::default();
        let answer = |_| Ok(Expiry::After(12 * HOUR));
        course.run("a", (start(), start() + 30 * DAY), answer);
        // 30 days are 60 lives, and 86 to 100 of 0.6 to 0.7 lives.
        assert!((86..=101).contains(&course.asked.len()), "{}", course.asked.len());
        assert!(course.shortest_pause() >= (12 * HOUR).mul_f64(0.6));

        let now = *course.asked.last().unwrap() + HOUR;
        let mut restarted = Course { held: course.held, ..Course::default() };
        restarted.run("a", (now, now + 6 * HOUR), answer);
        assert_eq!(restarted.asked, [SystemTime::UNIX_EPOCH; 0]);
    }

    #[test]
    fn fault_48_after_a_day_without_an_issuer_the_token_comes_at_once() {
        let mut course = Course::default();
        let (away, back) = (start() + HOUR, start() + HOUR + DAY);
        let answer = |now| match (away..back).contains(&now) {
            true => Err(down()),
            false => Ok(Expiry::After(12 * HOUR)),
        };
        course.run("a", (start(), away), answer);
        assert_eq!(course.asked.len(), 1);
        let good = course.held;
        course.run("a", (away, back), answer);
        // It stays, and is asked for no more often than each 2.5 minutes in the end.
        assert_eq!(course.held, good);
        assert!((100..600).contains(&course.asked.len()), "{}", course.asked.len());
        assert!(course.shortest_pause() >= FIRST_RETRY);
        course.run("a", (back, back + LONGEST_RETRY), answer);
        assert!(course.held.unwrap().issued_at >= back, "back within the longest pause");
        assert!(course.attempts.failure("a").is_none());
    }

    #[test]
    fn fault_48_an_issuer_that_wants_time_has_it() {
        let mut course = Course::default();
        let wish = Duration::from_secs(20 * 60);
        let throttled =
            || Failure { retry_after: Some(wish), ..Failure::new(Reason::Throttled, "429") };
        course.run("a", (start(), start() + HOUR), |_| Err(throttled()));
        assert_eq!(course.asked.len(), 3);
        assert_eq!(course.shortest_pause(), wish);
        let soon = Failure { retry_after: Some(Duration::ZERO), ..throttled() };
        let mut course = Course::default();
        course.run("a", (start(), start() + HOUR), |_| Err(soon.clone()));
        assert!(course.shortest_pause() >= FIRST_RETRY, "a wish for none is no wish");
    }

    #[test]
    fn fault_47_of_500_tokens_that_end_together_each_minute_has_its_share() {
        let held = Life::of(Expiry::After(12 * HOUR), start());
        let mut minutes = HashMap::new();
        for number in 0..500 {
            let mut course = Course { held: Some(held), ..Course::default() };
            let answer = |_| Ok(Expiry::After(12 * HOUR));
            course.run(&number.to_string(), (start(), start() + 9 * HOUR), answer);
            assert_eq!(course.asked.len(), 1, "once, before it ends");
            let minute = course.asked[0].duration_since(start()).unwrap().as_secs() / 60;
            *minutes.entry(minute).or_insert(0) += 1;
        }
        let most = minutes.values().max();
        assert!(most < Some(&25), "{most:?} in one minute");
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut attempts = Attempts::default();
        attempts.failed("a", down(), start(), 1.0);
        let before = start() - 30 * DAY;
        let due = attempts.due("a", None, before);
        assert!(due <= Some(before + LONGEST), "{due:?}");
        let held = Life::of(Expiry::After(12 * HOUR), start());
        assert_eq!(Attempts::default().due("a", Some(&held), before), Some(before));
    }

    fn answer() -> impl Strategy<Value = Result<Expiry, Option<u64>>> {
        let second = Duration::from_secs(1);
        prop_oneof![
            (0_u64..50_000).prop_map(|seconds| Ok(Expiry::After(Duration::from_secs(seconds)))),
            any::<u32>().prop_map(move |life| Ok(Expiry::After(second.saturating_mul(life)))),
            Just(Ok(Expiry::At(SystemTime::UNIX_EPOCH))),
            Just(Ok(Expiry::Unknown)),
            proptest::option::of(0_u64..100_000).prop_map(Err),
        ]
    }

    proptest! {
        /// Whatever an issuer says: never two requests close together, and never for good silence.
        #[test]
        fn fault_48_no_answer_makes_it_spin(answers in prop::collection::vec(answer(), 1..20)) {
            let mut course = Course::default();
            let number = std::cell::Cell::new(0);
            course.run("a", (start(), start() + 40 * DAY), |_| {
                let answer = answers[number.replace(number.get() + 1) % answers.len()];
                answer.map_err(|wish| Failure {
                    retry_after: wish.map(Duration::from_secs),
                    ..down()
                })
            });
            prop_assert!(course.shortest_pause() >= FIRST_RETRY);
            // No life is longer than 30 days, and no pause after a failure than an hour.
            let ends = course.asked.iter().copied().skip(1).chain([start() + 40 * DAY]);
            let pauses = course.asked.iter().zip(ends).map(|(asked, end)| end.duration_since(*asked).unwrap());
            prop_assert!(pauses.max() <= Some(21 * DAY + HOUR));
            prop_assert!(!course.asked.is_empty());
        }
    }
}
