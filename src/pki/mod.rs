//! Issuing certificates: pure functions of names and time, no I/O.

pub mod issue;
pub mod secret;

pub use issue::{Authority, IssueError, Pair, SelfSigned, issue_ca, issue_serving, self_signed};
pub use secret::SecretPem;
