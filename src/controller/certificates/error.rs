//! Why certificates could not be looked after.

use thiserror::Error;

use crate::controller::request::RequestError;
use crate::pki::{IssueError, VerifyError};

/// Why a round failed.
#[derive(Debug, Error)]
pub enum RoundError {
    /// The API server.
    #[error(transparent)]
    Request(#[from] RequestError),
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
        matches!(self, Self::Request(RequestError::Refused { code: 403, .. }))
    }
}
