//! The decisions of the leader election: in tables, and in simulated trouble.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use proptest::{collection::vec, prelude::*};
use pullpass::cluster::lease::{Elector, LeaseTimes, LeaseTimesError, Step};
use rstest::rstest;
use std::time::{Duration, Instant};

const SECOND: u64 = 1_000;
const LEASE_DURATION: u64 = 15 * SECOND;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn times() -> LeaseTimes {
    LeaseTimes::new(millis(LEASE_DURATION), millis(10 * SECOND), millis(2 * SECOND)).unwrap()
}

fn elector(identity: &str) -> Elector {
    Elector::new(identity.to_owned(), times())
}

fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn lease(holder: &str, seconds: Option<i32>) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: seconds,
        acquire_time: Some(MicroTime(wall(100))),
        renew_time: Some(MicroTime(wall(200))),
        lease_transitions: Some(7),
        ..LeaseSpec::default()
    }
}

#[rstest]
#[case(15, 15, 2, true)]
#[case(15, 20, 2, true)]
#[case(15, 10, 10, true)]
#[case(15, 10, 11, true)]
#[case(15, 10, 0, true)]
#[case(15, 10, 2, false)]
#[case(3, 2, 1, false)]
fn the_times_must_fit_together(
    #[case] duration: u64,
    #[case] deadline: u64,
    #[case] retry: u64,
    #[case] is_refused: bool,
) {
    let [duration, deadline, retry] = [duration, deadline, retry].map(Duration::from_secs);
    let times = LeaseTimes::new(duration, deadline, retry);
    assert_eq!(times.is_err(), is_refused, "{times:?}");
}

#[test]
fn what_does_not_fit_is_said() {
    let error = LeaseTimes::new(millis(5), millis(7), millis(1)).unwrap_err();
    assert!(matches!(error, LeaseTimesError::Deadline { .. }));
    assert!(error.to_string().contains("(7ms) must be shorter than the lease duration (5ms)"));
}

#[test]
fn pauses_are_spread_and_never_longer_than_the_retry_period() {
    assert_eq!(times().pause(0.0), millis(2_000));
    assert_eq!(times().pause(1.0), millis(1_500));
    assert_eq!(times().pause(7.0), millis(1_500));
    assert!(times().pause_after_conflict(0.5) < millis(200));
}

#[rstest]
#[case::none(None, Step::Create)]
#[case::nobodys(Some(lease("", None)), Step::Take)]
#[case::released(Some(lease("", Some(1))), Step::Take)]
#[case::empty(Some(LeaseSpec::default()), Step::Take)]
#[case::ours(Some(lease("a", Some(15))), Step::Renew)]
#[case::anothers(Some(lease("b", Some(15))), Step::Wait(millis(15_000)))]
#[case::of_a_longer_lease(Some(lease("b", Some(60))), Step::Wait(millis(60_000)))]
#[case::without_a_duration(Some(lease("b", None)), Step::Wait(millis(15_000)))]
#[case::zero(Some(lease("b", Some(0))), Step::Wait(millis(15_000)))]
#[case::negative(Some(lease("b", Some(-5))), Step::Wait(millis(15_000)))]
#[case::too_short(Some(lease("b", Some(1))), Step::Wait(millis(15_000)))]
#[case::absurd(Some(lease("b", Some(i32::MAX))), Step::Wait(millis(150_000)))]
fn at_first_sight(#[case] lease: Option<LeaseSpec>, #[case] expected: Step) {
    let now = Instant::now();
    let mut elector = elector("a");
    elector.observe(lease.as_ref(), now);
    assert_eq!(elector.step(now), expected);
    assert!(!elector.leads(now));
}

#[test]
fn a_record_is_waited_for_from_when_it_was_first_seen_unchanged_whatever_it_says_of_the_time() {
    let began = Instant::now();
    let at = |offset| began + millis(offset);
    let mut elector = elector("a");
    for hours_of_skew in [-10_000, 0, 10_000] {
        let mut record = lease("b", Some(15));
        record.renew_time = Some(MicroTime(wall(1_700_000_000 + hours_of_skew * 3_600)));
        elector.observe(Some(&record), at(0));
        elector.observe(Some(&record), at(14_000));
        assert_eq!(elector.step(at(14_000)), Step::Wait(millis(1_000)));
        assert_eq!(elector.step(at(15_000)), Step::Take);
        record.renew_time = Some(MicroTime(wall(5)));
        elector.observe(Some(&record), at(15_000));
        assert_eq!(elector.step(at(15_000)), Step::Wait(millis(15_000)), "it was renewed");
    }
}

#[rstest]
#[case::deleted(None)]
#[case::emptied(Some(lease("", Some(15))))]
fn a_lease_wiped_by_hand_is_waited_for_and_a_released_one_is_not(#[case] wiped: Option<LeaseSpec>) {
    let began = Instant::now();
    let mut elector = elector("a");
    elector.observe(Some(&lease("b", Some(15))), began);
    elector.observe(wiped.as_ref(), began + millis(4_000));
    assert_eq!(elector.step(began + millis(4_000)), Step::Wait(millis(11_000)));
    assert!(!matches!(elector.step(began + millis(15_000)), Step::Wait(_)));
    elector.observe(Some(&lease("", Some(1))), began + millis(5_000));
    assert_eq!(elector.step(began + millis(5_000)), Step::Take);
}

#[test]
fn a_term_ends_a_renew_deadline_after_the_request_began() {
    let began = Instant::now();
    let mut elector = elector("a");
    elector.observe(None, began);
    let claim = elector.claim(wall(1));
    elector.written(claim, began);
    assert!(elector.leads(began + millis(9_999)));
    assert!(!elector.leads(began + millis(10_000)));
    assert_eq!(elector.step(began + millis(10_000)), Step::Renew, "its record may still stand");
}

#[test]
fn another_in_the_record_ends_the_term_at_once() {
    let began = Instant::now();
    let mut elector = elector("a");
    elector.written(elector.claim(wall(1)), began);
    assert!(elector.leads(began));
    elector.observe(Some(&lease("b", Some(15))), began);
    assert!(!elector.leads(began));
    assert_eq!(elector.holder(), Some("b"));
}

#[test]
fn a_claim_counts_transitions_and_keeps_when_it_was_acquired() {
    let mut elector = elector("a");
    let fresh = elector.claim(wall(1));
    assert_eq!(fresh.lease_transitions, Some(0));
    assert_eq!(fresh.acquire_time, fresh.renew_time);

    elector.observe(Some(&lease("b", Some(60))), Instant::now());
    let taken = elector.claim(wall(300));
    assert_eq!(taken.lease_transitions, Some(8));
    assert_eq!(taken.lease_duration_seconds, Some(15));
    assert_eq!(taken.acquire_time, Some(MicroTime(wall(300))));
    assert_eq!(taken.holder_identity.as_deref(), Some("a"));

    elector.observe(Some(&taken), Instant::now());
    let renewed = elector.claim(wall(301));
    assert_eq!(renewed.lease_transitions, Some(8));
    assert_eq!(renewed.acquire_time, Some(MicroTime(wall(300))));
    assert_eq!(renewed.renew_time, Some(MicroTime(wall(301))));
}

#[test]
fn a_renewal_is_seen_by_others_even_if_the_clock_stands_still() {
    let mut elector = elector("a");
    let first = elector.claim(wall(1));
    elector.observe(Some(&first), Instant::now());
    assert_ne!(elector.claim(wall(1)).renew_time, first.renew_time);
}

#[test]
fn nonsense_in_the_record_is_not_carried_on() {
    let mut elector = elector("a");
    let mut nonsense = lease("", Some(i32::MAX));
    nonsense.lease_transitions = Some(i32::MAX);
    nonsense.strategy = Some("OldestEmulationVersion".into());
    elector.observe(Some(&nonsense), Instant::now());
    let claim = elector.claim(wall(1));
    assert_eq!((claim.lease_transitions, claim.strategy), (Some(i32::MAX), None));
    nonsense.lease_transitions = Some(-3);
    elector.observe(Some(&nonsense), Instant::now());
    assert_eq!(elector.claim(wall(1)).lease_transitions, Some(1));
}

#[test]
fn only_ones_own_lease_is_released() {
    let mut elector = elector("a");
    assert_eq!(elector.released(wall(1)), None);
    elector.observe(Some(&lease("b", Some(15))), Instant::now());
    assert_eq!(elector.released(wall(1)), None);
    elector.observe(Some(&lease("a", Some(15))), Instant::now());
    let released = elector.released(wall(1)).unwrap();
    assert_eq!(released.holder_identity.as_deref(), Some(""));
    assert_eq!((released.lease_duration_seconds, released.lease_transitions), (Some(1), Some(7)));
}

/// What befalls a replica at some time.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// It is killed, and started again with a new identity.
    Crash,
    /// It ends in good order, and is started again.
    Restart,
    /// It is stopped for so long, and goes on as if nothing had been.
    Pause(u64),
    /// Its requests are lost for so long.
    LostRequests(u64),
    /// The answers to it are lost for so long.
    LostAnswers(u64),
}

/// What somebody does to the Lease by hand.
#[derive(Debug, Clone)]
enum Edit {
    Delete,
    Empty,
    Stranger(i32),
    Duration(i32),
}

#[derive(Debug, Clone)]
struct Script {
    replicas: usize,
    /// When, to which replica.
    troubles: Vec<(u64, usize, Trouble)>,
    edits: Vec<(u64, Edit)>,
    /// How long requests and answers take, in turn.
    delays: Vec<u64>,
    /// How wrong each wall clock is, in seconds.
    skews: [i64; 3],
    /// The speed of each monotonic clock, in thousandths.
    speeds: [u64; 3],
}

const TROUBLE_ENDS: u64 = 90 * SECOND;
const TICK: u64 = 50;

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::Crash),
        Just(Trouble::Restart),
        (0..40 * SECOND).prop_map(Trouble::Pause),
        (0..20 * SECOND).prop_map(Trouble::LostRequests),
        (0..20 * SECOND).prop_map(Trouble::LostAnswers),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let seconds = || prop_oneof![Just(i32::MAX), Just(1), Just(-1), 0..100_i32];
    prop_oneof![
        Just(Edit::Delete),
        Just(Edit::Empty),
        seconds().prop_map(Edit::Stranger),
        seconds().prop_map(Edit::Duration),
    ]
}

fn script(edits: usize) -> impl Strategy<Value = Script> {
    let delay = prop_oneof![4 => 0..100_u64, 1 => 0..6 * SECOND];
    let skew = || prop_oneof![Just(0_i64), -600..600_i64, -100_000_000..100_000_000_i64];
    let speed = || 900..1_100_u64;
    let troubles = vec((0..50 * SECOND, 0..3_usize, trouble()), 0..12);
    let edits = vec((0..50 * SECOND, edit()), 0..=edits);
    let clocks = ([skew(), skew(), skew()], [speed(), speed(), speed()]);
    (2..=3_usize, troubles, edits, vec(delay, 1..30), clocks).prop_map(
        |(replicas, troubles, edits, delays, (skews, speeds))| Script {
            replicas,
            troubles,
            edits,
            delays,
            skews,
            speeds,
        },
    )
}

/// What a replica is about, in its own loop.
#[derive(Debug, Clone)]
enum Doing {
    Resting { until: u64 },
    Asking { request: usize, claim: Option<LeaseSpec>, began: Instant, gives_up: u64 },
}

struct Replica {
    elector: Elector,
    doing: Doing,
    /// The version of the Lease that it saw last.
    version: Option<u64>,
    stopped_until: u64,
    requests_lost_until: u64,
    answers_lost_until: u64,
    restarts: u32,
}

/// A request that was sent. It may arrive after its sender gave up on it, or is no more.
struct Request {
    arrives: u64,
    answered: u64,
    /// None: a GET.
    write: Option<(LeaseSpec, Option<u64>)>,
    answer: Option<Answer>,
}

#[derive(Clone)]
enum Answer {
    Seen(Option<(LeaseSpec, u64)>),
    Written(bool),
}

struct World<'a> {
    script: &'a Script,
    origin: Instant,
    /// At the API server, with its resourceVersion.
    lease: Option<(LeaseSpec, u64)>,
    version: u64,
    requests: Vec<Request>,
    replicas: Vec<Replica>,
}

impl<'a> World<'a> {
    fn new(script: &'a Script) -> Self {
        let replica = |number: usize| Replica {
            elector: elector(&format!("{number}.0")),
            doing: Doing::Resting { until: 0 },
            version: None,
            stopped_until: 0,
            requests_lost_until: 0,
            answers_lost_until: 0,
            restarts: 0,
        };
        Self {
            script,
            origin: Instant::now(),
            lease: None,
            version: 0,
            requests: vec![],
            replicas: (0..script.replicas).map(replica).collect(),
        }
    }

    /// The replica's monotonic clock.
    fn clock(&self, number: usize, at: u64) -> Instant {
        self.origin + millis(at * self.script.speeds[number] / 1_000)
    }

    fn wall(&self, number: usize, at: u64) -> Timestamp {
        let elapsed = i64::try_from(at / SECOND).unwrap();
        wall(1_700_000_000 + self.script.skews[number] + elapsed)
    }

    fn tick(&mut self, at: u64) {
        for (when, edit) in &self.script.edits {
            if when / TICK == at / TICK {
                self.edit(edit);
            }
        }
        for (when, number, trouble) in &self.script.troubles {
            if when / TICK == at / TICK {
                self.strike(at, number % self.script.replicas, *trouble);
            }
        }
        self.serve(at);
        for number in 0..self.replicas.len() {
            if self.replicas[number].stopped_until <= at {
                self.act(number, at);
            }
        }
    }

    fn store(&mut self, spec: LeaseSpec) {
        self.version += 1;
        self.lease = Some((spec, self.version));
    }

    fn edit(&mut self, edit: &Edit) {
        let Some((mut spec, _)) = self.lease.take() else { return };
        match edit {
            Edit::Delete => return,
            Edit::Empty => spec.holder_identity = None,
            Edit::Duration(seconds) => spec.lease_duration_seconds = Some(*seconds),
            Edit::Stranger(seconds) => spec = lease("stranger", Some(*seconds)),
        }
        self.store(spec);
    }

    fn strike(&mut self, at: u64, number: usize, trouble: Trouble) {
        let wall = self.wall(number, at);
        let replica = &mut self.replicas[number];
        match trouble {
            Trouble::Pause(time) => replica.stopped_until = at + time,
            Trouble::LostRequests(time) => replica.requests_lost_until = at + time,
            Trouble::LostAnswers(time) => replica.answers_lost_until = at + time,
            Trouble::Crash => replica.restart(number, at),
            Trouble::Restart => {
                replica.elector.step_down();
                let released = replica.elector.released(wall).map(|spec| (spec, replica.version));
                replica.restart(number, at);
                if let Some(write) = released {
                    self.send(number, at, Some(write));
                }
            }
        }
    }

    fn delay(&self, at: u64, number: usize) -> u64 {
        match at > TROUBLE_ENDS {
            true => 10,
            false => self.script.delays[number % self.script.delays.len()],
        }
    }

    fn send(&mut self, number: usize, at: u64, write: Option<(LeaseSpec, Option<u64>)>) -> usize {
        let sent = self.requests.len();
        let replica = &self.replicas[number];
        let is_lost = at < replica.requests_lost_until;
        let arrives = if is_lost { u64::MAX } else { at + self.delay(at, 2 * sent) };
        let answered = arrives.saturating_add(self.delay(at, 2 * sent + 1));
        let answered = if answered < replica.answers_lost_until { u64::MAX } else { answered };
        self.requests.push(Request { arrives, answered, write, answer: None });
        sent
    }

    /// What happens at the API server.
    fn serve(&mut self, at: u64) {
        for number in 0..self.requests.len() {
            let request = &mut self.requests[number];
            if request.answer.is_some() || request.arrives > at {
                continue;
            }
            let current = self.lease.as_ref().map(|(_, version)| *version);
            let answer = match request.write.take() {
                None => Answer::Seen(self.lease.clone()),
                Some((spec, version)) => {
                    let is_accepted = version == current;
                    if is_accepted {
                        self.store(spec);
                    }
                    Answer::Written(is_accepted)
                }
            };
            self.requests[number].answer = Some(answer);
        }
    }

    /// The loop of the replica, as in `leader.rs`.
    fn act(&mut self, number: usize, at: u64) {
        let (now, wall) = (self.clock(number, at), self.wall(number, at));
        let rest = Doing::Resting { until: at + 2 * SECOND };
        match self.replicas[number].doing.clone() {
            Doing::Resting { until } if until <= at => self.ask(number, at, None),
            Doing::Resting { .. } => {}
            Doing::Asking { request, claim, began, gives_up } => {
                let answer = &self.requests[request];
                let answer = answer.answer.clone().filter(|_| answer.answered <= at);
                let replica = &mut self.replicas[number];
                match answer {
                    Some(Answer::Seen(seen)) => {
                        let (spec, version) = seen.unzip();
                        replica.version = version;
                        replica.elector.observe(spec.as_ref(), now);
                        if matches!(replica.elector.step(now), Step::Wait(_)) {
                            replica.doing = rest;
                        } else {
                            let claim = replica.elector.claim(wall);
                            self.ask(number, at, Some(claim));
                        }
                    }
                    Some(Answer::Written(is_accepted)) => {
                        if let Some(claim) = claim.filter(|_| is_accepted) {
                            replica.elector.written(claim, began);
                        }
                        replica.doing = rest;
                    }
                    None if gives_up <= at => replica.doing = rest,
                    None => {}
                }
            }
        }
    }

    fn ask(&mut self, number: usize, at: u64, claim: Option<LeaseSpec>) {
        let timeout = u64::try_from(times().request_timeout().as_millis()).unwrap();
        let write = claim.clone().map(|claim| (claim, self.replicas[number].version));
        let request = self.send(number, at, write);
        let began = self.clock(number, at);
        self.replicas[number].doing =
            Doing::Asking { request, claim, began, gives_up: at + timeout };
    }

    fn leaders(&self, at: u64) -> Vec<&str> {
        let clocks = (0..).map(|number| self.clock(number, at));
        let replicas = self.replicas.iter().map(|replica| &replica.elector);
        let leading = replicas.zip(clocks).filter(|(elector, now)| elector.leads(*now));
        leading.map(|(elector, _)| elector.identity()).collect()
    }
}

impl Replica {
    fn restart(&mut self, number: usize, at: u64) {
        self.restarts += 1;
        self.elector = elector(&format!("{number}.{}", self.restarts));
        self.doing = Doing::Resting { until: at + 500 };
        self.stopped_until = 0;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Clocks wrong by years and of different speed, lost and late requests and answers, kills, stops.
    #[test]
    fn fault_22_never_two_lead_and_in_the_end_one_does(script in script(0)) {
        let mut world = World::new(&script);
        let mut has_led = false;
        for at in (0..TROUBLE_ENDS + 45 * SECOND).step_by(usize::try_from(TICK).unwrap()) {
            world.tick(at);
            let leaders = world.leaders(at);
            prop_assert!(leaders.len() <= 1, "at {at}: {leaders:?}");
            if at > TROUBLE_ENDS + 40 * SECOND {
                prop_assert!(leaders.len() == 1, "at {at}: nobody leads");
            }
            has_led |= !leaders.is_empty();
        }
        prop_assert!(has_led);
    }

    /// The longest that an edit can hold things up is ten lease durations.
    #[test]
    fn whatever_is_done_to_the_lease_one_leads_in_the_end(script in script(6)) {
        let mut world = World::new(&script);
        let end = 50 * SECOND + 10 * LEASE_DURATION * 11 / 10 + 60 * SECOND;
        for at in (0..end).step_by(usize::try_from(TICK).unwrap()) {
            world.tick(at);
        }
        prop_assert_eq!(world.leaders(end).len(), 1);
    }
}
