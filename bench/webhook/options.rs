//! What is measured.

use std::{path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, Result};

use crate::common::variables::{command, is_quick, results, variable};

const TARGET: &str = "bench";
/// The variables, in the order in which they are told.
const VARIABLES: [&str; 8] =
    ["QUICK", "ONLY", "ROUNDS", "SECONDS", "RELOADS", "PULLPASS", "MEMBERS", "RESULTS"];

/// What is measured.
#[derive(Debug)]
pub struct Options {
    /// The parts that are measured, if not all.
    only: Vec<String>,
    /// How often all members take their turn.
    pub rounds: usize,
    /// The same where Pullpass is measured against itself.
    pub axis_rounds: usize,
    /// How long one run is.
    pub run: Duration,
    /// How long one run at a constant rate is, at the rate that is Pullpass's, and at that of the peer.
    pub constant: [Duration; 2],
    /// How often each of them is run.
    pub constant_rounds: usize,
    /// Starts of the process.
    pub starts: usize,
    /// Configurations that are put in force under load.
    pub reloads: usize,
    /// How long one stretch of load is, with reloads and without.
    pub stretches: [Duration; 2],
    /// Numbers of namespaces; each grows out of the one before.
    pub namespaces: Vec<usize>,
    /// Another binary than that of the image.
    pub pullpass: Option<PathBuf>,
    /// A folder with other members than those that are built.
    pub members: Option<PathBuf>,
    /// The file of the results.
    pub results: PathBuf,
    /// By what this can be measured again.
    pub command: String,
}

impl Options {
    /// Reads the variables.
    pub fn from_environment() -> Result<Self> {
        let is_quick = is_quick();
        let quick_or = |quick, full| if is_quick { quick } else { full };
        let seconds = |quick, full| Duration::from_secs_f64(if is_quick { quick } else { full });
        let run = match number::<f64>("SECONDS")? {
            Some(given) => Duration::try_from_secs_f64(given).context("SECONDS is no time")?,
            None => seconds(1.0, 3.0),
        };
        let rounds = number("ROUNDS")?;
        Ok(Self {
            only: variable("ONLY")
                .map(|list| list.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
            rounds: rounds.unwrap_or(quick_or(2, 5)),
            axis_rounds: rounds.unwrap_or(quick_or(1, 3)),
            run,
            constant: [seconds(5.0, 20.0), seconds(8.0, 45.0)],
            constant_rounds: quick_or(1, 3),
            starts: quick_or(5, 20),
            reloads: number("RELOADS")?.unwrap_or(quick_or(20, 1_000)),
            stretches: [seconds(8.0, 60.0), seconds(4.0, 10.0)],
            namespaces: if is_quick { vec![1_000] } else { vec![100, 1_000, 10_000] },
            pullpass: variable("PULLPASS").map(Into::into),
            members: variable("MEMBERS").map(Into::into),
            results: results(TARGET),
            command: command(TARGET, &VARIABLES),
        })
    }

    /// Whether this part is measured.
    pub fn has(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

fn number<T: FromStr>(name: &str) -> Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let Some(text) = variable(name) else { return Ok(None) };
    let number = text.parse().with_context(|| format!("{name}: {text:?} is not a number"))?;
    Ok(Some(number))
}
