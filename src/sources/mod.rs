//! The Secrets of pullpass-system that pull secrets are copied from: what each holds, which of them are
//! shared by label, and what an administrator should know about them.
//!
//! Pure. Data flows `source` (one Secret) -> `set` (all of them) -> `shared` (those shared by label) and
//! `findings` (what is wrong).

mod conflicts;
mod findings;
mod google_key;
mod made;
mod set;
mod share;
mod shared;
mod source;
mod token;

pub use findings::{Finding, FindingKind, findings};
pub use google_key::GoogleKey;
pub use made::{Wanted, made};
pub use set::Sources;
pub use share::{NAMESPACES_ANNOTATION, SHARE_LABEL, Share};
pub use shared::{Sharing, sharing};
pub use source::{Content, Source};
pub use token::TokenRequest;
