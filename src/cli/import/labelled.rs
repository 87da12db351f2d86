//! `pullpass import labelled`: Secrets that a label picks.

use super::{
    grants::GrantArgs,
    live::{Label, SecretsArgs},
    now,
    report::ReportArgs,
};
use crate::import::{Delivery, from_secrets};
use anyhow::Result;
use clap::{Args, builder::BoolishValueParser};
use std::process::ExitCode;

/// Import the Secrets of one namespace that have a label, as Run:ai's cluster-wide ones.
///
/// Each becomes one entry, and one Secret of pullpass-system, under the name that it has. The grant then
/// stands in the table, where it is reviewed with the rest. With --share it is a label on the Secret
/// instead, pullpass.io/share, and no entry: nearest to what was, and given by whoever may write Secrets
/// in pullpass-system.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass import labelled run.ai/cluster-wide=true --namespace runai --names 'runai-*' --out pullpass-import
  pullpass import labelled run.ai/cluster-wide=true --namespace runai --names '*' --share")]
pub struct FromLabelled {
    /// The labels that pick the Secrets; all of them must hold.
    #[arg(value_name = "KEY[=VALUE]", required = true, value_delimiter = ',', value_parser = Label::parse)]
    labels: Vec<Label>,
    /// Share them by the label pullpass.io/share, without entries
    #[arg(long, env = "PULLPASS_SHARE", value_parser = BoolishValueParser::new())]
    share: bool,
    #[command(flatten)]
    secrets: SecretsArgs,
    #[command(flatten)]
    grant: GrantArgs,
    #[command(flatten)]
    report: ReportArgs,
}

impl FromLabelled {
    pub fn run(&self) -> Result<ExitCode> {
        let grant = self.grant.grant("import labelled")?;
        let found = self.secrets.labelled(&self.labels)?;
        let delivery = match self.share {
            true => Delivery::Label(grant),
            false => Delivery::Entries(grant),
        };
        let mut plan = from_secrets(found.secrets, &delivery, now());
        plan.left_out.splice(..0, found.left_out);
        self.report.print(&plan)
    }
}
