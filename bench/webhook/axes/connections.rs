//! Connections that are kept.

use anyhow::Result;

use super::{Axis, in_order};
use crate::{
    bench::Bench,
    cost,
    cpu::Cores,
    fixtures::Shape,
    members::Member,
    server::{Server, Setup},
    tables::USUAL,
};

/// How many.
pub const CONNECTIONS: [usize; 3] = [1, 25, 500];

/// Measures it.
pub async fn measure(bench: &Bench) -> Result<Axis<usize>> {
    let mut seen = Axis::default();
    let reviews = bench.reviews(Shape::of_bytes(10 * 1_024), USUAL, (16, 1))?;
    let setup = Setup { config: bench.table(USUAL)?, cores: Cores::Apart, kubeconfig: None };
    for round in 0..bench.options.axis_rounds {
        for connections in in_order(CONNECTIONS.to_vec(), round) {
            let server = Server::start(bench, Member::Pullpass, &setup).await?;
            let cost = cost::of_reviews(bench, &server, &reviews, connections, Cores::Apart);
            let each = cost.await?.each;
            eprintln!("{connections} connections: {each:.1} us");
            seen.add(connections, each);
        }
    }
    Ok(seen)
}
