//! The command line: one file a subcommand.

mod webhook;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The right pull secret for every Pod.
#[derive(Debug, Parser)]
#[command(name = "pullpass", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Webhook(webhook::WebhookArgs),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Webhook(args) => webhook::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
