//! AdmissionReviews over HTTP, without a cluster: what is answered to good and bad input.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "an answer that is not of the form wanted fails the test, and says why"
)]

mod answer;
#[path = "../cluster/eventually.rs"]
mod eventually;
#[path = "../cluster/plain_http.rs"]
mod plain_http;
#[path = "../cluster/ports.rs"]
mod ports;
mod process;
mod review;
mod webhook;

mod configuration;
mod not_pods;
mod pods;
mod refusals;
mod secrecy;
mod sizes;
