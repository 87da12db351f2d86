//! `--config`: the configuration from a file, from standard input, or within a ConfigMap.

use super::{
    config_map::{Detected, Embedded, detect},
    diagnostics::{Diagnostics, Level},
    input,
};
use crate::config::{self, CONFIG_KEY, Config, ConfigError, Parsed, Problem};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use std::{path::PathBuf, sync::Arc};

/// `--config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The configuration, or a ConfigMap with the key `config.yaml`; `-` reads standard input.
    #[arg(long, value_name = "FILE", env = "PULLPASS_CONFIG")]
    config: PathBuf,
}

/// A configuration's text, and where it stands.
#[derive(Debug)]
pub struct ConfigFile {
    /// The name of the file, for messages.
    pub name: String,
    text: String,
    embedded: Option<Embedded>,
}

impl ConfigArgs {
    /// Whether the configuration comes from standard input.
    pub fn is_stdin(&self) -> bool {
        input::is_stdin(&self.config)
    }

    /// Reads the file.
    pub fn read(&self) -> Result<ConfigFile> {
        let name = input::name_of(&self.config);
        let text = input::read_text(&self.config, "the configuration", "--config")?;
        let embedded = match detect(&text) {
            Detected::Configuration => None,
            Detected::ConfigMap(embedded) => Some(embedded),
            Detected::ConfigMapWithoutKey => bail!(
                "failed to read the configuration `{name}`: the ConfigMap has no key `{CONFIG_KEY}` \
                 under `data`; add it, or give the file with the configuration itself"
            ),
        };
        Ok(ConfigFile { name, text, embedded })
    }

    /// Reads and compiles the configuration; the error has every problem.
    pub fn load(&self) -> Result<Arc<Config>> {
        let file = self.read()?;
        match file.parse() {
            Ok(parsed) => Ok(parsed.config),
            Err(error) => {
                let all = file.diagnostics(Level::Error, &error.problems);
                anstream::eprint!("{all}");
                Err(anyhow!("the configuration `{}` is refused; nothing was done", file.name))
            }
        }
    }
}

impl ConfigFile {
    /// Parses, checks and compiles. Places are those of the file where they can be known.
    pub fn parse(&self) -> Result<Parsed, ConfigError> {
        let in_file = |mut problems: Vec<Problem>| {
            for problem in &mut problems {
                let place = self.embedded.as_ref().and_then(|inner| inner.in_file(problem.place));
                problem.place = place.unwrap_or(problem.place);
            }
            problems
        };
        let text = self.embedded.as_ref().map_or(&self.text, |embedded| &embedded.text);
        match config::parse(text) {
            Ok(parsed) => Ok(Parsed { warnings: in_file(parsed.warnings), ..parsed }),
            Err(error) => Err(ConfigError { problems: in_file(error.problems) }),
        }
    }

    /// The problems in words, with the lines they are about.
    pub fn diagnostics<'a>(&'a self, level: Level, problems: &'a [Problem]) -> Diagnostics<'a> {
        let (name, text) = match &self.embedded {
            Some(embedded) if embedded.offset.is_none() => {
                (format!("{} (data[\"{CONFIG_KEY}\"])", self.name), embedded.text.as_str())
            }
            _ => (self.name.clone(), self.text.as_str()),
        };
        Diagnostics::new(name, text, level, problems)
    }
}
