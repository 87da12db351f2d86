//! `pullpass check`: is this configuration in order?

use super::{
    config_file::{ConfigArgs, ConfigFile},
    connected,
    diagnostics::Level,
    output::{ERROR, Format, GOOD, OutputArgs, WARNING, counted, printable},
    sources::{Sourced, SourcesArgs},
    tokens::TokenArgs,
    trial::{LookedUp, Trial, Tried},
    usage_error,
};
use crate::{
    config::{Config, ConfigError, Parsed, Problem},
    image::Reference,
    registries::Registries,
    sources::Finding,
};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::{io::Write, path::PathBuf, process::ExitCode, sync::Arc};

/// Check a configuration: every error and warning, with its place and a hint.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass check --config examples/config.yaml
  pullpass check --config configmap.yaml       # the ConfigMap's manifest does as well
  kubectl -n pullpass-system get configmap pullpass -o yaml | pullpass check --config -
  pullpass check --config config.yaml --sources secrets.yaml
  kubectl -n pullpass-system get secrets -o yaml | pullpass check --config config.yaml --sources -
  pullpass check --config config.yaml --credentials --image quay.io/my-org/app:1.0
  pullpass check --config config.yaml -o json | jq '.errors[].hint'")]
pub struct Check {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    sources: SourcesArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    tokens: TokenArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Credentials")]
#[group(skip)]
struct CredentialArgs {
    /// Try each credential once: tokens are fetched with the identity of this environment. Without --sources the
    /// Secrets are those of the cluster
    #[arg(long, env = "PULLPASS_CHECK_CREDENTIALS", value_parser = clap::builder::BoolishValueParser::new())]
    credentials: bool,
    /// An image that is looked up at its registry with the credential of each entry that it matches; more with
    /// commas, or given again
    #[arg(
        long,
        value_name = "IMAGE",
        env = "PULLPASS_CHECK_IMAGE",
        value_delimiter = ',',
        requires = "credentials"
    )]
    image: Vec<String>,
    /// A registry that is asked by plain HTTP; more with commas, or given again
    #[arg(
        long,
        value_name = "HOST[:PORT]",
        env = "PULLPASS_CHECK_PLAIN_HTTP",
        value_delimiter = ',',
        requires = "credentials"
    )]
    plain_http: Vec<String>,
    /// The kubeconfig of the cluster [default: KUBECONFIG, ~/.kube/config, or the Pod's ServiceAccount]
    #[arg(long, value_name = "FILE", env = "PULLPASS_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
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
    /// What came of each credential, with `--credentials`.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<&'a [Tried]>,
}

impl Check {
    /// Exit code 0 if the configuration is valid and each source can be copied, 1 if not.
    pub fn run(&self) -> Result<ExitCode> {
        self.sources.refuse_stdin_twice("check", &[("--config", self.config.is_stdin())])?;
        let file = self.config.read()?;
        let parsed = file.parse();
        let (sourced, tried) = match &parsed {
            Ok(parsed) if self.credentials.credentials => {
                let (sourced, tried) = self.try_credentials(&parsed.config)?;
                (Some(sourced), Some(tried))
            }
            Ok(parsed) => (self.sources.load(&parsed.config)?, None),
            Err(_) => (None, None),
        };
        let findings = sourced.as_ref().map(|sourced| &sourced.findings[..]);
        match self.output.output {
            Format::Json => print_json(&file, &parsed, findings, tried.as_deref())?,
            Format::Text => print_text(&file, &parsed, findings, tried.as_deref())?,
        }
        let is_copied = !findings.into_iter().flatten().any(|found| found.kind.is_error());
        let works = tried.iter().flatten().all(|tried| tried.works);
        Ok(match parsed.is_ok() && is_copied && works {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn try_credentials(&self, config: &Arc<Config>) -> Result<(Sourced, Vec<Tried>)> {
        let CredentialArgs { image, plain_http, kubeconfig, .. } = &self.credentials;
        if let Some((image, error)) =
            image.iter().find_map(|image| Some((image, Reference::parse(image).err()?)))
        {
            return Err(usage_error("check", &format!("--image `{image}` is no image: {error}")));
        }
        let tokens = self.tokens.tokens().map_err(|message| usage_error("check", &message))?;
        connected::block_on(async {
            let registries = Registries::new(tokens.authorities(), plain_http);
            let sourced = self.sources.load_or_list(config, kubeconfig.as_deref()).await?;
            let trial = Trial {
                sourced: &sourced,
                images: image,
                tokens: &tokens,
                registries: &registries,
            };
            let tried = trial.run().await?;
            Ok((sourced, tried))
        })
    }
}

fn print_json(
    file: &ConfigFile,
    parsed: &Result<Parsed, ConfigError>,
    sources: Option<&[Finding]>,
    credentials: Option<&[Tried]>,
) -> Result<()> {
    let (errors, warnings): (&[Problem], &[Problem]) = match parsed {
        Ok(parsed) => (&[], &parsed.warnings),
        Err(error) => (&error.problems, &[]),
    };
    let valid = parsed.is_ok();
    let report = CheckReport { file: &file.name, valid, errors, warnings, sources, credentials };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    Ok(())
}

fn print_text(
    file: &ConfigFile,
    parsed: &Result<Parsed, ConfigError>,
    sources: Option<&[Finding]>,
    credentials: Option<&[Tried]>,
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
            for tried in credentials.into_iter().flatten() {
                print_tried(&mut out, tried)?;
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

fn print_tried(out: &mut impl Write, tried: &Tried) -> Result<()> {
    let entry = printable(&tried.entry);
    match (&tried.reason, &tried.expires_at) {
        (Some(reason), _) => {
            writeln!(out, "credentials: {ERROR}error{ERROR:#}: {entry}: {}", printable(reason))?;
        }
        (None, Some(end)) => {
            writeln!(out, "credentials: {GOOD}good{GOOD:#}: {entry}: a token until {end}")?;
        }
        (None, None) if tried.is_end_unknown => writeln!(
            out,
            "credentials: {WARNING}good{WARNING:#}: {entry}: a token, of which the issuer tells no end that could be true"
        )?,
        (None, None) if tried.images.is_empty() => writeln!(
            out,
            "credentials: {GOOD}made{GOOD:#}: {entry}: nobody was asked; try it with an image, --image"
        )?,
        (None, None) => writeln!(out, "credentials: {GOOD}good{GOOD:#}: {entry}")?,
    }
    for LookedUp { image, reason, .. } in &tried.images {
        let image = printable(image);
        match reason {
            Some(reason) => {
                let reason = printable(reason);
                writeln!(out, "credentials: {ERROR}error{ERROR:#}: {entry}: {image}: {reason}")?;
            }
            None => writeln!(out, "credentials: {GOOD}found{GOOD:#}: {entry}: {image}")?,
        }
    }
    Ok(())
}
