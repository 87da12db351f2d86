//! The webhook: AdmissionReviews in, decisions out.

pub mod configuration;
pub mod handlers;
pub mod review;
pub mod state;
pub mod validate;

pub use configuration::ConfigKeeper;
pub use handlers::router;
pub use validate::config_text;
pub use state::{ConfigSlot, WebhookState};
