//! `pullpass check`: is this configuration in order?

use super::{
    config_file::{ConfigArgs, ConfigFile},
    diagnostics::Level,
    output::{ERROR, Format, GOOD, OutputArgs, counted},
};
use crate::config::{ConfigError, Parsed, Problem};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::{io::Write, process::ExitCode};

/// Check a configuration: every error and warning, with its place and a hint.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass check --config examples/config.yaml
  pullpass check --config configmap.yaml       # the ConfigMap's manifest does as well
  kubectl -n pullpass-system get configmap pullpass -o yaml | pullpass check --config -
  pullpass check --config config.yaml -o json | jq '.errors[].hint'")]
pub struct Check {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The JSON form.
#[derive(Serialize)]
struct CheckReport<'a> {
    file: &'a str,
    valid: bool,
    errors: &'a [Problem],
    warnings: &'a [Problem],
}

impl Check {
    /// Exit code 0 if the configuration is valid, 1 if it is refused.
    pub fn run(&self) -> Result<ExitCode> {
        let file = self.config.read()?;
        let parsed = file.parse();
        match self.output.output {
            Format::Json => print_json(&file, &parsed)?,
            Format::Text => print_text(&file, &parsed)?,
        }
        Ok(match parsed {
            Ok(_) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        })
    }
}

fn print_json(file: &ConfigFile, parsed: &Result<Parsed, ConfigError>) -> Result<()> {
    let (errors, warnings): (&[Problem], &[Problem]) = match parsed {
        Ok(parsed) => (&[], &parsed.warnings),
        Err(error) => (&error.problems, &[]),
    };
    let report = CheckReport { file: &file.name, valid: parsed.is_ok(), errors, warnings };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    Ok(())
}

fn print_text(file: &ConfigFile, parsed: &Result<Parsed, ConfigError>) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match parsed {
        Ok(Parsed { config, warnings }) => {
            write!(out, "{}", file.diagnostics(Level::Warning, warnings))?;
            let entries = match config.entries().len() {
                1 => "1 entry".to_owned(),
                n => format!("{n} entries"),
            };
            let warnings = counted(warnings.len(), "warning");
            writeln!(out, "{}: {GOOD}valid{GOOD:#}: {entries}, {warnings}", file.name)?;
        }
        Err(error) => {
            write!(out, "{}", file.diagnostics(Level::Error, &error.problems))?;
            let errors = counted(error.problems.len(), "error");
            writeln!(out, "{}: {ERROR}refused{ERROR:#}: {errors}", file.name)?;
        }
    }
    Ok(())
}
