//! One request to the API server: in bounded time, with an error that names the act and the object.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions};
use kube::core::ObjectMeta;
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
    /// Somebody else has written meanwhile.
    #[error("failed to {act} {object}: it has been changed meanwhile")]
    Conflict {
        /// Such as `update`.
        act: &'static str,
        /// The kind and the name.
        object: String,
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
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
            Err(RequestError::Conflict { act, object })
        }
        Ok(Err(kube::Error::Api(status))) => {
            let (code, reason) = (status.code, status.message.clone());
            Err(RequestError::Refused { act, object, code, reason })
        }
        Ok(Err(error)) => {
            Err(RequestError::Refused { act, object, code: 0, reason: error.to_string() })
        }
        Err(_) => Err(RequestError::Timeout { act, object }),
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
