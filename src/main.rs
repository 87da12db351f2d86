//! The binary: arguments in, exit code out.

use clap::Parser;
use pullpass::cli::{Cli, report};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => cli.run().unwrap_or_else(|error| report(&error)),
        Err(usage) => report(&usage.into()),
    }
}
