//! `pullpass man`: manual pages.

use super::Cli;
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use std::{fs, path::PathBuf};

/// Write the manual pages, one for each subcommand.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  pullpass man --out man && man -l man/pullpass-explain.1")]
pub struct Man {
    /// The directory to write them to; made if it is not there.
    #[arg(long, value_name = "DIR", env = "PULLPASS_OUT")]
    out: PathBuf,
}

impl Man {
    /// Writes the pages.
    pub fn run(&self) -> Result<()> {
        let what = || {
            format!(
                "failed to write the manual pages to `{}`; give a directory that can be written with --out",
                self.out.display()
            )
        };
        fs::create_dir_all(&self.out).with_context(what)?;
        clap_mangen::generate_to(Cli::command(), &self.out).with_context(what)
    }
}
