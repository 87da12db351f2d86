//! Pods that cannot pull their images, and why.
//!
//! Pure. Data flows `pod` (what the API server has of it) -> `refusal` (what the kubelet says) -> `cause`
//! (what follows, by the same decision as for a new Pod) -> `tally` (counted by entry and cause).

mod cause;
mod message;
mod pod;
mod refusal;
mod tally;

pub use cause::{Cause, PullSecret, Verdict, verdicts};
pub use message::shortened;
pub use pod::{Page, StuckPod, StuckPull};
pub use refusal::Refusal;
pub use tally::{PodExample, PullProblem, Tally};
