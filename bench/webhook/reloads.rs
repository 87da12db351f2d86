//! Configurations that are put in force under load.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::{join, time::sleep};

use crate::{
    bench::Bench,
    cost::CONNECTIONS,
    cpu::Cores,
    fixtures::Shape,
    load::{self, Load},
    members::Member,
    oha::Seen,
    server::{Server, Setup},
    tables::{Kind, Table},
};

/// The table of each configuration.
pub const TABLE: Table = Table { kind: Kind::Mixed, rules: 10_000, by_labels: false };
/// A fraction of what was answered in a closed loop.
const OF_SATURATION: f64 = 0.25;
const KEPT: usize = 10;
/// Pullpass reads the file that often.
const INTERVAL: Duration = Duration::from_millis(500);
const IN_FORCE: Duration = Duration::from_secs(20);
const APPLIED: &str = "pullpass_config_loads_total{result=\"applied\"}";

/// What was seen.
#[derive(Debug, Default)]
pub struct Reloads {
    /// Configurations that came in force.
    pub count: usize,
    /// Reviews that were answered while they did, all of them.
    pub answered: usize,
    /// Reviews sent in a second.
    pub rate: f64,
    /// Latencies in the stretches with reloads, and in those without.
    pub with: Vec<Seen>,
    pub without: Vec<Seen>,
}

/// Measures it.
pub async fn measure(bench: &Bench) -> Result<Reloads> {
    let config = bench.path("reloaded.yaml");
    fs::write(&config, TABLE.yaml(0))?;
    let setup = Setup { config: config.clone(), cores: Cores::Shared, kubeconfig: None };
    let server = Server::start(bench, Member::Pullpass, &setup).await?;
    let reviews = bench.reviews(Shape::of_bytes(10 * 1_024), TABLE, (100, 1))?;
    let closed = Load {
        reviews: &reviews,
        connections: CONNECTIONS,
        time: Duration::from_secs(2),
        rate: None,
        cores: Cores::Shared,
    };
    let rate = (load::send(bench, &server, &closed).await?.rate * OF_SATURATION).floor();
    let constant = Load { connections: KEPT, rate: Some(rate), ..closed };
    let mut seen = Reloads { rate, ..Default::default() };
    let [with, without] = bench.options.stretches;
    let count = AtomicUsize::new(0);
    while count.load(Ordering::Relaxed) < bench.options.reloads {
        let load = Load { time: without, ..constant };
        seen.without.push(load::send(bench, &server, &load).await?);
        let is_over = AtomicBool::new(false);
        let load = Load { time: with, ..constant };
        let sent = async {
            let sent = load::send(bench, &server, &load).await;
            is_over.store(true, Ordering::Relaxed);
            sent
        };
        let (sent, reloaded) = join!(sent, reload(&config, &server, &count, &is_over));
        reloaded?;
        let sent = sent?;
        seen.answered += sent.requests;
        seen.with.push(sent);
        let ms = [&seen.with, &seen.without].map(|of| of.last().map(|it| it.latencies[1] * 1e3));
        eprintln!("{} reloads: p99 with and without: {ms:.3?} ms", count.load(Ordering::Relaxed));
    }
    seen.count = count.load(Ordering::Relaxed);
    let refused = server.metric("pullpass_config_loads_total{result=\"refused\"}").await?;
    ensure!(refused == 0.0, "{refused} configurations were refused: {}", server.log());
    Ok(seen)
}

/// Replaces the file until the load is over, each time when the one before is in force.
async fn reload(
    file: &Path,
    server: &Server,
    count: &AtomicUsize,
    is_over: &AtomicBool,
) -> Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        let version = count.load(Ordering::Relaxed) + 1;
        let applied = server.metric(APPLIED).await?;
        let next = file.with_extension("next");
        fs::write(&next, TABLE.yaml(version))?;
        fs::rename(&next, file)?;
        let replaced = Instant::now();
        sleep(INTERVAL / 2).await;
        while server.metric(APPLIED).await? <= applied {
            ensure!(
                replaced.elapsed() < IN_FORCE,
                "no. {version} is not in force: {}",
                server.log()
            );
            sleep(INTERVAL / 20).await;
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
