//! The listeners, their limits and their end.
//!
//! In the order a request meets them: [`listen`] accepts, [`accept`] admits the connection and shakes
//! hands, `stream` holds its deadlines, `service` recycles it, `layers` admits the request,
//! [`content`] and [`body`] read it, [`respond`] answers what was refused.

pub mod accept;
pub mod admin;
pub mod body;
pub mod budget;
mod connection;
pub mod content;
mod handshake;
mod layers;
pub mod listen;
pub mod liveness;
pub mod options;
pub mod process;
pub mod readiness;
pub mod respond;
mod service;
pub mod shutdown;
mod stream;
pub mod tasks;
mod tracked;

pub use admin::admin_router;
pub use body::{BodyError, BodyReader, BufferedBody, SMALL_BODY};
pub use content::{ContentError, check_json};
pub use listen::{BindError, Bound, ServeError, Serving};
pub use liveness::Liveness;
pub use options::{Limits, ShutdownTimes, parse_duration, parse_lifetime};
pub use process::Process;
pub use readiness::{Readiness, ReadyHandle};
pub use respond::{Reason, failure};
pub use shutdown::{Aborted, Shutdown, os_signals, shut_down_on};
pub use tasks::{TaskError, Tasks};
