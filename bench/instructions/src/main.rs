//! Counts the instructions of the work on a review, by callgrind, and holds them against `bench/instructions.toml`.
//!
//! `instructions` measures all; `instructions --accept` writes what was measured; `instructions CASE TIMES` is what runs
//! under callgrind. `bench/instructions/run` builds it as the image is built.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong ends the measurement"
)]

mod budget;
mod cases;
mod measure;
mod reviews;

use budget::Verdict;
use std::{collections::BTreeMap, env, fs, process::ExitCode};

/// The budgets, from the root of the repository.
const FILE: &str = "bench/instructions.toml";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measured(false),
        ["--accept"] => measured(true),
        [case, times] => {
            cases::run(case, times.parse().expect("a number of times"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: instructions [--accept | CASE TIMES]");
            ExitCode::FAILURE
        }
    }
}

fn measured(accept: bool) -> ExitCode {
    let counts: BTreeMap<_, _> =
        cases::NAMES.iter().map(|name| ((*name).to_owned(), measure::count(name))).collect();
    let written = fs::read_to_string(FILE).unwrap_or_default();
    let budgets = budget::parse(&written).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    let mut failed = false;
    for verdict in budget::compare(&budgets, &counts) {
        println!("{verdict}");
        failed |= !matches!(verdict, Verdict::Within { .. } | Verdict::Shrunk { .. });
    }
    if accept {
        fs::write(FILE, budget::write(&counts)).expect("the budgets can be written");
        println!("{FILE} has these counts now.");
        return ExitCode::SUCCESS;
    }
    if failed {
        eprintln!(
            "\nA count is over its budget by more than {} %, or has none. `callgrind_annotate target/instructions/CASE.out` shows \
             where the instructions go.\nIf the cost is worth it, `make instructions-accept`, and commit {FILE} with the change.",
            budget::TOLERANCE
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
