//! The soak: all at the same time, on one webhook.

use std::{
    sync::{Arc, atomic::AtomicU32},
    time::{Duration, Instant},
};

use anyhow::Result;
use futures::future::try_join3;
use tokio::task::JoinSet;

use crate::{
    account::Account,
    changes,
    clients::{self, CLIENTS},
    eventually::eventually,
    hostile::{self, HOSTILE},
    options::Options,
    process::own_processor_time,
    report::Report,
    reviews::{self, Review},
    site::Site,
    slow,
    statistics::Sample,
};

/// How much the median of the resident memory in the last quarter may be above that in the second. Between
/// the two lie half of all connections and reviews, 50,000 and 180,000 in a full run: 4 MiB is 84 bytes a
/// connection or 23 a review, less than the least thing that is kept by mistake takes of the heap.
const GROWTH: f64 = 4.0 * 1024.0;
/// Open files more than before the first client: connections to the API server may be made anew meanwhile.
const FILES: usize = 8;
/// By when the connections of clients that are gone are given back: above the longest deadline.
const GIVEN_BACK: Duration = Duration::from_secs(60);
/// What the log has of each broken version of the configuration.
const REFUSED: &str = "configuration refused; the last good one stays in force";

/// The review of those that misbehave.
const SMALL: usize = 1;

/// What all clients have.
struct Shared {
    reviews: Vec<Review>,
    account: Account,
}

/// What was sampled each second.
#[derive(Debug, Default)]
struct Samples {
    resident: Vec<f64>,
    files: Vec<usize>,
}

/// Runs it, and reports.
pub async fn run(site: &Arc<Site>, options: &Options, report: &mut Report) -> Result<()> {
    let shared = Arc::new(Shared { reviews: reviews::mixed(), account: Account::default() });
    let account = &shared.account;
    // What is made at the first request is there before it is counted.
    warm_up(site, &shared.reviews, account).await;
    let files_before = settled_files(site, usize::MAX).await?;
    let (server_before, client_before) = (site.process.processor_time()?, own_processor_time()?);
    let begun = Instant::now();
    let until = begun + options.load;
    println!("soak: {} s, {} reviews a second", options.load.as_secs(), options.rate);

    let mut tasks = JoinSet::new();
    let done = Arc::new(AtomicU32::new(0));
    for number in 0..CLIENTS {
        let (target, shared, of) =
            (site.target.clone(), Arc::clone(&shared), (number, options.rate));
        tasks.spawn(async move {
            clients::ask(of, until, &target, &shared.reviews, &shared.account).await;
        });
    }
    for _ in 0..HOSTILE {
        let (target, shared) = (site.target.clone(), Arc::clone(&shared));
        let (all, done) = (options.hostile, Arc::clone(&done));
        tasks.spawn(async move {
            let (review, account) = (&shared.reviews[SMALL], &shared.account);
            hostile::misbehave((all, &done), (begun, until), &target, review, account).await;
        });
    }
    for slow in slow::KINDS.iter().flat_map(|(slow, count)| vec![*slow; *count]) {
        let (target, shared) = (site.target.clone(), Arc::clone(&shared));
        tasks.spawn(async move {
            slow::dawdle(slow, until, &target, &shared.reviews[SMALL], &shared.account).await;
        });
    }
    let changes = try_join3(
        changes::configurations(site, until, account),
        changes::certificates(site, until, account),
        changes::namespaces(site, until, account),
    );
    let (changes, samples) = tokio::join!(changes, sample(site, until, account));
    tasks.join_all().await;
    changes?;
    let samples = samples?;
    let lasted = begun.elapsed();
    let processor =
        [site.process.processor_time()? - server_before, own_processor_time()? - client_before];

    counts(report, account, lasted, processor);
    let files_after = settled_files(site, files_before + FILES).await?;
    memory(report, &samples);
    let most = samples.files.iter().max().copied().unwrap_or(0);
    report.row("open files before, most, after", format!("{files_before}, {most}, {files_after}"));
    report.condition(
        files_after <= files_before + FILES,
        format!("open files come back to within {FILES} of the start"),
    );
    telemetry(site, report, account).await?;
    let answered = account.of("reviews answered right");
    let offered = u128::from(options.rate) * options.load.as_millis() / 1_000;
    report.condition(
        u128::from(answered) * 100 >= offered * 99,
        format!("{answered} of {offered} reviews were offered and answered right"),
    );
    let hostile = account.of("connections of misbehaving clients");
    report.condition(
        hostile == u64::from(options.hostile),
        format!("all {} connections of misbehaving clients were made", options.hostile),
    );
    report.failures_of(account);
    Ok(())
}

async fn warm_up(site: &Site, reviews: &[Review], account: &Account) {
    let mut kept = None;
    for review in reviews {
        let connection = match kept.take() {
            Some(connection) => connection,
            None => site.target.open().await.expect("an idle webhook takes connections"),
        };
        kept = clients::ask_one(connection, review, account).await;
    }
}

/// The number of open files once there are so few, or none goes any more.
async fn settled_files(site: &Site, wanted: usize) -> Result<usize> {
    let begun = Instant::now();
    loop {
        let connections = site.metric("pullpass_connections{listener=\"webhook\"}").await;
        let files = site.process.open_files()?;
        let is_settled = connections == Ok(0.0) && files <= wanted;
        if is_settled || begun.elapsed() > GIVEN_BACK {
            return Ok(files);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Looks at the process and its probes each second.
async fn sample(site: &Site, until: Instant, account: &Account) -> Result<Samples> {
    let mut samples = Samples::default();
    while Instant::now() < until {
        samples.resident.push(site.process.resident()?);
        samples.files.push(site.process.open_files()?);
        for path in ["/livez", "/readyz"] {
            match site.status(path).await {
                Ok(200) => account.count(path),
                other => account.fail("probes that were NOT 200", || format!("{path}: {other:?}")),
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(samples)
}

fn counts(report: &mut Report, account: &Account, lasted: Duration, processor: [f64; 2]) {
    let answered = account.of("reviews answered right");
    #[allow(clippy::cast_precision_loss, reason = "it is some hundred thousand")]
    let rate = answered as f64 / lasted.as_secs_f64();
    report.row(
        "reviews answered right",
        format!("{answered} in {:.0} s, {rate:.0}/s", lasted.as_secs_f64()),
    );
    report.latencies("latency of reviews", &account.latencies());
    let [server, client] = processor;
    report.row("processor time of webhook, of load", format!("{server:.0} s, {client:.0} s"));
    for kind in [
        "connections of well-behaved clients",
        "connections of misbehaving clients",
        "connections of slow clients",
        "configurations applied",
        "configurations refused",
        "certificates exchanged",
        "namespaces that came and went",
    ] {
        report.row(kind, account.of(kind));
    }
    for (kind, count) in
        account.beginning("hostile: ").into_iter().chain(account.beginning("slow: "))
    {
        report.row(format!("- {kind}"), count);
    }
}

fn memory(report: &mut Report, samples: &Samples) {
    let resident = &samples.resident;
    let quarters = resident.chunks(resident.len().div_ceil(4).max(1));
    let medians: Vec<f64> = quarters
        .filter_map(|quarter| quarter.iter().copied().collect::<Sample>().median())
        .collect();
    let told: Vec<String> = medians.iter().map(|kib| format!("{:.1}", kib / 1024.0)).collect();
    let most = resident.iter().copied().fold(0.0, f64::max) / 1024.0;
    report.row(
        "resident memory, medians of the quarters, and most",
        format!("{}; {most:.1} MiB", told.join(", ")),
    );
    let is_flat = medians.len() == 4 && medians[3] <= medians[1] + GROWTH;
    report.condition(is_flat, "resident memory: the last quarter is within 4 MiB of the second");
}

async fn telemetry(site: &Site, report: &mut Report, account: &Account) -> Result<()> {
    eventually("the metrics", GIVEN_BACK, async || site.metric("pullpass_panics_total").await)
        .await;
    for sample in [
        "pullpass_panics_total",
        "pullpass_connections_refused_total{listener=\"webhook\"}",
        "pullpass_requests_shed_total{limit=\"in_flight\"}",
        "pullpass_requests_shed_total{limit=\"buffered_bytes\"}",
        "pullpass_labels_missing_total",
    ] {
        let value = site.metric(sample).await.map_err(anyhow::Error::msg)?;
        report.condition(value == 0.0, format!("{sample} is 0 (it is {value})"));
    }
    let log = site.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    let (refused, others): (Vec<&str>, Vec<&str>) =
        errors.into_iter().partition(|line| line.contains(REFUSED));
    report.condition(
        u64::try_from(refused.len()) == Ok(account.of("configurations refused")),
        format!("the log has one ERROR for each broken version ({})", refused.len()),
    );
    report.condition(others.is_empty(), format!("no other ERROR is logged {others:?}"));
    report.condition(!log.contains("panicked"), "no panic is logged");
    Ok(())
}
