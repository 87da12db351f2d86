//! What a team has today, as entries and Secrets: the rules as tables, the laws as properties.

mod docker_config;
mod inventory;
mod precedence;
mod secrets;
mod words;
