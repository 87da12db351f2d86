//! JSON of which little is read and most is skipped, at a fraction of what a full parse costs.
//!
//! An object or array that nobody reads is passed over 64 bytes at a time, by its quotes and brackets alone, where serde_json looks at
//! each token. So it is known to be balanced, and not known to be valid. What is read, is read as serde_json reads it. Where that
//! is in doubt there is an error that says nothing: the caller then asks serde_json, whose answer counts.

mod block;
mod reader;
mod skip;

pub use reader::{Unread, from_str};
