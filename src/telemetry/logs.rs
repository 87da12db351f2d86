//! Logs to standard error, as text for people or JSON for machines.

use std::io::IsTerminal;

use thiserror::Error;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line for people; coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not be started.
#[derive(Debug, Error)]
pub enum LogError {
    /// The level is no filter.
    #[error(
        "the log level `{level}` is not known; write error, warn, info, debug or trace, or e.g. `info,pullpass=debug`"
    )]
    Level {
        /// As it was given.
        level: String,
    },
    /// A subscriber is installed already.
    #[error("start logging: {0}")]
    Install(#[from] TryInitError),
}

/// Starts logging to standard error, and has panics logged by their place alone.
///
/// `level` is a filter as `tracing_subscriber::EnvFilter` reads it.
pub fn start(level: &str, format: LogFormat) -> Result<(), LogError> {
    let filter = filter(level).ok_or_else(|| LogError::Level { level: level.to_owned() })?;
    let registry = tracing_subscriber::registry()
        .with(without_answers(filter))
        .with(filter_fn(|line| shows_no_secret(line.target(), *line.level())));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            registry.with(lines.with_ansi(wants_colour()).with_target(false)).try_init()?;
        }
        LogFormat::Json => {
            registry.with(lines.json().flatten_event(true).with_current_span(false)).try_init()?;
        }
    }
    log_panics_by_place();
    Ok(())
}

/// A word alone is a level: as a target, for which `EnvFilter` takes it, it would turn all logs off.
fn filter(level: &str) -> Option<EnvFilter> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_known = |part: &str| {
        part.contains('=') || LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part))
    };
    let is_known = level.split(',').all(|part| is_known(part.trim()));
    EnvFilter::try_new(level).ok().filter(|_| is_known)
}

/// Of kube's own lines those are left out that hold what the API server answered: one that cannot be
/// parsed is logged whole, and may be that of a Secret. A watch that failed is told by whoever watches.
fn without_answers(filter: EnvFilter) -> EnvFilter {
    ["kube_client::client=error", "kube_runtime::watcher=error"]
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive)
}

/// The AWS SDK logs requests and answers, tokens among them, at the levels below.
fn shows_no_secret(target: &str, level: Level) -> bool {
    !target.starts_with("aws_") || level <= Level::WARN
}

/// Replaces the panic hook by one that logs where a panic was, and not its message: that may hold
/// bytes of a request.
pub fn log_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(
            place = place.as_deref().unwrap_or("unknown"),
            thread = thread.name().unwrap_or("unnamed"),
            "internal error: the program panicked; please report the place"
        );
    }));
}

fn wants_colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_51_answers_that_cannot_be_parsed_are_logged_at_no_level() {
        for level in ["info", "trace", "kube_client::client=trace"] {
            let filter = without_answers(EnvFilter::new(level)).to_string();
            assert!(filter.contains("kube_client::client=error"), "{filter}");
            assert!(filter.contains("kube_runtime::watcher=error"), "{filter}");
        }
    }

    #[test]
    fn fault_51_of_the_aws_sdk_requests_and_answers_are_logged_at_no_level() {
        for target in ["aws_smithy_runtime::client", "aws_sigv4::http_request", "aws_config"] {
            for level in [Level::TRACE, Level::DEBUG, Level::INFO] {
                assert!(!shows_no_secret(target, level), "{target} {level}");
            }
            assert!(shows_no_secret(target, Level::WARN));
        }
        assert!(shows_no_secret("pullpass::tokens", Level::TRACE));
    }

    #[test]
    fn a_level_that_is_no_filter_is_refused_with_a_hint() {
        for level in ["pullpass=loud", "loud", "info,loud", ""] {
            let error = start(level, LogFormat::Text).unwrap_err();
            assert!(error.to_string().contains("write error, warn, info"), "{error}");
        }
        for level in ["info", "WARN", "off", "info,pullpass=debug", "pullpass::tls=trace"] {
            assert!(filter(level).is_some(), "{level}");
        }
    }
}
