//! The controller: what looks after the webhook, one replica at a time.

pub mod certificates;
pub mod options;

pub use options::{CertificateMode, CertificateOptions};
