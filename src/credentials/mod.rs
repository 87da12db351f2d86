//! Credentials: docker configs as the kubelet reads them, and which images they serve.
//!
//! Pure: bytes and patterns in, values out. What a docker config holds is shown nowhere; the names
//! of its registries are.

pub mod compose;
mod content;
mod coverage;
mod derive;
mod docker_config;
mod hidden;
mod jwt;
mod keyring;
mod reading;
mod registry_key;
mod url;
mod warning;
mod word;

pub use content::content_mark;
pub use coverage::{Coverage, Steps};
pub use derive::{Derived, NotDerived, NotDerivedReason, derive};
pub use docker_config::{DockerConfig, EachEntry, Entry, SecretKind};
pub use hidden::Hidden;
pub use jwt::{JwtTimes, expiry_of_jwt, times_of_jwt};
pub use keyring::Keyring;
pub use reading::{DockerConfigError, Place};
pub use registry_key::RegistryKey;
pub use warning::{NoCredential, Warning};
