//! Tokens of registries, fetched from faithful issuers on loopback.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "an answer that is not of the form wanted fails the test, and says why"
)]

mod ecr;
#[path = "../cluster/eventually.rs"]
mod eventually;
#[path = "../cluster/ports.rs"]
mod ports;
#[path = "../cluster/supervised.rs"]
mod supervised;
