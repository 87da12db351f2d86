//! From the start of the process until it is ready.

use anyhow::Result;

use crate::{
    bench::Bench,
    cpu::Cores,
    members::Member,
    server::{Server, Setup},
    tables::{Table, USUAL},
};

/// Tables with which it is started.
pub const RULES: [usize; 2] = [1_000, 10_000];

/// Seconds of each start, by the number of rules.
pub type Startup = Vec<(usize, Vec<f64>)>;

/// Starts it again and again, with all files on disk.
pub async fn measure(bench: &Bench) -> Result<Startup> {
    let mut seen = Startup::new();
    for rules in RULES {
        let config = bench.table(Table { rules, ..USUAL })?;
        let setup = Setup { config, cores: Cores::Shared, kubeconfig: None };
        let mut times = Vec::new();
        for _ in 0..bench.options.starts {
            let server = Server::start(bench, Member::Pullpass, &setup).await?;
            times.push(server.started_in.as_secs_f64());
        }
        eprintln!("ready with {rules} rules after {times:.3?}");
        seen.push((rules, times));
    }
    Ok(seen)
}
