//! Pullpass: the right pull secret for every Pod.

pub mod cli;
pub mod config;
pub mod files;
pub mod glob;
pub mod image;
pub mod inject;
pub mod pki;
pub mod server;
pub mod telemetry;
pub mod tls;
