//! The webhook: AdmissionReviews in, decisions out.

pub mod configuration;
pub mod handlers;
pub mod process;
pub mod review;
pub mod state;
pub mod validate;

pub use configuration::{ConfigKeeper, InForce};
pub use handlers::router;
pub use state::{ConfigSlot, WebhookState};
pub use validate::config_text;
