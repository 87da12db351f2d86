//! `pullpass schema`: the form of the configuration.

use super::reference::configuration_reference;
use crate::config::json_schema;
use anyhow::{Context, Result};
use clap::Args;
use std::io::Write;

/// Print the JSON Schema of the configuration, for editors and CI.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass schema > docs/config.schema.json
  pullpass schema --markdown > docs/configuration.md

With the line `# yaml-language-server: $schema=config.schema.json` at its top, an editor checks the file.")]
pub struct Schema {
    /// Print the configuration reference instead, in Markdown.
    #[arg(long, env = "PULLPASS_MARKDOWN", value_parser = clap::builder::BoolishValueParser::new())]
    markdown: bool,
}

impl Schema {
    /// Prints the schema or the reference.
    pub fn run(&self) -> Result<()> {
        let schema = json_schema();
        let text = match self.markdown {
            true => configuration_reference(schema.as_value()),
            false => format!("{}\n", serde_json::to_string_pretty(&schema)?),
        };
        std::io::stdout().lock().write_all(text.as_bytes()).context("failed to write the schema")
    }
}
