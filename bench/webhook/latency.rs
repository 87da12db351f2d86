//! Latency at a constant rate, with server and load on the same processors.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;

use crate::{
    bench::Bench,
    cost::CONNECTIONS,
    cpu::Cores,
    fixtures::Shape,
    load::{self, Load},
    members::Member,
    oha::Seen,
    server::{Server, Setup},
    tables::USUAL,
};

/// Opening a connection is among the latencies of the first requests: few of them, so that they are above the
/// percentiles that are told.
const KEPT: usize = 10;
/// Members side by side at the rate of the peer.
pub const SIDE_BY_SIDE: [Member; 3] = [Member::Pullpass, Member::Peer, Member::Lean];
/// What a rate that was kept is of the one that was asked for.
const KEPT_RATE: f64 = 0.98;

/// Whether all were sent at the rate that was asked for. Otherwise their latencies say nothing of it.
pub fn is_kept(rate: f64, runs: &[Seen]) -> bool {
    runs.iter().all(|seen| seen.rate >= KEPT_RATE * rate)
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Latency {
    /// Reviews that each member answers in a second, in a closed loop.
    pub saturation: BTreeMap<Member, f64>,
    /// At half of its own saturation, a run each.
    pub own: Vec<Seen>,
    /// The rate of `own` that was asked for.
    pub own_rate: f64,
    /// At half of the peer's saturation.
    pub same: BTreeMap<Member, Vec<Seen>>,
    /// The rate of `same` that was asked for.
    pub same_rate: f64,
}

/// Measures it.
pub async fn measure(bench: &Bench) -> Result<Latency> {
    let mut seen = Latency::default();
    let reviews = bench.reviews(Shape::of_bytes(10 * 1_024), USUAL, (16, 1))?;
    let setup = Setup { config: bench.table(USUAL)?, cores: Cores::Shared, kubeconfig: None };
    let load = |time, connections, rate| Load {
        reviews: &reviews,
        connections,
        time,
        rate,
        cores: Cores::Shared,
    };
    for member in SIDE_BY_SIDE {
        let server = Server::start(bench, member, &setup).await?;
        load::send(bench, &server, &load(Duration::from_secs(1), CONNECTIONS, None)).await?;
        let closed =
            load::send(bench, &server, &load(bench.options.run, CONNECTIONS, None)).await?;
        eprintln!("{member}: {:.0} reviews a second at saturation", closed.rate);
        seen.saturation.insert(member, closed.rate);
    }
    let half = |member| seen.saturation.get(&member).map_or(0.0, |rate| (rate / 2.0).floor());
    (seen.own_rate, seen.same_rate) = (half(Member::Pullpass), half(Member::Peer));
    let [own_time, same_time] = bench.options.constant;
    for round in 0..bench.options.constant_rounds {
        let server = Server::start(bench, Member::Pullpass, &setup).await?;
        let rate = seen.own_rate;
        let own = constant(bench, &server, &load(own_time, KEPT, Some(rate))).await?;
        seen.own.push(own);
        drop(server);
        let mut members = SIDE_BY_SIDE;
        members.rotate_left(round % SIDE_BY_SIDE.len());
        for member in members {
            let server = Server::start(bench, member, &setup).await?;
            let rate = seen.same_rate;
            let same = constant(bench, &server, &load(same_time, KEPT, Some(rate))).await?;
            seen.same.entry(member).or_default().push(same);
        }
    }
    Ok(seen)
}

async fn constant(bench: &Bench, server: &Server, load: &Load<'_>) -> Result<Seen> {
    let warm_up = Load { time: Duration::from_secs(1), ..*load };
    load::send(bench, server, &warm_up).await?;
    let seen = load::send(bench, server, load).await?;
    let (member, rate) = (server.member, load.rate.unwrap_or_default());
    eprintln!(
        "{member} at {:.0} of {rate:.0} a second: {:.3?} ms",
        seen.rate,
        seen.latencies.map(|it| it * 1e3)
    );
    Ok(seen)
}
