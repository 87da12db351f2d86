//! `--names`, `--selector` and `--except`: who gets what is imported.

use super::super::usage_error;
use crate::import::Grant;
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct GrantArgs {
    /// Globs of the namespaces that get the Secrets; '*' says all
    #[arg(long, value_name = "GLOB", env = "PULLPASS_NAMES", value_delimiter = ',')]
    names: Vec<String>,
    /// Labels of the namespaces that get the Secrets; all of them must hold
    #[arg(long, value_name = "KEY=VALUE", env = "PULLPASS_SELECTOR", value_delimiter = ',', value_parser = parse_label)]
    selector: Vec<(String, String)>,
    /// Globs of namespaces that do not get them
    #[arg(long, value_name = "GLOB", env = "PULLPASS_EXCEPT", value_delimiter = ',')]
    except: Vec<String>,
}

impl GrantArgs {
    /// The grant. There is none by default: a Secret is disclosed by it.
    pub fn grant(&self, subcommand: &str) -> Result<Grant> {
        let labels = self.selector.iter().cloned();
        let grant = Grant::new(self.names.clone(), labels, self.except.clone());
        if grant.is_empty() {
            return Err(usage_error(
                subcommand,
                "say which namespaces get the Secrets: --names GLOB, for example --names 'team-*' \
                 (--names '*' says all), or --selector KEY=VALUE; whoever may create Pods there can \
                 read them, so none is taken for granted",
            ));
        }
        match grant.check() {
            Ok(()) => Ok(grant),
            Err(reason) => Err(usage_error(subcommand, &reason)),
        }
    }
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| format!("`{text}` is no label; write KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}
