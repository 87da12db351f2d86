//! What is measured.

use std::{path::PathBuf, str::FromStr};

use anyhow::{Context, Result, ensure};

use crate::common::variables::{command, is_quick, results, variable};

const TARGET: &str = "bench-copies";
/// The variables, in the order in which they are told.
const VARIABLES: [&str; 4] = ["QUICK", "NAMESPACES", "FOREIGN", "RESULTS"];

/// What is measured.
#[derive(Debug)]
pub struct Options {
    /// Numbers of namespaces; each grows out of the one before.
    pub sizes: Vec<usize>,
    /// Secrets that are not ours.
    pub bystanders: usize,
    /// Namespaces that are made one by one.
    pub one_by_one: usize,
    /// Namespaces that are made at once.
    pub at_once: usize,
    /// Restarts at the first size.
    pub restarts: usize,
    /// Rotations at the first size.
    pub rotations: usize,
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
        let sizes = match variable("NAMESPACES") {
            Some(list) => list.split_whitespace().map(|n| number("NAMESPACES", n)).collect(),
            None if is_quick => Ok(vec![200, 1_000]),
            None => Ok(vec![1_000, 5_000, 10_000]),
        };
        let sizes: Vec<usize> = sizes?;
        ensure!(
            !sizes.is_empty() && sizes.is_sorted() && sizes[0] > 0,
            "NAMESPACES must be numbers that grow, such as \"1000 5000\""
        );
        Ok(Self {
            sizes,
            bystanders: match variable("FOREIGN") {
                Some(text) => number("FOREIGN", &text)?,
                None => quick_or(5_000, 50_000),
            },
            one_by_one: quick_or(50, 200),
            at_once: quick_or(20, 50),
            restarts: quick_or(2, 5),
            rotations: quick_or(2, 3),
            results: results(TARGET),
            command: command(TARGET, &VARIABLES),
        })
    }
}

fn number<T: FromStr>(name: &str, text: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().with_context(|| format!("{name}: {text:?} is not a number"))
}
