//! The command line: arguments -> checked options -> the call. One file a subcommand.

mod answer;
mod certs;
mod check;
mod completions;
mod config_file;
mod config_map;
mod connected;
mod controller;
mod credentials;
mod diagnostics;
mod explain;
mod explanation;
mod import;
mod inject;
mod input;
mod man;
pub mod manifests;
mod matches;
mod namespace;
mod new_file;
mod output;
mod process;
mod reference;
mod schema;
mod sources;
mod status;
mod tokens;
mod trial;
mod webhook;

use clap::{CommandFactory, Parser, Subcommand};
use std::{io, process::ExitCode};

/// The right pull secret for every Pod.
#[derive(Debug, Parser)]
#[command(name = "pullpass", version, about, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
#[command(propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG_ABOUT: &str = "The right pull secret for every Pod: one table, image pattern -> pull \
    secret, that a cluster's admin owns, applied at admission.";

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
Every flag can be given as a variable too, for example PULLPASS_CONFIG for --config.
Colour is used on a terminal, unless NO_COLOR is set.";

#[derive(Debug, Subcommand)]
enum Command {
    Webhook(Box<webhook::WebhookArgs>),
    Controller(Box<controller::ControllerArgs>),
    Check(check::Check),
    Match(matches::Match),
    Explain(explain::Explain),
    Inject(inject::Inject),
    Import(import::Import),
    Status(status::Status),
    Certs(certs::Certs),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let done = Cli::try_parse().map_err(anyhow::Error::from).and_then(|cli| cli.command.run());
    done.unwrap_or_else(|error| report(&error))
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        let is_service = matches!(self, Self::Webhook(_) | Self::Controller(_));
        match self.dispatch() {
            // Whoever read the output wanted no more of it.
            Err(error) if !is_service && is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
            done => done,
        }
    }

    fn dispatch(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(check) => return check.run(),
            Self::Import(import) => return import.run(),
            Self::Status(status) => return status.run(),
            Self::Webhook(args) => webhook::run(*args),
            Self::Controller(args) => controller::run(*args),
            Self::Match(matches) => matches.run(),
            Self::Explain(explain) => explain.run(),
            Self::Inject(inject) => inject.run(),
            Self::Certs(certs) => certs.run(),
            Self::Schema(schema) => schema.run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

/// Says what went wrong, and gives the exit code for it: 2 for wrong usage, otherwise 1.
fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        let _ = usage.print();
        return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
    }
    let (style, message) = (output::ERROR, output::printable_lines(&format!("{error:#}")));
    anstream::eprintln!("{style}error{style:#}: {message}");
    ExitCode::FAILURE
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// Wrong usage of a subcommand that clap cannot see by itself.
fn usage_error(subcommand: &str, message: &str) -> anyhow::Error {
    let mut cli = Cli::command();
    cli.build();
    let mut command = cli;
    for name in subcommand.split(' ') {
        if let Some(inner) = command.find_subcommand(name).cloned() {
            command = inner;
        }
    }
    command.error(clap::error::ErrorKind::ArgumentConflict, message).into()
}
