//! The controller's own identity: workload identity, and managed identities.

use std::io::Write;

use super::azure::{Azure, ENTRA_TOKEN, SERVICE_ACCOUNT_TOKEN};
use super::{CLIENT, TENANT, request};
use pullpass::tokens::{Endpoint, Endpoints, Environment, Reason, Tokens};
use rcgen::{CertificateParams, KeyPair};
use rstest::rstest;
use serde_json::json;

const OTHER: &str = "99999999-9999-9999-9999-999999999999";

fn token_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[rstest]
#[case::of_the_environment("", TENANT, CLIENT)]
#[case::of_the_entry(
    "tenantId: 11111111-2222-3333-4444-555555555555, clientId: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    OTHER,
    OTHER
)]
#[tokio::test]
async fn a_workload_identity_shows_the_token_of_the_service_account(
    #[case] identity: &str,
    #[case] tenant: &str,
    #[case] client: &str,
) {
    let azure = Azure::start().await;
    let file = token_file(&format!("{SERVICE_ACCOUNT_TOKEN}\n"));
    let path = file.path().to_str().unwrap();
    let variables = [
        ("AZURE_TENANT_ID", tenant),
        ("AZURE_CLIENT_ID", client),
        ("AZURE_FEDERATED_TOKEN_FILE", path),
        ("AZURE_AUTHORITY_HOST", "https://login.invalid/"),
    ];
    let request = request("team.azurecr.io", identity, b"");
    azure.fetch_in(&variables, &request).await.unwrap();
    let entra = azure.last(&format!("POST /entra/{TENANT}/oauth2/v2.0/token"));
    let fields = json!({
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": SERVICE_ACCOUNT_TOKEN,
        "scope": "https://containerregistry.azure.net/.default",
    });
    assert_eq!(json!(entra.fields), fields);
    assert_eq!(azure.last("POST /acr").fields["tenant"], TENANT);

    // The kubelet renews it.
    std::fs::write(path, "eyJhbGci.YW5vdGhlcg.c2ln").unwrap();
    azure.fetch_in(&variables, &request).await.unwrap_err();
    assert_eq!(azure.last("POST /entra").fields["client_assertion"], "eyJhbGci.YW5vdGhlcg.c2ln");
}

/// Where no flag says otherwise; by the authority that the controller was given.
#[tokio::test]
async fn entra_is_asked_where_the_environment_says() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let azure = Azure::start_with_tls(&certificate, &key.serialize_pem()).await;
    let file = token_file(SERVICE_ACCOUNT_TOKEN);
    let host = azure.url("/entra/").to_string();
    let environment = || {
        Environment::from_iter([
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", CLIENT),
            ("AZURE_FEDERATED_TOKEN_FILE", file.path().to_str().unwrap()),
            ("AZURE_AUTHORITY_HOST", &host),
        ])
    };
    let endpoints = Endpoints::from_iter([(Endpoint::Acr, azure.url("/acr"))]);
    let of = |authorities: &[u8]| {
        let tokens = Tokens::new(endpoints.clone(), authorities).unwrap();
        tokens.with_environment(environment())
    };
    let request = request("team.azurecr.io", "", b"");
    of(certificate.as_bytes()).fetch(&request).await.unwrap();
    assert_eq!(azure.asked().len(), 2);

    let failure = of(b"").fetch(&request).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Tls, "{failure}");
    assert!(failure.message.contains("--token-ca-file"), "{failure}");
    assert_eq!(azure.asked().len(), 2);
}

#[rstest]
#[case::no_tenant(&[("AZURE_CLIENT_ID", CLIENT)], "there is neither `tenantId` nor the environment variable AZURE_TENANT_ID")]
#[case::no_client(&[("AZURE_TENANT_ID", TENANT)], "there is neither `clientId` nor the environment variable AZURE_CLIENT_ID")]
#[case::bad_tenant(&[("AZURE_TENANT_ID", "../x"), ("AZURE_CLIENT_ID", CLIENT)], "AZURE_TENANT_ID of the controller has no valid ID")]
#[case::bad_client(&[("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", "x y")], "AZURE_CLIENT_ID of the controller has no valid ID")]
#[tokio::test]
async fn a_workload_identity_that_is_not_complete_is_told(
    #[case] variables: &[(&str, &str)],
    #[case] told: &str,
) {
    let azure = Azure::start().await;
    let file = [("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")];
    let variables = [variables, &file].concat();
    let failure = azure.fetch_in(&variables, &request("team.azurecr.io", "", b"")).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    assert!(failure.message.contains(told), "{failure}");
    assert!(azure.asked().is_empty());
}

#[rstest]
#[case::insecure("http://login.microsoftonline.com/")]
#[case::no_url("login.microsoftonline.com")]
#[case::a_user("https://hunter2@login.microsoftonline.com/")]
#[case::a_password("https://:hunter2@login.microsoftonline.com/")]
#[case::a_query("https://login.microsoftonline.com/?x=hunter2")]
#[case::a_fragment("https://login.microsoftonline.com/#hunter2")]
#[tokio::test]
async fn fault_51_an_authority_is_a_bare_url_and_another_is_not_shown(#[case] host: &str) {
    let tokens = Tokens::new(Endpoints::default(), b"").unwrap();
    let tokens = tokens.with_environment(Environment::from_iter([
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token"),
        ("AZURE_AUTHORITY_HOST", host),
    ]));
    let failure = tokens.fetch(&request("team.azurecr.io", "", b"")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    assert!(
        failure.message.starts_with("the environment variable AZURE_AUTHORITY_HOST"),
        "{failure}"
    );
    assert!(!failure.message.contains("hunter2"), "{failure}");
}

#[rstest]
#[case::absent(None, "No such file or directory")]
#[case::empty(Some("\n"), "it is empty")]
#[case::no_token(Some("hunter2 hunter2"), "it holds no token")]
#[tokio::test]
async fn a_token_file_that_cannot_be_used_is_told(#[case] text: Option<&str>, #[case] told: &str) {
    let azure = Azure::start().await;
    let file = token_file(text.unwrap_or_default());
    let path = file.path().to_str().unwrap().to_owned();
    let _kept = text.is_some().then_some(file);
    let variables = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_FEDERATED_TOKEN_FILE", path.as_str()),
    ];
    let failure = azure.fetch_in(&variables, &request("team.azurecr.io", "", b"")).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    let named = format!("in {path}, which AZURE_FEDERATED_TOKEN_FILE names: {told}");
    assert!(failure.message.contains(&named) && !failure.message.contains("hunter2"), "{failure}");
    assert!(azure.asked().is_empty());
}

#[rstest]
#[case::the_only_one("", &[], None, None)]
#[case::of_the_entry("clientId: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", &[("AZURE_CLIENT_ID", OTHER)], Some(CLIENT), None)]
#[case::of_the_environment("", &[("AZURE_CLIENT_ID", CLIENT), ("AZURE_TENANT_ID", TENANT)], Some(CLIENT), Some(TENANT))]
#[tokio::test]
async fn a_managed_identity_is_asked_of_the_machine(
    #[case] identity: &str,
    #[case] variables: &[(&str, &str)],
    #[case] client: Option<&str>,
    #[case] tenant: Option<&str>,
) {
    let azure = Azure::start().await;
    azure.fetch_in(variables, &request("team.azurecr.io", identity, b"")).await.unwrap();
    let [metadata, exchange] = &azure.asked()[..] else { panic!("{:?}", azure.asked()) };
    assert_eq!(metadata.line, "GET /imds/metadata/identity/oauth2/token");
    assert_eq!(metadata.headers["metadata"], "true");
    let mut fields =
        json!({"api-version": "2018-02-01", "resource": "https://containerregistry.azure.net"});
    if let Some(client) = client {
        fields["client_id"] = client.into();
    }
    assert_eq!(json!(metadata.fields), fields);
    let mut fields = json!({"grant_type": "access_token", "service": "team.azurecr.io", "access_token": ENTRA_TOKEN});
    if let Some(tenant) = tenant {
        fields["tenant"] = tenant.into();
    }
    assert_eq!(json!(exchange.fields), fields);
}

#[tokio::test]
async fn an_identity_that_the_machine_does_not_have_is_told() {
    let azure = Azure::start().await;
    let identity = format!("clientId: {OTHER}");
    let failure = azure.fetch(&request("team.azurecr.io", &identity, b"")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    let told =
        "status 400: invalid_request: the machine has no such managed identity, or has several";
    assert!(failure.message.contains(told), "{failure}");
}

#[tokio::test]
async fn where_nobody_answers_there_is_no_identity() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let endpoints = Endpoints::from_iter([(Endpoint::AzureMetadata, closed.parse().unwrap())]);
    let tokens = Tokens::new(endpoints, b"").unwrap();
    let tokens = tokens.with_environment(Environment::from_iter([("x", "y")]));
    let failure = tokens.fetch(&request("team.azurecr.io", "", b"")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity, "{failure}");
    assert!(failure.message.starts_with("the controller has no identity: AZURE_FEDERATED_TOKEN_FILE is not set, and it failed to ask http://127.0.0.1:"), "{failure}");
}
