//! All members side by side, by the size of a review.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::{
    asked,
    bench::Bench,
    cost::{self, CONNECTIONS, Cost},
    cpu::Cores,
    fixtures::Shape,
    members::Member,
    server::{Server, Setup},
    tables::USUAL,
};

const KIB: usize = 1_024;
/// Sizes of a review, in KiB.
pub const SIZES: [usize; 5] = [1, 10, 100, 1_024, 3_072];
/// Beyond this fewer connections send: 25 bodies of 3 MiB at once are more than Pullpass takes in.
const LARGE: usize = 512;
const CONNECTIONS_OF_LARGE: usize = 10;

/// Each cost in each round, by the size in KiB.
#[derive(Debug, Default)]
pub struct Base(pub BTreeMap<(usize, Member), Vec<Cost>>);

impl Base {
    /// Microseconds for each review, a value a round.
    pub fn each(&self, size: usize, member: Member) -> Vec<f64> {
        let costs = self.0.get(&(size, member));
        costs.into_iter().flatten().map(|cost| cost.each).collect()
    }

    /// How often the one cost has in the other, round by round.
    pub fn ratios(&self, over: (usize, Member), under: (usize, Member)) -> Vec<f64> {
        let (over, under) = (self.each(over.0, over.1), self.each(under.0, under.1));
        over.iter().zip(&under).map(|(over, under)| over / under).collect()
    }
}

/// How many connections send reviews of a size.
pub fn connections(size: usize) -> usize {
    if size > LARGE { CONNECTIONS_OF_LARGE } else { CONNECTIONS }
}

/// Measures all, in alternating order; each round has servers of its own.
pub async fn measure(bench: &Bench) -> Result<Base> {
    let mut base = Base::default();
    let config = bench.table(USUAL)?;
    let setup = Setup { config, cores: Cores::Apart, kubeconfig: None };
    let mut reviews = Vec::new();
    for size in SIZES {
        let count = if size > LARGE { 4 } else { 16 };
        reviews.push((size, bench.reviews(Shape::of_bytes(size * KIB), USUAL, (count, 1))?));
    }
    for round in 0..bench.options.rounds {
        let mut members = Member::ALL;
        members.rotate_left(round % Member::ALL.len());
        let mut servers = Vec::new();
        for member in members {
            servers.push(Server::start(bench, member, &setup).await?);
        }
        for (size, reviews) in &reviews {
            for server in &servers {
                if round == 0 {
                    asked::are_right(bench, server, reviews).await?;
                }
                let connections = connections(*size);
                let cost = cost::of_reviews(bench, server, reviews, connections, Cores::Apart);
                let cost = cost.await?;
                let member = server.member;
                eprintln!("round {}: {size} KiB, {member}: {:.1} us", round + 1, cost.each);
                base.0.entry((*size, member)).or_default().push(cost);
            }
        }
    }
    Ok(base)
}
