//! Worker threads: as many as there are processors for the server.

use std::fmt;

use anyhow::Result;

use super::{Axis, in_order};
use crate::{
    bench::Bench,
    cost::{self, CONNECTIONS},
    cpu::Cores,
    fixtures::Shape,
    members::Member,
    server::{Server, Setup},
    tables::USUAL,
};

/// How many worker threads there are, and so where they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workers {
    One,
    Two,
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "1 worker thread, on a processor of its own",
            Self::Two => "2 worker threads, on both processors with the load",
        })
    }
}

/// Costs, and reviews answered in a second.
#[derive(Debug, Default)]
pub struct Seen {
    pub costs: Axis<Workers>,
    pub rates: Axis<Workers>,
}

/// Measures it.
pub async fn measure(bench: &Bench) -> Result<Seen> {
    let mut seen = Seen::default();
    let reviews = bench.reviews(Shape::of_bytes(10 * 1_024), USUAL, (16, 1))?;
    for round in 0..bench.options.axis_rounds {
        for workers in in_order(vec![Workers::One, Workers::Two], round) {
            let cores = match workers {
                Workers::One => Cores::Apart,
                Workers::Two => Cores::Shared,
            };
            let setup = Setup { config: bench.table(USUAL)?, cores, kubeconfig: None };
            let server = Server::start(bench, Member::Pullpass, &setup).await?;
            let cost = cost::of_reviews(bench, &server, &reviews, CONNECTIONS, cores).await?;
            eprintln!("{workers}: {:.1} us", cost.each);
            seen.costs.add(workers, cost.each);
            seen.rates.add(workers, cost.rate);
        }
    }
    Ok(seen)
}
