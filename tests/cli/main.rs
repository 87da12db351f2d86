//! The real binary: exit codes, output and errors of every subcommand.

mod certs;
mod check;
mod explain;
mod generated;
mod import;
mod inject;
mod matches;
#[cfg(target_os = "linux")]
mod memory;
mod run;
mod sources;
mod usage;
