//! The controller's loop while its requests fail: it goes on once they succeed, and does not hammer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::Request;
use kube::client::Body;

use crate::{
    chance::{Chance, Failure},
    cluster::Cluster,
    eventually::eventually,
    managed::{Certificates, SOON},
    meddled::{is_write, look_after, meddled, send},
};

const DELAYS: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(700)];
const ROTATIONS: usize = 2;
/// The longest pause of the loop is 30 s, and it must have failed often in a row to come to that.
const LATE: Duration = Duration::from_secs(120);
/// How long everything fails.
const OUTAGE: Duration = Duration::from_secs(3);
/// Four watches and the loop begin with pauses of about half a second, which double.
const MOST_IN_AN_OUTAGE: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_39_rotations_end_well_while_requests_fail_by_chance() {
    let cluster = Cluster::exclusive().await;
    let served = cluster.served().await;
    let client = cluster.controllers_client().await;
    let mut certificates = tokio::select! {
        () = look_after(client.clone(), DELAYS) => unreachable!("it goes on for ever"),
        steady = cluster.steady() => steady,
    };
    let stream = served.pod_stream(&cluster).await;
    let chance = Arc::new(Chance::new(0x5eed));
    let own = Arc::clone(&chance);
    let failing = meddled(&client, move |client, request| Arc::clone(&own).pass(client, request));

    tokio::select! {
        () = look_after(failing, DELAYS) => unreachable!("it goes on for ever"),
        () = async {
            for _ in 0..ROTATIONS {
                cluster.ask_for_renewal("pullpass-ca").await;
                certificates = rotated(&cluster, &certificates).await;
                stream.is_unharmed("while requests fail");
            }
        } => {}
    }

    let failed = chance.failed.load(Ordering::SeqCst);
    println!("{} Pods, {failed} failed requests", stream.end().await);
    assert!(failed > 5, "{failed}");
}

/// A read that is never answered, and a write that is done and never answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_39_a_request_without_an_answer_is_given_up_and_the_rotation_goes_on() {
    let cluster = Cluster::exclusive().await;
    cluster.apply_default_overlay(1).await;
    let client = cluster.controllers_client().await;
    let silent = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
    let [read, write] = silent.clone();
    let silenced = meddled(&client, move |client, request| {
        let is_one = !is_list(&request);
        let is_silent = match is_write(&request) {
            true => {
                request.uri().path().ends_with("/pullpass-tls")
                    && write.swap(false, Ordering::SeqCst)
            }
            false => is_one && read.swap(false, Ordering::SeqCst),
        };
        async move {
            let answer = send(&client, request).await;
            match is_silent {
                true => std::future::pending().await,
                false => answer,
            }
        }
    });

    tokio::select! {
        () = look_after(silenced, DELAYS) => unreachable!("it goes on for ever"),
        () = async {
            let before = cluster.steady().await;
            for silent in &silent {
                silent.store(true, Ordering::SeqCst);
            }
            cluster.ask_for_renewal("pullpass-ca").await;
            rotated(&cluster, &before).await;
            assert!(silent.iter().all(|silent| !silent.load(Ordering::SeqCst)), "both were met");
        } => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_39_while_all_fails_requests_are_few() {
    let cluster = Cluster::exclusive().await;
    cluster.apply_default_overlay(1).await;
    let client = cluster.controllers_client().await;
    let mut before = tokio::select! {
        () = look_after(client.clone(), [Duration::ZERO; 2]) => unreachable!("it goes on for ever"),
        steady = cluster.steady() => steady,
    };
    for (failure, of_writes_alone) in [
        (Failure::Code(409), true),
        (Failure::Code(409), false),
        (Failure::Code(500), true),
        (Failure::Refused, false),
    ] {
        let (requests, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, over) = (Arc::clone(&requests), Arc::clone(&is_over));
        let failing = meddled(&client, move |client, request| {
            counted.fetch_add(1, Ordering::SeqCst);
            let is_met = is_write(&request) || !of_writes_alone;
            let fails = is_met && !over.load(Ordering::SeqCst);
            async move {
                match fails {
                    true => failure.answer().await,
                    false => send(&client, request).await,
                }
            }
        });
        let moment = format!("{failure:?} of writes alone: {of_writes_alone}");
        cluster.ask_for_renewal("pullpass-ca").await;
        before = tokio::select! {
            () = look_after(failing, [Duration::ZERO; 2]) => unreachable!("it goes on for ever"),
            after = async {
                tokio::time::sleep(OUTAGE).await;
                let count = requests.load(Ordering::SeqCst);
                println!("{moment}: {count} requests in {OUTAGE:?}");
                assert!((2..=MOST_IN_AN_OUTAGE).contains(&count), "{moment}: {count} requests");
                is_over.store(true, Ordering::SeqCst);
                let began = Instant::now();
                let after = rotated(&cluster, &before).await;
                assert!(began.elapsed() < SOON, "{moment}: {:?}", began.elapsed());
                after
            } => after,
        };
    }
}

/// Waits for another authority and all in order.
async fn rotated(cluster: &Cluster, before: &Certificates) -> Certificates {
    eventually("another authority, and all in order", LATE, async || {
        let now = cluster.certificates().await?;
        let is_other = now.authority != before.authority && now.are_steady();
        is_other.then_some(now.clone()).ok_or(format!("{now:?}"))
    })
    .await
}

fn is_list(request: &Request<Body>) -> bool {
    request.uri().query().is_some_and(|query| query.contains("fieldSelector"))
}
