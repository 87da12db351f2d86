//! The cluster: the client, and the watches that keep what requests are answered with.

pub mod chance;
pub mod client;
pub mod credential_secret;
pub mod events;
pub mod fence;
pub mod leader;
pub mod lease;
pub mod name;
pub mod namespaces;
pub mod registration;
pub mod single;
pub mod source_secret;

pub use name::ObjectName;
