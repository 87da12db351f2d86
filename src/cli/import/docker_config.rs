//! `pullpass import docker-config`: a config.json, or a DOCKER_AUTH_CONFIG.

use super::{super::input, grants::GrantArgs, now, report::ReportArgs};
use crate::import::from_docker_config;
use anyhow::{Context, Result};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// Import a docker config: config.json, or the value of DOCKER_AUTH_CONFIG.
///
/// Each registry becomes one entry and one Secret. What the kubelet would ignore is left out, with the
/// reason and the entry that would do instead; where GitLab's runner reads the file otherwise than the
/// kubelet does, it is said.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass import docker-config ~/.docker/config.json --names 'team-*' --out pullpass-import
  printf %s \"$DOCKER_AUTH_CONFIG\" | pullpass import docker-config - --selector tier=ci")]
pub struct FromDockerConfig {
    /// The docker config; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    grant: GrantArgs,
    #[command(flatten)]
    report: ReportArgs,
}

impl FromDockerConfig {
    pub fn run(&self) -> Result<ExitCode> {
        let grant = self.grant.grant("import docker-config")?;
        let text = input::read_text(&self.file, "the docker config", "FILE")?;
        let plan = from_docker_config(text.as_bytes(), &grant, now())
            .with_context(|| format!("failed to import `{}`", input::name_of(&self.file)))?;
        self.report.print(&plan)
    }
}
