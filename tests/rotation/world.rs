//! The simulated cluster. Real certificates, simulated time.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant, SystemTime},
};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use pullpass::{
    controller::certificates::secrets,
    pki::{
        self, Bundle,
        rotation::{Found, Memory, Policy, Seen, Step, next_step},
    },
};
use rustls::pki_types::CertificateDer;

/// The name that API servers connect to.
pub const NAME: &str = "pullpass-webhook.pullpass-system.svc";
/// From a change of a webhook configuration until every API server goes by it, less a moment.
pub const PROPAGATION: Duration = Duration::from_secs(60);
/// From a change of the Secret until every replica has picked it up, less a moment.
pub const PICKUP: Duration = Duration::from_secs(600);
/// The moment.
const MOMENT: Duration = Duration::from_secs(1);
pub const DAY: Duration = Duration::from_secs(86_400);
pub const CA_LIFETIME: Duration = Duration::from_secs(365 * 86_400);
pub const LEAF_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

pub type Chain = Vec<CertificateDer<'static>>;

/// A write of the controller that a crash may prevent, or follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Nothing is written.
    Before,
    /// Of several writes the first is made.
    Amid,
    /// All is written, and nothing of it remembered.
    After,
}

/// A webhook configuration, as far as it matters.
#[derive(Debug, Clone, PartialEq)]
pub enum Configuration {
    Deleted,
    /// With this caBundle, or with none.
    There(Option<Bundle>),
}

impl Configuration {
    /// Its caBundle, if the configuration exists.
    pub fn there(&self) -> Option<&Option<Bundle>> {
        match self {
            Self::Deleted => None,
            Self::There(bundle) => Some(bundle),
        }
    }

    /// Its caBundle, if there is any.
    pub fn bundle(&self) -> Option<&Bundle> {
        self.there().and_then(Option::as_ref)
    }
}

/// All of the cluster, at one moment.
pub struct World {
    start: SystemTime,
    epoch: Instant,
    /// Since the start.
    pub now: Duration,
    pub ca: Option<Secret>,
    pub tls: Option<Secret>,
    /// Both webhook configurations.
    pub configurations: [Configuration; 2],
    /// What they were, each version with its time.
    history: Vec<(Duration, [Configuration; 2])>,
    /// What the serving Secret was.
    stored: Vec<(Duration, Option<Chain>)>,
    /// What each replica serves; each with its lag.
    pub replicas: [(Duration, Option<Chain>); 2],
    memory: Memory,
    /// How far the leader's clock is off, in seconds.
    pub skew: i64,
    verified: RefCell<HashMap<(CertificateDer<'static>, String), bool>>,
    pub writes: usize,
    /// How far a crash has left things: the steps that were taken.
    pub log: Vec<String>,
}

impl World {
    /// An empty cluster with the webhook configurations applied, short of their caBundles.
    pub fn new() -> Self {
        let configurations = [Configuration::There(None), Configuration::There(None)];
        Self {
            start: SystemTime::UNIX_EPOCH + 20_000 * DAY,
            epoch: Instant::now(),
            now: Duration::ZERO,
            ca: None,
            tls: None,
            history: vec![(Duration::ZERO, configurations.clone())],
            configurations,
            stored: vec![(Duration::ZERO, None)],
            replicas: [(Duration::ZERO, None), (PICKUP - MOMENT, None)],
            memory: Memory::default(),
            skew: 0,
            verified: RefCell::default(),
            writes: 0,
            log: vec![],
        }
    }

    /// One in which all is as it should be, for long.
    pub fn steady() -> Self {
        let mut world = Self::new();
        world.settle();
        world.advance(2 * PICKUP);
        world
    }

    pub fn policy() -> Policy {
        Policy {
            names: vec![NAME.to_owned()],
            ca_renewal_percent: 67,
            certificate_renewal_percent: 67,
            propagation_delay: PROPAGATION,
            pickup_delay: PICKUP,
        }
    }

    /// The true time.
    pub fn time(&self) -> SystemTime {
        self.start + self.now
    }

    /// The leader's clock.
    fn leaders_time(&self) -> SystemTime {
        let skew = Duration::from_secs(self.skew.unsigned_abs());
        if self.skew < 0 { self.time() - skew } else { self.time() + skew }
    }

    pub fn seen(&self) -> Seen {
        Seen {
            authority: secrets::read_authority(self.ca.as_ref()).0,
            serving: secrets::read_serving(self.tls.as_ref(), self.leaders_time()),
            published: self
                .configurations
                .iter()
                .filter_map(Configuration::there)
                .cloned()
                .collect(),
        }
    }

    /// Another leader, which has seen nothing yet.
    pub fn change_leader(&mut self, skew: i64) {
        self.memory = Memory::default();
        self.skew = skew;
    }

    /// One round of the leader. Gives the step, taken as far as the crash lets it.
    pub fn round(&mut self, crash: Option<Crash>) -> Step {
        let seen = self.seen();
        let elapsed = self.memory.note(&seen, self.epoch + self.now);
        let step = next_step(&seen, elapsed, self.leaders_time(), &Self::policy());
        self.log.push(format!("{:?} skew {} {step:?} {crash:?}", self.now, self.skew));
        if crash != Some(Crash::Before) && !matches!(step, Step::Wait(..)) {
            self.take(&step, &seen, crash);
            self.writes += 1;
        }
        if crash.is_some() {
            self.change_leader(self.skew);
        }
        self.record();
        step
    }

    fn take(&mut self, step: &Step, seen: &Seen, crash: Option<Crash>) {
        let now = self.leaders_time();
        match step {
            Step::IssueAuthority { carried, .. } => {
                let authority = pki::issue_ca("CA", now, CA_LIFETIME).unwrap();
                let secret = self.ca.clone().unwrap_or_default();
                self.ca = Some(secrets::with_authority(secret, &authority, carried));
            }
            Step::Trust(trusted) => {
                self.ca = Some(secrets::with_trusted(self.ca.clone().unwrap(), trusted));
            }
            Step::Publish(bundles) => {
                let count = if crash == Some(Crash::Amid) { 1 } else { bundles.len() };
                let places: Vec<usize> =
                    (0..2).filter(|place| self.configurations[*place].there().is_some()).collect();
                for (place, bundle) in &bundles[..count] {
                    self.configurations[places[*place]] =
                        Configuration::There(Some(bundle.clone()));
                }
            }
            Step::IssueServing(_) => {
                let (_, authority) = secrets::read_authority(self.ca.as_ref());
                let authority = authority.expect("an authority that signs is stored");
                let pair =
                    pki::issue_serving(&authority, &[NAME.to_owned()], now, LEAF_LIFETIME).unwrap();
                let before = self.chain();
                let secret = self.tls.clone().unwrap_or_default();
                self.tls = Some(secrets::with_serving(secret, &pair, &authority));
                let chain = self.chain().expect("what was issued can be read");
                self.assert_trusted(seen, before.as_ref(), &chain);
            }
            Step::Wait(..) => {}
        }
    }

    /// Asserts that whoever trusted the certificate before, or trusts anybody, trusts the new one.
    fn assert_trusted(&self, seen: &Seen, before: Option<&Chain>, chain: &Chain) {
        let is_lost = |bundle: &Bundle| {
            let was_trusted = before.is_none_or(|before| self.verifies(bundle, before));
            was_trusted && !self.verifies(bundle, chain)
        };
        let mut bundles = seen.published.iter().flatten();
        assert!(!bundles.any(is_lost), "not published: {:#?}", self.log);
        let is_published = seen.published.iter().any(Option::is_some);
        let is_first = before.is_none() && !seen.published.is_empty();
        assert!(is_published || !is_first, "published by nobody: {:#?}", self.log);
    }

    /// Rounds without a crash, with time passing, until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..40 {
            match self.round(None) {
                Step::Wait(_, pki::rotation::Waiting::Renewal) => return,
                Step::Wait(time, _) => self.advance(time.max(MOMENT)),
                _ => {}
            }
        }
        panic!("it does not settle: {:#?}", self.log);
    }

    /// Lets time pass. All that happens late happens within it.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        let mut moments: Vec<Duration> = [PROPAGATION - MOMENT, PICKUP - MOMENT]
            .iter()
            .flat_map(|lag| {
                let stored = self.stored.iter().map(|(at, _)| *at);
                stored.chain(self.history.iter().map(|(at, _)| *at)).map(move |at| at + *lag)
            })
            .filter(|moment| *moment > self.now && *moment < end)
            .collect();
        moments.sort();
        for moment in moments.into_iter().chain([end]) {
            self.now = moment;
            self.pick_up();
        }
        self.forget();
    }

    /// Takes note of what is stored, as of now.
    pub fn record(&mut self) {
        let chain = self.chain();
        if self.stored.last().is_none_or(|(_, last)| *last != chain) {
            self.stored.push((self.now, chain));
        }
        if self.history.last().is_none_or(|(_, last)| *last != self.configurations) {
            self.history.push((self.now, self.configurations.clone()));
        }
        self.pick_up();
    }

    /// Each replica takes what was stored a lag ago, if the published caBundles verify it; else it keeps
    /// what it has.
    fn pick_up(&mut self) {
        for place in 0..self.replicas.len() {
            let lag = self.replicas[place].0;
            let Some(at) = self.now.checked_sub(lag) else { continue };
            let found = self.stored.iter().rev().find(|(stored, _)| *stored <= at);
            let Some(chain) = found.and_then(|(_, chain)| chain.clone()) else { continue };
            let mut bundles = self.configurations.iter().filter_map(Configuration::there);
            let is_verified = bundles
                .all(|bundle| bundle.as_ref().is_some_and(|bundle| self.verifies(bundle, &chain)));
            if is_verified || self.replicas[place].1.is_none() {
                self.replicas[place].1 = Some(chain);
            }
        }
    }

    fn forget(&mut self) {
        let old = self.now.saturating_sub(2 * PICKUP);
        let keep = |times: Vec<Duration>| times.iter().rposition(|at| *at <= old).unwrap_or(0);
        let first = keep(self.history.iter().map(|(at, _)| *at).collect());
        self.history.drain(..first);
        let first = keep(self.stored.iter().map(|(at, _)| *at).collect());
        self.stored.drain(..first);
    }

    fn chain(&self) -> Option<Chain> {
        match secrets::read_serving(self.tls.as_ref(), self.time()) {
            Found::Good(serving) => Some(serving.chain),
            Found::Absent | Found::Broken(_) => None,
        }
    }

    fn verifies(&self, bundle: &Bundle, chain: &Chain) -> bool {
        let validity = pki::validity(&chain[0]).unwrap();
        let is_in_time = (validity.not_before..=validity.not_after).contains(&self.time());
        let key = (chain[0].clone(), bundle.pem());
        is_in_time
            && *self
                .verified
                .borrow_mut()
                .entry(key)
                .or_insert_with(|| pki::verify(bundle, chain, NAME, self.time()).is_ok())
    }

    /// Why a request of some API server to some replica would fail now; none if all would succeed.
    pub fn failure(&self) -> Option<String> {
        for (lag, replica) in &self.replicas {
            let Some(chain) = replica else { return Some(format!("{lag:?}: no certificate")) };
            for late in [Duration::ZERO, PROPAGATION - MOMENT] {
                let at = self.now.saturating_sub(late);
                let (_, view) = self.history.iter().rev().find(|(then, _)| *then <= at)?;
                for bundle in view.iter().filter_map(Configuration::there) {
                    let is_trusted =
                        bundle.as_ref().is_some_and(|bundle| self.verifies(bundle, chain));
                    if !is_trusted {
                        return Some(format!(
                            "at {:?} a replica that is {lag:?} late is not trusted by an API server that is {late:?} late: {:#?}",
                            self.now, self.log
                        ));
                    }
                }
            }
        }
        None
    }

    /// Asserts that there is one authority, published and no other, and a certificate signed by it.
    pub fn assert_steady(&mut self) {
        let seen = self.seen();
        let authority = seen.authority.good().expect("the authority is stored").clone();
        let own = Bundle::of(authority.certificate);
        assert_eq!(authority.trusted, own, "{:#?}", self.log);
        assert!(!authority.renew);
        for bundle in &seen.published {
            assert_eq!(bundle.as_ref(), Some(&own), "{:#?}", self.log);
        }
        let serving = seen.serving.good().expect("the certificate is stored");
        assert!(self.verifies(&own, &serving.chain) && !serving.renew);
        let before = self.writes;
        self.round(None);
        self.round(None);
        assert_eq!(self.writes, before, "nothing is written where nothing is due: {:#?}", self.log);
    }

    /// Changes a value of a Secret, if there is the Secret.
    pub fn edit(secret: &mut Option<Secret>, key: &str, value: &[u8]) {
        if let Some(secret) = secret {
            let data = secret.data.get_or_insert_with(BTreeMap::new);
            data.insert(key.to_owned(), ByteString(value.to_vec()));
        }
    }

    /// Asks for renewal.
    pub fn ask(secret: &mut Option<Secret>) {
        if let Some(secret) = secret {
            let annotations = secret.metadata.annotations.get_or_insert_default();
            annotations.insert(secrets::RENEW.to_owned(), "now".to_owned());
        }
    }
}
