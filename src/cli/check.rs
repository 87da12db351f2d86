//! `pullpass check`: is this configuration in order?

use super::{
    config_file::{ConfigArgs, ConfigFile},
    diagnostics::Level,
    output::{ERROR, Format, GOOD, OutputArgs, WARNING, counted, printable},
    sources::SourcesArgs,
};
use crate::{
    config::{ConfigError, Parsed, Problem},
    sources::Finding,
};
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
  pullpass check --config config.yaml --sources secrets.yaml
  kubectl -n pullpass-system get secrets -o yaml | pullpass check --config config.yaml --sources -
  pullpass check --config config.yaml -o json | jq '.errors[].hint'")]
pub struct Check {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    sources: SourcesArgs,
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
    /// What is wrong with the Secrets of `--sources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<&'a [Finding]>,
}

impl Check {
    /// Exit code 0 if the configuration is valid and each source can be copied, 1 if not.
    pub fn run(&self) -> Result<ExitCode> {
        self.sources.refuse_stdin_twice("check", &[("--config", self.config.is_stdin())])?;
        let file = self.config.read()?;
        let parsed = file.parse();
        let sourced = match &parsed {
            Ok(parsed) => self.sources.load(&parsed.config)?,
            Err(_) => None,
        };
        let findings = sourced.as_ref().map(|sourced| &sourced.findings[..]);
        match self.output.output {
            Format::Json => print_json(&file, &parsed, findings)?,
            Format::Text => print_text(&file, &parsed, findings)?,
        }
        let is_copied = !findings.into_iter().flatten().any(|found| found.kind.is_error());
        Ok(match parsed.is_ok() && is_copied {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

fn print_json(
    file: &ConfigFile,
    parsed: &Result<Parsed, ConfigError>,
    sources: Option<&[Finding]>,
) -> Result<()> {
    let (errors, warnings): (&[Problem], &[Problem]) = match parsed {
        Ok(parsed) => (&[], &parsed.warnings),
        Err(error) => (&error.problems, &[]),
    };
    let report = CheckReport { file: &file.name, valid: parsed.is_ok(), errors, warnings, sources };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    Ok(())
}

fn print_text(
    file: &ConfigFile,
    parsed: &Result<Parsed, ConfigError>,
    sources: Option<&[Finding]>,
) -> Result<()> {
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
            for finding in sources.into_iter().flatten() {
                let (style, word) = match finding.kind.is_error() {
                    true => (ERROR, "error"),
                    false => (WARNING, "warning"),
                };
                writeln!(out, "sources: {style}{word}{style:#}: {}", printable(&finding.note))?;
            }
            if sources.is_some_and(<[Finding]>::is_empty) {
                writeln!(out, "sources: {GOOD}in order{GOOD:#}")?;
            }
        }
        Err(error) => {
            write!(out, "{}", file.diagnostics(Level::Error, &error.problems))?;
            let errors = counted(error.problems.len(), "error");
            writeln!(out, "{}: {ERROR}refused{ERROR:#}: {errors}", file.name)?;
        }
    }
    Ok(())
}
