//! `pullpass completions`: completions for the shell.

use super::Cli;
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(pullpass completions bash)
  pullpass completions zsh > ~/.zfunc/_pullpass
  pullpass completions fish > ~/.config/fish/completions/pullpass.fish")]
pub struct Completions {
    /// The shell.
    #[arg(value_enum, env = "PULLPASS_SHELL")]
    shell: Shell,
}

impl Completions {
    /// Prints the completions.
    pub fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "pullpass", &mut script);
        std::io::stdout().lock().write_all(&script).context("failed to write the completions")
    }
}
