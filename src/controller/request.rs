//! One request to the API server: in bounded time, with an error that names the act and the object.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions};
use kube::core::{ObjectMeta, Status};
use thiserror::Error;
use tokio::time::timeout;

use crate::cluster::single::unreadable;

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// As the API server names our own policy in a refusal.
const FENCE: &str = "ValidatingAdmissionPolicy 'pullpass-controller-secrets' with";

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
            let reason = match &error {
                kube::Error::SerdeError(error) => unreadable(error),
                other => other.to_string(),
            };
            Err(RequestError::Refused { act, object, code: 0, reason })
        }
        Err(_) => Err(RequestError::Timeout { act, object }),
    }
}

/// Of an HTTP status 409 the reason says what it is.
fn refused(act: &'static str, object: String, status: &Status) -> RequestError {
    let (code, mut reason) = (status.code, status.message.clone());
    if object.starts_with("Secret ") {
        without_words_of_policies(&mut reason);
    }
    match (code, status.reason.as_str()) {
        (409, "AlreadyExists") => RequestError::Exists { act, object },
        (409, _) => RequestError::Conflict { act, object, reason },
        _ => RequestError::Refused { act, object, code, reason },
    }
}

/// What a policy or a webhook says of a Secret that it refuses may hold all of it. Its name stays, and the words
/// of our own fence do.
fn without_words_of_policies(message: &mut String) {
    if message.contains(FENCE) {
        return;
    }
    for marker in ["denied the request: ", "denied request: "] {
        if let Some(at) = message.find(marker) {
            message.truncate(at + marker.len());
            message
                .push_str("its words are left out, since they may repeat the Secret; look at it");
        }
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

    #[tokio::test]
    async fn fault_51_of_an_answer_that_cannot_be_parsed_only_the_place_is_told() {
        let error = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        let answer = async { Err::<(), _>(kube::Error::SerdeError(error)) };
        let told = bounded("get", "Secret a/b", answer).await.unwrap_err().to_string();
        assert!(
            told.starts_with("failed to get Secret a/b: the answer cannot be parsed"),
            "{told}"
        );
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn fault_51_whoever_refuses_a_secret_gets_it_into_no_message() {
        let of = |object: &str, words: &str| {
            let status =
                Status::failure(&format!("secrets \"b\" is forbidden: {words}"), "Forbidden");
            refused("create", object.to_owned(), &status.with_code(403)).to_string()
        };
        for who in [
            "admission webhook \"policy.example.com\" denied the request",
            "ValidatingAdmissionPolicy 'policy' with binding 'policy' denied request",
        ] {
            let told = of("Secret a/b", &format!("{who}: hunter2"));
            assert!(told.contains(&format!("{who}: its words are left out")), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
            assert!(
                of("Secret a/b", &format!("{who} without explanation")).ends_with("explanation")
            );
            assert!(of("ConfigMap a/b", &format!("{who}: why")).ends_with("why"));
        }
        let own = format!("{FENCE} binding 'x' denied request: why");
        assert!(of("Secret a/b", &own).ends_with("why"));
        assert!(of("Secret a/b", "exceeded quota: x").ends_with("exceeded quota: x"));
    }
}
