//! Ten times more than can be served: what is served stays quick, the rest is refused at once.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures::future::join_all;
use serde_json::Value;

use crate::{
    account::Account,
    clients::ask_one,
    connection::{Connection, Lost, PATIENCE, Target},
    eventually::eventually,
    options::Options,
    process::own_processor_time,
    report::{Report, milliseconds},
    reviews::{self, Review},
    site::Site,
    statistics::Sample,
};

/// How many ask at once while it is found out what can be served.
const AT_ONCE: usize = 16;
/// What is offered, in times of what can be served.
const TIMES: f64 = 10.0;
/// `timeoutSeconds` of the MutatingWebhookConfiguration: who is not answered by then has waited in vain.
const TIMEOUT: f64 = 5.0;
/// Who is answered by then, at p99, was not kept waiting in vain: a fifth is left for the network and the
/// API server.
const IN_TIME: f64 = TIMEOUT * 0.8;
/// More clients than this at once are a fault of the load.
const MOST_CLIENTS: usize = 15_000;
/// By when a probe is answered as if nothing had been.
const RECOVERY: f64 = 1.0;
/// What a probe may take then: it is one small review, on a new connection.
const NORMAL: f64 = 0.25;

/// What the webhook counts of those that were too slow, by its deadlines.
const DEADLINES: [&str; 3] = [
    "pullpass_handshake_failures_total{reason=\"timeout\"}",
    "pullpass_deadlines_exceeded_total{deadline=\"header\"}",
    "pullpass_deadlines_exceeded_total{deadline=\"body\"}",
];

/// Runs it, and reports.
pub async fn run(site: &Site, options: &Options, report: &mut Report) -> Result<()> {
    let costly = reviews::costly();
    let probe = reviews::paid_in(reviews::PAID, true);
    let capacity = capacity(site, options.overload / 2, &costly, report).await?;
    let rate = capacity * TIMES;
    let offer = Offer::new(site.target.clone(), costly);
    println!("overload: {} s, {rate:.0} costly reviews a second", options.overload.as_secs());
    let (server_before, client_before) = (site.process.processor_time()?, own_processor_time()?);
    let begun = Instant::now();
    let offered = offer.at(rate, options.overload).await;
    let took = begun.elapsed().as_secs_f64();
    let processor =
        [site.process.processor_time()? - server_before, own_processor_time()? - client_before];
    recovery(site, &probe, report).await?;
    offer.ended().await;
    let (account, refusals) = (&offer.account, lock(&offer.refusals).clone());

    let lasted = options.overload.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "it is some hundred thousand")]
    let offered_rate = offered as f64 / took;
    report.row(
        "offered",
        format!(
            "{offered} in {took:.1} s: {:.1} times what can be served",
            offered_rate / capacity
        ),
    );
    let served = account.of("reviews answered right");
    #[allow(clippy::cast_precision_loss, reason = "it is some hundred thousand")]
    let goodput = served as f64 / lasted;
    report.row("served right", format!("{served}, {goodput:.0}/s"));
    let latencies = account.latencies();
    report.latencies("latency of what was served", &latencies);
    for (kind, count) in account.beginning("overload: ") {
        report.row(format!("- {kind}"), count);
    }
    report.latencies("latency of what was refused with 503", &refusals);
    let [server, client] = processor;
    report.row("processor time of webhook, of load", format!("{server:.0} s, {client:.0} s"));

    let late = latencies.iter().copied().collect::<Sample>().percentile(99.0);
    report.condition(
        late.is_some_and(|late| late <= IN_TIME),
        format!("overload: what is served is served within {IN_TIME} s at p99"),
    );
    let refused = refusals.iter().copied().collect::<Sample>().percentile(99.0);
    report.condition(
        refused.is_none_or(|refused| refused <= IN_TIME),
        format!("overload: what is refused is refused within {IN_TIME} s at p99"),
    );
    report.condition(
        goodput >= capacity / 4.0,
        "overload: at least a quarter of what can be served is served, besides all refusals",
    );
    report.condition(
        offered_rate >= capacity * TIMES * 0.8,
        "overload: the load is as high as it should be",
    );
    for sample in DEADLINES {
        let value = site.metric(sample).await.map_err(anyhow::Error::msg)?;
        report.row(format!("{sample}, soak and overload"), value);
    }
    report.latencies("the load itself was late by", &lock(&offer.late));
    let panics = site.metric("pullpass_panics_total").await.map_err(anyhow::Error::msg)?;
    report.condition(panics == 0.0, "overload: no panic");
    report.failures_of(account);
    Ok(())
}

/// What is served a second when as many ask as are answered.
async fn capacity(
    site: &Site,
    length: Duration,
    costly: &Review,
    report: &mut Report,
) -> Result<f64> {
    let account = Account::default();
    let until = Instant::now() + length;
    let begun = Instant::now();
    let (server, client) = (site.process.processor_time()?, own_processor_time()?);
    join_all((0..AT_ONCE).map(async |_| {
        let mut kept = None;
        while Instant::now() < until {
            let connection = match kept.take() {
                Some(connection) => connection,
                None => {
                    site.target.open().await.expect("a webhook with some clients takes connections")
                }
            };
            kept = ask_one(connection, costly, &account).await;
        }
    }))
    .await;
    let served = account.of("reviews answered right");
    ensure!(served > 0, "no costly review is answered: {:?}", account.failures());
    #[allow(clippy::cast_precision_loss, reason = "it is some thousand")]
    let capacity = served as f64 / begun.elapsed().as_secs_f64();
    report.row(
        "costly reviews (1 MB, 27,000 containers) that can be served",
        format!("{capacity:.0}/s"),
    );
    report.latencies("latency then", &account.latencies());
    let [server, client] =
        [site.process.processor_time()? - server, own_processor_time()? - client];
    report.row("processor time of webhook, of load, then", format!("{server:.1} s, {client:.1} s"));
    report.failures_of(&account);
    Ok(capacity)
}

/// Asks again and again on new connections, from the end of the overload on.
async fn recovery(site: &Site, probe: &Review, report: &mut Report) -> Result<()> {
    let ended = Instant::now();
    loop {
        let asked = Instant::now();
        let account = Account::default();
        let outcome = match site.target.open().await {
            Ok(connection) => {
                ask_one(connection, probe, &account).await;
                account.of("reviews answered right") == 1
            }
            Err(_) => false,
        };
        let (took, after) = (asked.elapsed().as_secs_f64(), ended.elapsed().as_secs_f64());
        if outcome && took <= NORMAL {
            let took = milliseconds(Some(took));
            report.row("recovery", format!("{}, by a probe of {took}", milliseconds(Some(after))));
            report.condition(after <= RECOVERY, "overload: recovered within 1 s after it ended");
            return Ok(());
        }
        ensure!(after < 60.0, "the webhook did not recover within 60 s");
    }
}

/// What one client finds, and what all share.
struct Offer {
    target: Target,
    review: Review,
    account: Account,
    kept: Mutex<Vec<Connection>>,
    refusals: Mutex<Vec<f64>>,
    /// By how much the load came after its time: what the machine does to its clients.
    late: Mutex<Vec<f64>>,
    clients: AtomicUsize,
}

impl Offer {
    fn new(target: Target, review: Review) -> Arc<Self> {
        Arc::new(Self {
            target,
            review,
            account: Account::default(),
            kept: Mutex::default(),
            refusals: Mutex::default(),
            late: Mutex::default(),
            clients: AtomicUsize::new(0),
        })
    }

    /// Offers at a constant rate, whatever becomes of it, and gives how many were offered.
    async fn at(self: &Arc<Self>, rate: f64, length: Duration) -> usize {
        let begun = Instant::now();
        let mut offered = 0;
        while begun.elapsed() < length {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is from 0 to some hundred thousand"
            )]
            let due = (begun.elapsed().as_secs_f64() * rate) as usize;
            while offered < due {
                offered += 1;
                if self.clients.fetch_add(1, Ordering::Relaxed) >= MOST_CLIENTS {
                    self.account
                        .fail("CLIENTS that wait, all at once", || MOST_CLIENTS.to_string());
                }
                let offer = Arc::clone(self);
                tokio::spawn(async move {
                    offer.one().await;
                    offer.clients.fetch_sub(1, Ordering::Relaxed);
                });
            }
            let tick = Instant::now() + Duration::from_millis(1);
            tokio::time::sleep_until(tick.into()).await;
            lock(&self.late).push(tick.elapsed().as_secs_f64());
        }
        offered
    }

    /// Waits for the last answers.
    async fn ended(&self) {
        eventually("the last answers", 6 * PATIENCE, async || {
            self.clients.load(Ordering::Relaxed) == 0
        })
        .await;
    }

    /// One review, on a connection that is free or on a new one.
    async fn one(&self) {
        let sent = Instant::now();
        let kept = lock(&self.kept).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => match self.target.open().await {
                Ok(connection) => connection,
                Err(Lost::Closed(_)) => return self.account.count("overload: closed at accept"),
                Err(Lost::Hang) => {
                    return self.account.fail("HANGING handshakes", || format!("{PATIENCE:?}"));
                }
            },
        };
        let answer = connection.ask(&self.review.request).await;
        let took = sent.elapsed().as_secs_f64();
        match answer {
            Ok(answer) if answer.status == 200 => {
                self.account.took(took);
                match self.review.check(&answer.body) {
                    Ok(()) => self.account.count("reviews answered right"),
                    Err(error) => self.account.fail("WRONG answers", || format!("{error:#}")),
                }
                if !answer.closes {
                    lock(&self.kept).push(connection);
                }
            }
            Ok(answer) if answer.status == 503 => {
                lock(&self.refusals).push(took);
                let status: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                match status["message"].as_str() {
                    Some(message) => self.account.count(&format!("overload: 503: {message}")),
                    None => self.account.fail("503 WITHOUT words", || format!("{status}")),
                }
            }
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                self.account.fail("OTHER answers", || {
                    format!("{} after {took:.1} s: {body}", answer.status)
                });
            }
            Err(lost) => self.account.fail("LOST answers", || format!("{lost} ({took:.1} s)")),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
