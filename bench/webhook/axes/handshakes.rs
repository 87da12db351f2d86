//! Connections for one review each, with a new TLS session and with one that is taken up again.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use futures::future::try_join_all;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustls::ClientConfig;
use tokio::runtime::Builder;

use super::{Axis, in_order};
use crate::{
    bench::{Bench, Sessions},
    client::Connection,
    cpu::Cores,
    fixtures::Shape,
    members::Member,
    server::{Server, Setup},
    tables::USUAL,
};

/// Connections that are open at once.
const PARALLEL: usize = 8;

/// The cost of a connection with one review of 10 KiB, by member.
pub type Handshakes = Axis<(Member, bool)>;

/// Measures it.
pub async fn measure(bench: &Bench) -> Result<Handshakes> {
    let mut seen = Handshakes::default();
    let review = bench.reviews(Shape::of_bytes(10 * 1_024), USUAL, (1, 1))?;
    let review = Arc::<str>::from(review.all[0].json.as_str());
    let setup = Setup { config: bench.table(USUAL)?, cores: Cores::Apart, kubeconfig: None };
    for round in 0..bench.options.axis_rounds {
        for member in in_order(Member::ALL.to_vec(), round) {
            let server = Server::start(bench, member, &setup).await?;
            for sessions in [Sessions::New, Sessions::Resumed] {
                let config = Arc::new(bench.tls(sessions));
                // The first connections fetch the tickets of those to come.
                connect(&server, &config, &review, Duration::from_millis(200)).await?;
                let before = server.used()?;
                let (opened, resumed) =
                    connect(&server, &config, &review, bench.options.run).await?;
                let used = server.used()?.since(&before);
                let is_resumed = sessions == Sessions::Resumed;
                ensure!(
                    if is_resumed { resumed * 10 >= opened * 9 } else { resumed == 0 },
                    "{member}: of {opened} sessions {resumed} were taken up again"
                );
                #[allow(clippy::cast_precision_loss, reason = "counts are small")]
                let each = used.as_secs_f64() * 1e6 / opened as f64;
                eprintln!("{member}: a connection, {sessions:?}: {each:.1} us");
                seen.add((member, is_resumed), each);
            }
        }
    }
    Ok(seen)
}

/// Opens connections for so long, on the processor of the load; gives how many, and how many of them took up
/// a session.
async fn connect(
    server: &Server,
    config: &Arc<ClientConfig>,
    review: &Arc<str>,
    time: Duration,
) -> Result<(usize, usize)> {
    let (port, config, review) = (server.port, Arc::clone(config), Arc::clone(review));
    let run = move || -> Result<(usize, usize)> {
        let mut processor = CpuSet::new();
        processor.set(1);
        sched_setaffinity(None, &processor).context("failed to choose a processor")?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let deadline = Instant::now() + time;
        let one_by_one = (0..PARALLEL).map(async |_| {
            let (mut opened, mut resumed) = (0, 0);
            while Instant::now() < deadline {
                let mut connection = Connection::open(port, &config).await?;
                connection.post(&review).await?;
                opened += 1;
                resumed += usize::from(connection.is_resumed());
                connection.close().await;
            }
            anyhow::Ok((opened, resumed))
        });
        let counts = runtime.block_on(try_join_all(one_by_one))?;
        Ok(counts.into_iter().fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1)))
    };
    let ended = tokio::task::spawn_blocking(|| thread::spawn(run).join()).await?;
    ended.map_err(|_| anyhow!("the client's thread failed, and said why"))?
}
