//! Issuing and judging certificates: pure functions of certificates, names and time, no I/O.

pub mod authority;
pub mod bundle;
pub mod choice;
pub mod issue;
pub mod rotation;
pub mod secret;
pub mod verify;

pub use authority::{Authority, AuthorityError};
pub use bundle::{Bundle, BundleError};
pub use choice::{Choice, Published, Serve, choose};
pub use issue::{IssueError, Pair, SelfSigned, is_dns_name, issue_ca, issue_serving, self_signed};
pub use secret::SecretPem;
pub use verify::{Validity, VerifyError, validity, verify, verify_names};

/// The most bytes that a PEM text of certificates or a key may have.
pub const MAX_PEM_BYTES: usize = 256 * 1024;
