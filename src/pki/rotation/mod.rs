//! Rotation of the authority and the serving certificate, as a pure function of what is seen.
//!
//! An authority is changed in this order, and every step follows from what is stored in the cluster, so
//! that a crash between any two of them leads back to the same path:
//!
//! 1. the new authority is stored, with the old one beside it as still trusted;
//! 2. both are published in every caBundle; a propagation delay passes, for API servers read
//!    webhook configurations through caches;
//! 3. the serving certificate is issued by the new authority;
//! 4. a pick-up delay passes, for webhook replicas read the Secret through watches; the old authority
//!    is dropped from the Secret, and then from every caBundle.

mod decide;
mod memory;
mod schedule;
mod seen;
mod situation;
mod step;

pub use decide::{carried, next_step};
pub use memory::{Elapsed, Memory};
pub use seen::{AuthoritySeen, Found, Seen, ServingSeen};
pub use step::{Policy, Reason, Step, Waiting};
