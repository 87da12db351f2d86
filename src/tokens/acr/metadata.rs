//! Tokens of the managed identities of a machine, by the Azure Instance Metadata Service.

use reqwest::Url;
use serde_json::Value;

use super::answer::{self, Complaint};
use super::{RESOURCE, below};
use crate::tokens::http::{Answer, send};
use crate::tokens::{Endpoint, Failure, Reason, Tokens};

const BASE: &str = "http://169.254.169.254";

/// Asks for one. Never by a proxy, which would ask for its own machine.
pub async fn token(tokens: &Tokens, client_id: Option<&str>) -> Result<String, Failure> {
    let base = match tokens.endpoints.get(Endpoint::AzureMetadata) {
        Some(url) => url.clone(),
        None => Url::parse(BASE)
            .map_err(|error| Failure::new(Reason::Settings, format!("{BASE}: {error}")))?,
    };
    let mut url = below(&base, "/metadata/identity/oauth2/token");
    let what = format!("ask {url} for a token");
    url.query_pairs_mut()
        .append_pair("api-version", "2018-02-01")
        .append_pair("resource", RESOURCE)
        .extend_pairs(client_id.map(|id| ("client_id", id)));
    let request = tokens.http.direct().get(url).header("Metadata", "true");
    let answer = send(&what, request).await.map_err(nobody)?;
    if answer.status != 200 {
        return Err(refused(&answer));
    }
    answer::access(&answer)
}

/// Outside Azure, and where Pods are kept from it, nobody answers.
fn nobody(failure: Failure) -> Failure {
    let told = format!(
        "the controller has no identity: AZURE_FEDERATED_TOKEN_FILE is not set, and it {}; give it a workload identity, or write `clientSecretFrom` or `clientCertificateFrom`",
        failure.message
    );
    match failure.reason {
        Reason::Connection | Reason::Timeout | Reason::Dns => {
            Failure { reason: Reason::NoIdentity, message: told, ..failure }
        }
        _ => failure,
    }
}

/// The metadata services of other clouds have the same address, do not know the path, or want another
/// header first. Azure's explains its errors in JSON; Google's names itself.
fn is_of_another(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let is_foreign = matches!(answer.status.as_u16(), 401 | 404) && body["error"].is_null();
    is_foreign || answer.header("metadata-flavor") == Some("Google")
}

fn refused(answer: &Answer) -> Failure {
    if is_of_another(answer) {
        return answer.failure(
            Reason::NoIdentity,
            "this is not Azure's metadata service, and AZURE_FEDERATED_TOKEN_FILE is not set: the controller has no identity; give it a workload identity, or write `clientSecretFrom` or `clientCertificateFrom`",
        );
    }
    let complaint = Complaint::of_entra(answer);
    match answer.status.as_u16() {
        400 => answer.failure(
            Reason::NoIdentity,
            &complaint.with("the machine has no such managed identity, or has several; assign one to the nodes, and write its `clientId`"),
        ),
        // It says so while it is updated.
        404 | 410 => answer.failure(
            Reason::Server,
            &complaint.with("the metadata server is not ready; it is asked again"),
        ),
        _ => answer.refused(&complaint.with("look whether the nodes have a managed identity")),
    }
}
