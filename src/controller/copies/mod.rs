//! Copies of pull secrets: every namespace that an entry grants has the content of the entry's source,
//! and no other has.
//!
//! One task knows what there is ([`state`]) and what is due ([`queue`]); requests run beside it, a bounded
//! number at a time ([`job`]). What is to be done is decided by pure functions ([`decide`], [`wanted`]).

mod basis;
mod contests;
mod copier;
mod copy;
mod counts;
mod decide;
mod decision;
mod due;
mod foreign;
mod found;
mod gone;
mod grants;
mod intake;
mod job;
mod later;
mod lists;
mod once;
mod options;
mod pace;
mod progress;
mod publication;
mod pulls;
mod queue;
mod report;
mod state;
mod survey;
mod teams;
mod wanted;
mod watches;

pub use options::{CopyMode, CopyOptions, SHARED_GRACE};
pub use survey::{EntryStatus, Survey, SurveyError, survey};

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use self::basis::Confirmations;
use self::copier::{Copier, Next};
use self::progress::Progress;
use self::report::Report;
use crate::controller::told;
use crate::server::Liveness;
use crate::telemetry::Metrics;

/// Between two counts.
const COUNT: Duration = Duration::from_secs(5);

/// Looks after the copies until it is dropped.
pub async fn run(client: Client, options: CopyOptions, metrics: Arc<Metrics>, liveness: Liveness) {
    let progress = Progress::new(liveness, Arc::clone(&metrics));
    let (report, told) = Report::new(&options, metrics);
    tokio::select! {
        () = look_after(client.clone(), &options, report, &progress) => {}
        () = told::publish(client, copy::FIELD_MANAGER, "Copy", told) => {}
    }
}

async fn look_after(client: Client, options: &CopyOptions, report: Report, progress: &Progress) {
    let inputs = watches::all(&client, options).inspect(|input| progress.told(input));
    let mut inputs = pin!(inputs);
    let mut copier = Copier::new(options, report);
    let confirmations = Confirmations::new(client.clone(), options.clone());
    let mut running = FuturesUnordered::new();
    let mut audit = None;
    let mut publication = None;
    let mut count = interval(COUNT);
    count.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let pause = loop {
            match copier.next(running.len()) {
                Next::Job(key, job) => {
                    let client = client.clone();
                    let confirmations = &confirmations;
                    running.push(async move {
                        let outcome = job::run(&client, confirmations, &key, job).await;
                        (key, outcome)
                    });
                }
                Next::At(instant) => break instant,
            }
        };
        if audit.is_none() {
            audit = copier.audit().map(tokio::task::spawn_blocking);
        }
        if publication.is_none() {
            publication = copier
                .publication()
                .map(|text| Box::pin(publication::publish(client.clone(), options.shared(), text)));
        }
        tokio::select! {
            Some(input) = inputs.next() => copier.take(input),
            Some((key, outcome)) = running.next() => copier.finished(&key, outcome),
            Some(found) = async { Some(audit.as_mut()?.await) } => {
                audit = None;
                copier.audited(found.unwrap_or_default());
            }
            Some(published) = async { Some(publication.as_mut()?.await) } => {
                publication = None;
                copier.published(published);
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
