//! Answers that are none, and servers that repeat what they were sent.

use super::azure::{Azure, ENTRA_TOKEN, SERVICE_ACCOUNT_TOKEN};
use super::{CLIENT, SECRET, TENANT, WITH_SECRET, request};
use pullpass::tokens::Reason;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn fault_48_answers_that_lie(#[values("/entra", "/acr", "/imds")] service: &'static str) {
    let field = if service == "/acr" { "refresh_token" } else { "access_token" };
    let with = |token: &str| json!({ field: token }).to_string();
    for (body, told) in [
        (String::new(), "the answer is not the JSON that it should be"),
        ("<html>".into(), "the answer is not the JSON that it should be"),
        ("[]".into(), "the answer is not the JSON that it should be"),
        ("{}".into(), "there is no token in the answer"),
        (json!({ field: 7 }).to_string(), "the answer is not the JSON that it should be"),
        (json!({ field: null }).to_string(), "there is no token in the answer"),
        (with(""), "the token is empty"),
        (with("hunter2\nhunter2"), "the token has characters that no token has"),
        (with("hunter2\u{7f}"), "the token has characters that no token has"),
        (with(&"x".repeat((64 << 10) + 1)), "the token has more than 65536 bytes"),
        (with(&"x".repeat(300 << 10)), "the answer has more than 262144 bytes"),
    ] {
        let azure = Azure::start().await;
        azure.answer(service, (200, vec![], body.clone()));
        let identity = if service == "/imds" { "" } else { WITH_SECRET };
        let request = request("team.azurecr.io", identity, SECRET.as_bytes());
        let failure = azure.fetch(&request).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Answer, "{failure}");
        assert!(failure.message.contains(told), "{told}: {failure}");
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}

/// Bodies in every place that is read of one.
const ECHOES: [&str; 6] = [
    "ECHO",
    r#"{"error": "ECHO", "error_description": "ECHO", "error_codes": ["ECHO"]}"#,
    r#"{"error": {"code": "ECHO"}, "error_description": "AADSTSECHO"}"#,
    r#"{"errors": [{"code": "ECHO", "message": "ECHO", "detail": "ECHO"}]}"#,
    r#"{"access_token": ["ECHO"], "refresh_token": ["ECHO"]}"#,
    r#"{"access_token": "ECHO\u0000", "refresh_token": "ECHO\u0000"}"#,
];

/// A client secret can look like a code of OAuth, or of a registry.
#[rstest]
#[tokio::test]
async fn fault_51_nothing_that_was_sent_comes_back_in_an_error(
    #[values(200, 302, 400, 401, 403, 404, 429, 500)] status: u16,
    #[values("/entra", "/acr")] service: &'static str,
) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), SERVICE_ACCOUNT_TOKEN).unwrap();
    let variables = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_FEDERATED_TOKEN_FILE", file.path().to_str().unwrap()),
    ];
    let secrets = [SECRET, "hunter_two", "HUNTERTWO", "77777777777"];
    for body in ECHOES {
        for secret in secrets {
            let azure = Azure::start().await;
            azure.answer(
                service,
                (status, vec![("location", "/elsewhere".into())], body.to_owned()),
            );
            let of_secret = request("team.azurecr.io", WITH_SECRET, secret.as_bytes());
            let of_secret = azure.fetch(&of_secret).await.unwrap_err();
            let of_file = request("team.azurecr.io", "", b"");
            let of_file = azure.fetch_in(&variables, &of_file).await.unwrap_err();
            for failure in [of_secret, of_file] {
                let shown = format!("{failure} {failure:?}");
                for sent in secrets.iter().chain(&[ENTRA_TOKEN, SERVICE_ACCOUNT_TOKEN]) {
                    assert!(!shown.contains(sent), "{status} {body}: {shown}");
                }
            }
        }
    }
}
