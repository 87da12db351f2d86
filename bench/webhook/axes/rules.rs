//! Rules of the configuration, by kind.

use anyhow::Result;

use super::{Axis, in_order};
use crate::{
    asked,
    bench::Bench,
    cost::{self, CONNECTIONS},
    cpu::Cores,
    fixtures::Shape,
    members::Member,
    server::{Server, Setup},
    tables::{Kind, Table},
};

/// How many.
pub const RULES: [usize; 4] = [10, 100, 1_000, 10_000];
/// Of which kind.
pub const KINDS: [Kind; 3] = [Kind::Hosts, Kind::Projects, Kind::Wildcards];
/// So that no cache has the few rules that are asked for.
const REVIEWS: usize = 500;

/// The costs by kind and number.
pub type Rules = Axis<(Kind, usize)>;

/// Measures it.
pub async fn measure(bench: &Bench) -> Result<Rules> {
    let mut seen = Rules::default();
    let shape = Shape::of_bytes(10 * 1_024);
    for kind in KINDS {
        let mut places = Vec::new();
        for rules in RULES {
            let table = Table { kind, rules, by_labels: false };
            places.push((rules, bench.table(table)?, bench.reviews(shape, table, (REVIEWS, 1))?));
        }
        for round in 0..bench.options.axis_rounds {
            for (rules, config, reviews) in in_order(places.iter().collect(), round) {
                let config = config.clone();
                let setup = Setup { config, cores: Cores::Apart, kubeconfig: None };
                let server = Server::start(bench, Member::Pullpass, &setup).await?;
                if round == 0 {
                    asked::are_right(bench, &server, reviews).await?;
                }
                let cost = cost::of_reviews(bench, &server, reviews, CONNECTIONS, Cores::Apart);
                let each = cost.await?.each;
                eprintln!("{rules} rules, {kind}: {each:.1} us");
                seen.add((kind, *rules), each);
            }
        }
    }
    Ok(seen)
}
