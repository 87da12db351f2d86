//! Pullpass: the right pull secret for every Pod.

pub mod files;
pub mod pki;
pub mod server;
pub mod telemetry;
pub mod tls;
