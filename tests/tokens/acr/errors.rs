//! The errors that Azure documents.

use std::time::Duration;

use super::azure::{Azure, Forced, aadsts};
use super::{CLIENT, SECRET, TENANT, WITH_SECRET, request};
use pullpass::tokens::{Failure, Reason};
use rstest::rstest;

/// Those that the server finds by itself.
#[rstest]
#[case::wrong_secret(
    TENANT,
    CLIENT,
    "wrong",
    Reason::Unauthorized,
    "status 401: invalid_client, AADSTS7000215: the client secret is wrong"
)]
#[case::expired_secret(
    TENANT,
    CLIENT,
    "expired",
    Reason::Unauthorized,
    "status 401: invalid_client, AADSTS7000222: the client secret has expired"
)]
#[case::unknown_application(
    TENANT,
    "aaaaaaaa-0000-0000-0000-000000000000",
    SECRET,
    Reason::Unauthorized,
    "status 400: unauthorized_client, AADSTS700016: the tenant does not know the application"
)]
#[case::unknown_tenant(
    "22222222-0000-0000-0000-000000000000",
    CLIENT,
    SECRET,
    Reason::Unauthorized,
    "status 400: invalid_request, AADSTS90002: there is no such tenant"
)]
#[tokio::test]
async fn an_identity_that_is_not_known_is_told(
    #[case] tenant: &str,
    #[case] client: &str,
    #[case] secret: &str,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let azure = Azure::start().await;
    let identity = WITH_SECRET.replace(TENANT, tenant).replace(CLIENT, client);
    let failure = azure.fetch(&request("team.azurecr.io", &identity, secret.as_bytes())).await;
    let failure = failure.unwrap_err();
    assert_eq!((failure.reason, failure.retry_after), (reason, None), "{failure}");
    let start = format!(
        "failed to ask {}{tenant}/oauth2/v2.0/token for a token: {told}",
        azure.url("/entra/")
    );
    assert!(failure.message.starts_with(&start), "{failure}");
    assert_eq!(azure.asked().len(), 1, "it is asked once");
}

async fn forced(service: &'static str, forced: Forced) -> Failure {
    let azure = Azure::start().await;
    azure.answer(service, forced);
    let identity = if service == "/imds" { "" } else { WITH_SECRET };
    let request = request("team.azurecr.io", identity, SECRET.as_bytes());
    azure.fetch(&request).await.unwrap_err()
}

#[rstest]
#[case::clock(
    401,
    "invalid_client",
    700_024,
    Reason::ClockSkew,
    "AADSTS700024: the assertion is not valid at the time of Microsoft Entra; set the clock of the node"
)]
#[case::no_certificate(
    401,
    "invalid_client",
    700_027,
    Reason::Unauthorized,
    "AADSTS700027: the certificate is none of the application's"
)]
#[case::not_federated(
    400,
    "invalid_request",
    70_021,
    Reason::Unauthorized,
    "AADSTS70021: no federated credential of the identity fits the controller"
)]
#[case::other_subject(
    401,
    "invalid_client",
    700_213,
    Reason::Unauthorized,
    "AADSTS700213: no federated credential of the identity fits the controller"
)]
#[case::disabled(
    401,
    "unauthorized_client",
    7_000_112,
    Reason::Unauthorized,
    "AADSTS7000112: the application is disabled"
)]
#[case::conditional_access(
    400,
    "invalid_grant",
    53_003,
    Reason::Forbidden,
    "AADSTS53003: a Conditional Access policy"
)]
#[case::no_registries(
    400,
    "invalid_resource",
    500_011,
    Reason::Forbidden,
    "AADSTS500011: the tenant does not know Azure Container Registry"
)]
#[case::another_401(
    401,
    "invalid_client",
    50_012,
    Reason::Unauthorized,
    "invalid_client, AADSTS50012: the identity is not known"
)]
#[case::another_400(
    400,
    "invalid_request",
    900_144,
    Reason::Settings,
    "invalid_request, AADSTS900144: the request is refused as it is"
)]
#[case::busy(
    503,
    "temporarily_unavailable",
    90_033,
    Reason::Server,
    "temporarily_unavailable, AADSTS90033: Microsoft Entra is busy"
)]
#[case::secret_wrong_but_busy(
    500,
    "invalid_client",
    7_000_215,
    Reason::Server,
    "Microsoft Entra is busy"
)]
#[tokio::test]
async fn codes_of_entra(
    #[case] status: u16,
    #[case] error: &str,
    #[case] number: u32,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let body = aadsts(error, number);
    let failure = forced("/entra", (status, vec![], body.to_string())).await;
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(told), "{failure}");

    let mut body = body;
    body["error_codes"].take();
    let again = forced("/entra", (status, vec![], body.to_string())).await;
    assert_eq!(again.reason, reason, "by the description alone: {again}");
}

const UNAUTHORIZED: &str = r#"{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required, visit https://aka.ms/acr/authorization for more information."}]}"#;
const DENIED: &str = r#"{"errors": [{"code": "DENIED", "message": "client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}"#;

#[rstest]
#[case::no_role(
    "/acr",
    401,
    UNAUTHORIZED,
    Reason::Unauthorized,
    "status 401: UNAUTHORIZED: the registry does not admit the identity; give it the role `AcrPull`"
)]
#[case::firewall(
    "/acr",
    403,
    DENIED,
    Reason::Forbidden,
    "status 403: DENIED: the identity lacks the role `AcrPull` on the registry, or the registry's network rules do not admit"
)]
#[case::no_registry(
    "/acr",
    404,
    "404 page not found",
    Reason::Answer,
    "status 404: there is no such registry"
)]
#[case::elsewhere("/acr", 302, "", Reason::Answer, "status 302: the registry refuses the request")]
#[case::registry_down("/acr", 502, "<html>", Reason::Server, "status 502: the registry failed")]
#[case::entra_down(
    "/entra",
    504,
    "<html>",
    Reason::Server,
    "status 504: Microsoft Entra is busy or failed"
)]
#[case::entra_forbids(
    "/entra",
    403,
    "<html>",
    Reason::Forbidden,
    "status 403: look at the sign-in logs"
)]
#[case::proxy("/entra", 407, "", Reason::Proxy, "status 407")]
#[case::metadata_updated(
    "/imds",
    410,
    "",
    Reason::Server,
    "status 410: the metadata server is not ready"
)]
#[case::metadata_not_there_yet(
    "/imds",
    404,
    r#"{"error": "not_found", "error_description": "IMDS endpoint is updating"}"#,
    Reason::Server,
    "status 404: the metadata server is not ready"
)]
#[case::metadata_not_signed_in(
    "/imds",
    401,
    r#"{"error": "unauthorized_client", "error_description": "no"}"#,
    Reason::Unauthorized,
    "status 401: unauthorized_client: look whether the nodes have"
)]
#[case::metadata_of_another_cloud(
    "/imds",
    404,
    "<?xml version=\"1.0\"?><html><head><title>404 - Not Found</title></head></html>",
    Reason::NoIdentity,
    "status 404: this is not Azure's metadata service, and AZURE_FEDERATED_TOKEN_FILE is not set: the controller has no identity; give it a workload identity, or write `clientSecretFrom`"
)]
#[case::metadata_that_wants_a_session(
    "/imds",
    401,
    "",
    Reason::NoIdentity,
    "status 401: this is not Azure's metadata service"
)]
#[case::metadata_with_json_of_another_kind(
    "/imds",
    404,
    r#"{"message": "not found"}"#,
    Reason::NoIdentity,
    "status 404: this is not Azure's metadata service"
)]
#[case::metadata_down(
    "/imds",
    500,
    r#"{"error": "unknown", "error_description": "Failed to retrieve token"}"#,
    Reason::Server,
    "status 500"
)]
#[case::metadata_forbids(
    "/imds",
    403,
    "",
    Reason::Forbidden,
    "status 403: look whether the nodes have"
)]
#[tokio::test]
async fn statuses(
    #[case] service: &'static str,
    #[case] status: u16,
    #[case] body: &str,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let failure = forced(service, (status, vec![], body.to_owned())).await;
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    assert!(!failure.message.contains("203.0.113.7"), "{failure}");
}

#[rstest]
#[tokio::test]
async fn too_many_requests_are_told_with_the_time_to_wait(
    #[values("/entra", "/acr", "/imds")] service: &'static str,
) {
    let in_seconds = vec![("retry-after", "17".to_owned())];
    let at_a_time = vec![
        ("date", "Sun, 01 Nov 2026 10:00:00 GMT".to_owned()),
        ("retry-after", "Sun, 01 Nov 2026 10:01:30 GMT".to_owned()),
    ];
    for (headers, wait) in [(in_seconds, Some(17)), (at_a_time, Some(90)), (vec![], None)] {
        let failure = forced(service, (429, headers, "{}".to_owned())).await;
        assert_eq!(failure.reason, Reason::Throttled, "{failure}");
        assert_eq!(failure.retry_after, wait.map(Duration::from_secs), "{failure}");
    }
}

#[tokio::test]
async fn the_metadata_server_of_google_gives_no_identity() {
    let headers = vec![("metadata-flavor", "Google".to_owned())];
    let failure = forced("/imds", (403, headers, "<html>".to_owned())).await;
    assert_eq!(failure.reason, Reason::NoIdentity, "{failure}");
    assert!(failure.message.contains("this is not Azure's metadata service"), "{failure}");
}

/// The registry that is named in the error is the one that fails.
#[tokio::test]
async fn a_failure_names_the_registry() {
    let azure = Azure::start().await;
    azure.answer("/acr", (403, vec![], DENIED.to_owned()));
    let request = request("team.azurecr.io, other.azurecr.io", WITH_SECRET, SECRET.as_bytes());
    let failure = azure.fetch(&request).await.unwrap_err();
    let start = format!(
        "failed to get a refresh token for team.azurecr.io of {}",
        azure.url("/acr/oauth2/exchange")
    );
    assert!(failure.message.starts_with(&start), "{failure}");
}
