//! Injection: what a Pod says of its images, the decision about it, and the patch that follows.
//!
//! Pure. The webhook, `explain`, `inject` and observe mode all render the one [`Decision`].

mod decision;
mod manifest;
mod patch;
mod pod;
mod report;

pub use decision::{
    Decision, EntryDecision, ImageMatch, Matches, Namespace, Outcome, SecretDecision, SecretState,
    Skip, decide, match_images,
};
pub use manifest::{ManifestError, Workload, pod_templates};
pub use patch::patch;
pub use pod::{Image, ImagePlace, PodView};
pub use report::{Report, audit_annotations};
