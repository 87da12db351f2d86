//! The webhook: AdmissionReviews in, decisions out.

pub mod certificate;
pub mod certificate_source;
pub mod client_ca;
pub mod configuration;
pub mod handlers;
pub mod process;
pub mod published;
pub mod review;
mod shared;
pub mod state;
pub mod tls;
pub mod validate;

pub use handlers::router;
pub use state::{ConfigSlot, WebhookState};

/// Who the webhook is in the Events that it writes.
const CONTROLLER: &str = "pullpass-webhook";
