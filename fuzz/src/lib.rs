//! What holds for every input, one module a fuzz target. A law that does not hold panics, which libFuzzer reports with
//! the input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a law fails"
)]

pub mod admission_review;
#[path = "../../tests/admission/answer.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod answer;
pub mod configuration;
pub mod credentials;
pub mod http;
pub mod pattern;
mod reading;
pub mod reference;
#[path = "../../tests/admission/review.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod review;
pub mod seeds;
mod webhook;
