//! Pullpass: the right pull secret for every Pod.

pub mod cli;
pub mod config;
pub mod glob;
pub mod image;
pub mod inject;
