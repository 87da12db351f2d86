//! What is measured.

use std::{path::PathBuf, time::Duration};

use crate::common::variables::{command, is_quick, results};

const TARGET: &str = "bench-node";
/// The variables, in the order in which they are told.
const VARIABLES: [&str; 2] = ["QUICK", "RESULTS"];

/// What is measured.
#[derive(Debug)]
pub struct Options {
    /// Each has a node of its own.
    pub rounds: usize,
    /// After how long without work memory is read.
    pub idle: Duration,
    /// Namespaces with a copy each.
    pub namespaces: usize,
    /// Pods whose creation is asked for, by dry run.
    pub pods: usize,
    /// Pods that run in a round, with Pullpass involved and as many without.
    pub pairs: usize,
    /// The file of the results.
    pub results: PathBuf,
    /// By what this can be measured again.
    pub command: String,
}

impl Options {
    /// Reads the variables.
    pub fn from_environment() -> Self {
        let is_quick = is_quick();
        let (results, command) = (results(TARGET), command(TARGET, &VARIABLES));
        let (rounds, idle) = if is_quick { (2, 10) } else { (5, 60) };
        let idle = Duration::from_secs(idle);
        Self { rounds, idle, namespaces: 500, pods: 1_000, pairs: 4, results, command }
    }
}
