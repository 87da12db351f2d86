//! The metadata server of a machine of Google, or of GKE's workload identity.

use super::answer::{Complaint, oauth_token, of_load};
use super::{AccessToken, Endpoint, Failure, Reason, Tokens, url};
use crate::tokens::http::{self, Answer};

const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
/// Who asks shows by it that no web page made it ask, and who answers that it is the metadata server.
const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

/// Fetches a token of whom the metadata server knows.
pub async fn fetch(tokens: &Tokens, scope: &str) -> Result<AccessToken, Failure> {
    let url = url(tokens, Endpoint::GcpMetadata, "http://metadata.google.internal", PATH);
    let what = format!("ask the metadata server {url} for a token");
    let (name, value) = FLAVOR;
    // A machine's tokens have the scopes of the machine, whatever is asked for.
    let request = tokens.http.direct().get(format!("{url}?scopes={scope}")).header(name, value);
    let answer = http::send(&what, request).await.map_err(unreachable)?;
    if !answer.status.is_success() {
        return Err(refused(&answer));
    }
    if answer.header(name) != Some(value) {
        let told = "the answer has no header `Metadata-Flavor: Google`: somebody else gave it; look at who answers at this address";
        return Err(answer.failure(Reason::Answer, told));
    }
    oauth_token(&answer)
}

fn unreachable(failure: Failure) -> Failure {
    let reason = match failure.reason {
        Reason::Dns | Reason::Connection => Reason::NoIdentity,
        // It is there, or a NetworkPolicy is before it.
        Reason::Timeout => Reason::Timeout,
        _ => return failure,
    };
    let told = format!(
        "{}; the component machine-identity lets the controller reach it; if this is no cluster of Google, write `keyFrom` or `workloadIdentity`",
        failure.message
    );
    Failure::new(reason, told)
}

fn refused(answer: &Answer) -> Failure {
    let complaint = Complaint::of(answer);
    if let Some(failure) = of_load(answer, &complaint) {
        return failure;
    }
    let failure = |reason, told: &str| answer.failure(reason, &complaint.with(told));
    match answer.status.as_u16() {
        404 => failure(
            Reason::NoIdentity,
            "the node has no service account; give it one, or turn on Workload Identity Federation for GKE, or write `keyFrom`",
        ),
        403 => failure(
            Reason::Forbidden,
            "the controller's ServiceAccount may not act as the service account that its annotation iam.gke.io/gcp-service-account names; grant it `roles/iam.workloadIdentityUser` there, or remove the annotation",
        ),
        _ => answer.refused(&complaint.with("the request is not understood")),
    }
}
