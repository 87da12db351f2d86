//! Rotation, in a simulated cluster: API servers that read webhook configurations late, replicas that
//! pick certificates up late, leaders that crash between any two steps, clocks that differ, and people
//! who edit what they should not.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod laws;
mod steps;
mod world;
