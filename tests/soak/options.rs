//! How long, and how much.

use std::{env, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, Result};

/// What `make soak` is told by variables.
#[derive(Debug)]
pub struct Options {
    /// The program, where it is not the one of the image.
    pub binary: Option<PathBuf>,
    /// How long the load lasts.
    pub load: Duration,
    /// Reviews a second: 600 are those of an hour at 100 Pods a second, in ten minutes.
    pub rate: u32,
    /// Connections that the misbehaving clients make one after the other.
    pub hostile: u32,
    /// How long more is offered than can be served.
    pub overload: Duration,
}

impl Options {
    /// Reads the variables.
    pub fn from_environment() -> Result<Self> {
        let is_quick = variable("QUICK").is_some();
        let seconds = |quick, full| Duration::from_secs(if is_quick { quick } else { full });
        let rate = number("RATE", 600)?;
        let load = match variable("SECONDS_OF_LOAD") {
            Some(_) => Duration::from_secs(number("SECONDS_OF_LOAD", 0)?),
            None => seconds(60, 600),
        };
        Ok(Self {
            binary: variable("PULLPASS_BINARY").map(PathBuf::from),
            load,
            rate,
            hostile: number("HOSTILE", if is_quick { 10_000 } else { 100_000 })?,
            overload: seconds(10, 30),
        })
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

fn number<T: FromStr>(name: &str, default: T) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    match variable(name) {
        Some(text) => text.parse().with_context(|| format!("{name}: {text:?} is not a number")),
        None => Ok(default),
    }
}
