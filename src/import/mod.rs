//! Import: what a team has today, as entries and Secrets of Pullpass.
//!
//! Pure. Data flows from one of `docker_config` (a docker config, split by registry), `secrets` (Secrets
//! that are named or labelled) and `inventory` (those of a whole cluster) -> `plan` (entries, Secrets, what
//! is left out and why) -> `write` (the texts).

mod differences;
mod docker_config;
mod expiry;
mod grant;
mod helpers;
mod inventory;
mod names;
mod object;
mod plan;
mod runner;
mod secrets;
mod survey;
mod token_source;
mod write;

pub use docker_config::from_docker_config;
pub use grant::Grant;
pub use inventory::{Inventory, Seen, User};
pub use object::{Items, ObjectError, ReadSecret, pull_secrets_of};
pub use plan::{
    LeftOut, Plan, PlannedEcr, PlannedEntry, PlannedSecret, PlannedSource, PlannedTokens, TakenOver,
};
pub use secrets::{Delivery, from_secrets};
pub use survey::Survey;
pub use write::{Hiding, PLACEHOLDER, WriteError, config_text, secret_manifest, to_yaml};

/// The namespace of the Secrets that entries copy.
pub const HOME: &str = "pullpass-system";
