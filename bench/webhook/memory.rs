//! The memory of Pullpass, at rest and under load.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use crate::{
    axes::namespaces::{BY_LABELS, Cluster},
    bench::{Bench, Sessions},
    client::Connection,
    cost::CONNECTIONS,
    cpu::Cores,
    fixtures::Shape,
    load::{self, Load},
    members::Member,
    server::{Memory, Server, Setup},
    tables::{Table, USUAL},
};

/// Connections that stay open.
pub const HELD: usize = 500;
/// After a start nothing is at work any more.
const SETTLED: Duration = Duration::from_secs(2);
/// Handshakes at once.
const PARALLEL: usize = 25;

/// When memory was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With 10 rules, and nothing to do.
    FewRules,
    /// With 1,000 rules, and nothing to do.
    Idle,
    /// After reviews of 10 KiB from 25 connections.
    AfterReviews,
    /// With many connections that stay open, each after one review.
    Connections,
    /// With a cluster of that many namespaces, and rules that need their labels.
    Namespaces(usize),
    /// The same, with as many connections.
    NamespacesAndConnections(usize),
}

/// What was read, in the order of reading.
pub type Seen = Vec<(When, Memory)>;

/// Reads it; the cluster has that many namespaces.
pub async fn measure(bench: &Bench, cluster: Option<(&Cluster, usize)>) -> Result<Seen> {
    let mut seen = Seen::new();
    let few = Table { rules: 10, ..USUAL };
    let server = start(bench, few, None).await?;
    add(&mut seen, When::FewRules, &server)?;
    drop(server);

    let server = start(bench, USUAL, None).await?;
    add(&mut seen, When::Idle, &server)?;
    let reviews = bench.reviews(Shape::of_bytes(10 * 1_024), USUAL, (16, 1))?;
    let load = Load {
        reviews: &reviews,
        connections: CONNECTIONS,
        time: bench.options.run,
        rate: None,
        cores: Cores::Shared,
    };
    load::send(bench, &server, &load).await?;
    add(&mut seen, When::AfterReviews, &server)?;
    drop(server);

    let server = start(bench, USUAL, None).await?;
    let held = hold(bench, &server, USUAL, 1).await?;
    add(&mut seen, When::Connections, &server)?;
    drop((held, server));

    if let Some((cluster, namespaces)) = cluster {
        let server = start(bench, BY_LABELS, Some(cluster.kubeconfig())).await?;
        add(&mut seen, When::Namespaces(namespaces), &server)?;
        let held = hold(bench, &server, BY_LABELS, namespaces).await?;
        add(&mut seen, When::NamespacesAndConnections(namespaces), &server)?;
        drop((held, server));
    }
    Ok(seen)
}

async fn start(bench: &Bench, table: Table, kubeconfig: Option<PathBuf>) -> Result<Server> {
    let setup = Setup { config: bench.table(table)?, cores: Cores::Shared, kubeconfig };
    let server = Server::start(bench, Member::Pullpass, &setup).await?;
    sleep(SETTLED).await;
    Ok(server)
}

/// Opens connections that send one review each, and stay.
async fn hold(
    bench: &Bench,
    server: &Server,
    table: Table,
    namespaces: usize,
) -> Result<Vec<Connection>> {
    let config = Arc::new(bench.tls(Sessions::New));
    let reviews = bench.reviews(Shape::of_bytes(10 * 1_024), table, (HELD, namespaces))?;
    let opened = stream::iter(&reviews.all).map(async |review| {
        let mut connection = Connection::open(server.port, &config).await?;
        connection.post(&review.json).await?;
        anyhow::Ok(connection)
    });
    let held = opened.buffer_unordered(PARALLEL).try_collect().await?;
    sleep(SETTLED).await;
    Ok(held)
}

fn add(seen: &mut Seen, when: When, server: &Server) -> Result<()> {
    let memory = server.memory()?;
    eprintln!("{when:?}: {memory:?}");
    seen.push((when, memory));
    Ok(())
}
