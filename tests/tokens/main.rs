//! Tokens of registries, asked of faithful servers on this machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod acr;
mod ecr;
#[path = "../cluster/eventually.rs"]
mod eventually;
mod gcp;
#[path = "../cluster/ports.rs"]
mod ports;
#[path = "../cluster/supervised.rs"]
mod supervised;
