//! Why certificates could not be looked after.

use std::time::Duration;

use thiserror::Error;

use crate::pki::{IssueError, VerifyError};

/// For one request to the API server.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why something could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The API server refused it.
    #[error("failed to {act} {object}: {reason}")]
    Refused {
        /// Such as `get`.
        act: &'static str,
        /// The kind and the name.
        object: String,
        /// The HTTP status; 0 if there was no answer.
        code: u16,
        /// The API server's words.
        reason: String,
    },
    /// There was no answer in time.
    #[error("failed to {act} {object} within {} s", REQUEST_TIMEOUT.as_secs())]
    Timeout {
        /// Such as `get`.
        act: &'static str,
        /// The kind and the name.
        object: String,
    },
    /// Somebody else has written meanwhile.
    #[error("failed to {act} {object}: it has been changed meanwhile")]
    Conflict {
        /// Such as `update`.
        act: &'static str,
        /// The kind and the name.
        object: String,
    },
}

/// Why a round failed.
#[derive(Debug, Error)]
pub enum RoundError {
    /// The API server.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Cryptography.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// What the authority signs does not count, and another one would fare no better.
    #[error(
        "what the new authority signs is not accepted: {0}; check --service, --namespace and --certificate-name"
    )]
    Unverifiable(VerifyError),
    /// It would have to be replaced, and the key in it may be the only copy.
    #[error(
        "failed to store in the Secret {name} whom to trust, for it is immutable: delete it to have a new authority issued; to keep its key, stop the controller, and make it again without `immutable`"
    )]
    Immutable {
        /// The Secret.
        name: String,
    },
    /// Somebody else writes it, and two who write would undo each other's work.
    #[error(
        "leave the Secret {name} alone: {owner} looks after it. Pass --certificates=external; or, if nothing else looks after it any more, remove that mark from its annotations or ownerReferences"
    )]
    Owned {
        /// The Secret.
        name: String,
        /// Whose it is.
        owner: String,
    },
}

impl RoundError {
    /// Whether a right is missing.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Store(StoreError::Refused { code: 403, .. }))
    }
}
