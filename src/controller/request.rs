//! One request to the API server: in bounded time, with an error that names the act and the object.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions};
use kube::core::{ObjectMeta, Status};
use thiserror::Error;
use tokio::time::timeout;

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why something could not be read or written.
#[derive(Debug, Error)]
pub enum RequestError {
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
    #[error("failed to {act} {object} within {} s", TIMEOUT.as_secs())]
    Timeout {
        /// Such as `get`.
        act: &'static str,
        /// The kind and the name.
        object: String,
    },
    /// What it goes by has been changed, and no watch has told of that yet.
    #[error("{object} has been changed, which the watch is yet to tell")]
    Outdated {
        /// The kind and the name.
        object: String,
    },
    /// Something of the name is there already.
    #[error("failed to {act} {object}: it exists already")]
    Exists {
        /// Always `create`.
        act: &'static str,
        /// The kind and the name.
        object: String,
    },
    /// Somebody else has written meanwhile: the object itself, or what its admission takes, such as a
    /// ResourceQuota.
    #[error("failed to {act} {object}, because of a change meanwhile: {reason}")]
    Conflict {
        /// Such as `update`.
        act: &'static str,
        /// The kind and the name.
        object: String,
        /// The API server's words.
        reason: String,
    },
}

/// Waits for an answer, for so long and no longer.
pub async fn bounded<T>(
    act: &'static str,
    object: &str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, RequestError> {
    let object = object.to_owned();
    match timeout(TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(refused(act, object, &status)),
        Ok(Err(error)) => {
            Err(RequestError::Refused { act, object, code: 0, reason: error.to_string() })
        }
        Err(_) => Err(RequestError::Timeout { act, object }),
    }
}

/// Of an HTTP status 409 the reason says what it is.
fn refused(act: &'static str, object: String, status: &Status) -> RequestError {
    let (code, reason) = (status.code, status.message.clone());
    match (code, status.reason.as_str()) {
        (409, "AlreadyExists") => RequestError::Exists { act, object },
        (409, _) => RequestError::Conflict { act, object, reason },
        _ => RequestError::Refused { act, object, code, reason },
    }
}

/// To delete this very version and no other.
pub fn exactly(read: &ObjectMeta) -> DeleteParams {
    DeleteParams {
        preconditions: Some(Preconditions {
            uid: read.uid.clone(),
            resource_version: read.resource_version.clone(),
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_exists_already_is_taken_as_such() {
        let of = |code, reason| {
            let status = Status::failure("words", reason).with_code(code);
            refused("create", "Secret a/b".to_owned(), &status)
        };
        assert!(matches!(of(409, "AlreadyExists"), RequestError::Exists { .. }));
        let quota = of(409, "Conflict");
        assert!(matches!(quota, RequestError::Conflict { .. }));
        assert!(quota.to_string().ends_with("words"), "{quota}");
        assert!(matches!(of(409, ""), RequestError::Conflict { .. }));
        assert!(matches!(of(403, "Forbidden"), RequestError::Refused { code: 403, .. }));
    }
}
