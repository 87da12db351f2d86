//! Containers of a Pod.

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
    tables::USUAL,
};

/// How many.
pub const CONTAINERS: [usize; 4] = [1, 10, 100, 1_000];
/// Members whose cost is told.
const MEMBERS: [Member; 2] = [Member::Pullpass, Member::Floor];

/// The costs, and how many bytes such a review has.
#[derive(Debug, Default)]
pub struct Containers {
    pub costs: Axis<(Member, usize)>,
    pub bytes: Axis<usize>,
}

/// Measures it.
pub async fn measure(bench: &Bench) -> Result<Containers> {
    let mut seen = Containers::default();
    let setup = Setup { config: bench.table(USUAL)?, cores: Cores::Apart, kubeconfig: None };
    let mut reviews = Vec::new();
    for containers in CONTAINERS {
        let all = bench.reviews(Shape::of_containers(containers), USUAL, (8, 1))?;
        #[allow(clippy::cast_precision_loss, reason = "reviews are small")]
        seen.bytes.add(containers, all.all[0].json.len() as f64);
        reviews.push((containers, all));
    }
    for round in 0..bench.options.axis_rounds {
        for member in in_order(MEMBERS.to_vec(), round) {
            let server = Server::start(bench, member, &setup).await?;
            for (containers, reviews) in in_order(reviews.iter().collect(), round) {
                if round == 0 {
                    asked::are_right(bench, &server, reviews).await?;
                }
                let cost = cost::of_reviews(bench, &server, reviews, CONNECTIONS, Cores::Apart);
                let each = cost.await?.each;
                eprintln!("{containers} containers, {member}: {each:.1} us");
                seen.costs.add((member, *containers), each);
            }
        }
    }
    Ok(seen)
}
