//! What a review costs a server: processor time.

use std::time::Duration;

use anyhow::Result;

use crate::{
    bench::{Bench, Reviews},
    cpu::Cores,
    load::{self, Load},
    server::Server,
};

/// Connections, where nothing else is said.
pub const CONNECTIONS: usize = 25;
const WARM_UP: Duration = Duration::from_millis(300);
/// A handshake costs what some reviews do: so long a run makes one of a connection vanish.
const FOR_EACH_CONNECTION: Duration = Duration::from_millis(20);

/// What was seen in one run.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Microseconds of processor time for each review.
    pub each: f64,
    /// Reviews answered in a second.
    pub rate: f64,
}

/// Measures it in a closed loop, with the server on a processor of its own.
pub async fn of_reviews(
    bench: &Bench,
    server: &Server,
    reviews: &Reviews,
    connections: usize,
    cores: Cores,
) -> Result<Cost> {
    let connected = FOR_EACH_CONNECTION * u32::try_from(connections)?;
    let load =
        Load { reviews, connections, time: bench.options.run.max(connected), rate: None, cores };
    load::send(bench, server, &Load { time: WARM_UP, ..load }).await?;
    let before = server.used()?;
    let seen = load::send(bench, server, &load).await?;
    let used = server.used()?.since(&before);
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let each = used.as_secs_f64() * 1e6 / seen.requests as f64;
    Ok(Cost { each, rate: seen.rate })
}
