//! `pullpass import secrets`: Secrets that a list names.

use super::{grants::GrantArgs, live::SecretsArgs, now, report::ReportArgs};
use crate::{
    config::is_dns_subdomain,
    import::{Delivery, from_secrets},
};
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;

/// Import Secrets by a list of their names, as REANA has it.
///
/// Each becomes one entry, and one Secret of pullpass-system, under the name that it has.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass import secrets gitlab,docker-hub --namespace reana --names 'reana-*' --out pullpass-import
  pullpass import secrets gitlab --namespace reana -f secrets.yaml --selector reana=jobs")]
pub struct FromSecrets {
    /// The names, separated by commas.
    #[arg(value_name = "NAME", required = true, value_delimiter = ',', value_parser = parse_name)]
    list: Vec<String>,
    #[command(flatten)]
    secrets: SecretsArgs,
    #[command(flatten)]
    grant: GrantArgs,
    #[command(flatten)]
    report: ReportArgs,
}

impl FromSecrets {
    pub fn run(&self) -> Result<ExitCode> {
        let grant = self.grant.grant("import secrets")?;
        let found = self.secrets.named(&self.list)?;
        let mut plan = from_secrets(found.secrets, &Delivery::Entries(grant), now());
        plan.left_out.splice(..0, found.left_out);
        self.report.print(&plan)
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    match is_dns_subdomain(name) {
        true => Ok(name.to_owned()),
        false => Err("no Secret can have this name: write names, separated by commas".into()),
    }
}
