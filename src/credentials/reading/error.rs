//! Why a docker config cannot be read.

use super::super::RegistryKey;
use std::fmt;
use thiserror::Error;

/// Why a docker config cannot be read. No value of it stands here; names of registries do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum DockerConfigError {
    #[error("the docker config is empty; write the output of `docker login` into it")]
    Empty,
    #[error(
        "the docker config is not JSON: {} at line {line}, column {column}; create the Secret with `kubectl create secret docker-registry`",
        slip(*.ends_early)
    )]
    NotJson { ends_early: bool, line: usize, column: usize },
    #[error("the docker config has objects or arrays within one another more than 9,999 times")]
    TooDeep,
    #[error("the docker config has another shape (line {line}, column {column}): {place}")]
    Shape { place: Place, line: usize, column: usize },
    #[error("`auth` of the registry `{key}` is not base64; write base64 of `user:password`")]
    Base64 { key: RegistryKey },
    #[error("`auth` of the registry `{key}` has no `:`; write base64 of `user:password`")]
    NoColon { key: RegistryKey },
}

fn slip(ends_early: bool) -> &'static str {
    match ends_early {
        true => "it ends",
        false => "there is a slip",
    }
}

/// The place in a docker config, and what must stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The whole text.
    Whole,
    /// `auths`.
    Auths,
    /// `HttpHeaders`.
    HttpHeaders,
    /// A value of `HttpHeaders`.
    HttpHeader,
    /// An entry of `auths`.
    Entry(RegistryKey),
    /// A field of an entry of `auths`.
    Field(RegistryKey, &'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("it must be an object"),
            Self::Auths => f.write_str("`auths` must be an object with one registry a key"),
            Self::HttpHeaders => f.write_str("`HttpHeaders` must be an object"),
            Self::HttpHeader => f.write_str("each value of `HttpHeaders` must be a string"),
            Self::Entry(key) => write!(f, "the registry `{key}` must have an object"),
            Self::Field(key, name) => {
                write!(f, "`{name}` of the registry `{key}` must be a string")
            }
        }
    }
}
