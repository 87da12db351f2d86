//! The listeners, their limits and their end.
//!
//! In the order a request meets them: [`listen`] accepts, [`accept`] admits the connection and shakes
//! hands, [`stream`] holds its deadlines, [`service`] recycles it, [`layers`] admits the request,
//! [`content`] and [`body`] read it, [`respond`] answers what was refused.

pub mod accept;
pub mod admin;
pub mod body;
pub mod budget;
mod connection;
pub mod content;
mod handshake;
pub mod layers;
pub mod listen;
pub mod options;
pub mod readiness;
pub mod respond;
pub mod service;
pub mod shutdown;
pub mod stream;
pub mod tasks;

pub use admin::admin_router;
pub use body::{BodyError, BodyReader, BufferedBody};
pub use content::{ContentError, check_json};
pub use layers::{Guarded, guard};
pub use listen::{BindError, Bound, ServeError, Serving};
pub use options::{Limits, ShutdownTimes, parse_duration};
pub use readiness::{Readiness, ReadyHandle};
pub use respond::{Reason, failure};
pub use shutdown::{Aborted, Shutdown, os_signals, shut_down_on};
pub use tasks::{TaskError, Tasks};
