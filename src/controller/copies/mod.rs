//! Copies of pull secrets: every namespace that an entry grants has the content of the entry's source,
//! and no other has.
//!
//! One task knows what there is ([`state`]) and what is due ([`queue`]); requests run beside it, a bounded
//! number at a time ([`job`]). What is to be done is decided by pure functions ([`decide`], [`wanted`]).

mod copier;
mod copy;
mod counts;
mod decide;
mod findings;
mod job;
mod lists;
mod once;
mod options;
mod pace;
mod queue;
mod report;
mod sources;
mod state;
mod survey;
mod wanted;
mod watches;

pub use options::{CopyMode, CopyOptions};
pub use survey::{EntryStatus, Survey, SurveyError, survey};

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use self::copier::{Copier, Next};
use self::report::Report;
use crate::telemetry::Metrics;

/// Between two counts.
const COUNT: Duration = Duration::from_secs(5);

/// Looks after the copies until it is dropped.
pub async fn run(client: Client, options: CopyOptions, metrics: Arc<Metrics>) {
    let (report, told) = Report::new(&options, metrics);
    tokio::select! {
        () = look_after(client.clone(), &options, report) => {}
        () = report::publish(client, told) => {}
    }
}

async fn look_after(client: Client, options: &CopyOptions, report: Report) {
    let mut inputs = pin!(watches::all(&client, &options.namespace, &options.config_map));
    let mut copier = Copier::new(&options.namespace, report);
    let mut running = FuturesUnordered::new();
    let mut audit = None;
    let mut count = interval(COUNT);
    count.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let pause = loop {
            match copier.next(running.len()) {
                Next::Job(key, job) => {
                    let client = client.clone();
                    running.push(async move {
                        let outcome = job::run(&client, &key, job).await;
                        (key, outcome)
                    });
                }
                Next::At(instant) => break instant,
            }
        };
        if audit.is_none() {
            audit = copier.audit().map(tokio::task::spawn_blocking);
        }
        tokio::select! {
            Some(input) = inputs.next() => copier.take(input),
            Some((key, outcome)) = running.next() => copier.finished(&key, outcome),
            Some(found) = async { Some(audit.as_mut()?.await) } => {
                audit = None;
                copier.audited(found.unwrap_or_default());
            }
            () = sleep_until(pause.into()) => {}
            _ = count.tick() => copier.count(),
            () = futures::future::ready(()), if copier.has_rechecks() => copier.recheck_some(),
        }
        // What has come meanwhile is one change.
        while let Some(Some(input)) = inputs.next().now_or_never() {
            copier.take(input);
        }
    }
}
