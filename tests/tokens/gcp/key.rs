//! By the JSON key of a service account.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pullpass::sources::Wanted;
use pullpass::tokens::{Expiry, Reason};
use rstest::rstest;
use serde_json::{Value, json};

use super::google::{Google, key, new_key};
use super::{BY_KEY, PULL, fetch, fetch_by_key, json_key, logins, request, wanted};

#[tokio::test]
async fn an_assertion_becomes_a_token_for_each_registry() {
    let google = Google::start().await;
    let token = fetch_by_key(&google).await.unwrap();

    let password = "ya29.canary-0";
    let expected = [
        ("europe-docker.pkg.dev/p", "oauth2accesstoken", password),
        ("gcr.io", "oauth2accesstoken", password),
    ];
    assert_eq!(logins(&token), expected);
    assert_eq!(token.expiry, Expiry::After(Duration::from_secs(3599)));
    // It can pull, and nothing else.
    assert_eq!(google.scope_of(password), PULL);
    let [asked] = &google.asked()[..] else { panic!("{:?}", google.asked()) };
    assert_eq!((&*asked.path, &*asked.query), ("/token", ""));
    assert_eq!(asked.header("authorization"), "");
}

#[tokio::test]
async fn each_token_is_asked_for_anew() {
    let google = Google::start().await;
    for number in 0..3 {
        let token = fetch_by_key(&google).await.unwrap();
        assert_eq!(logins(&token)[0].2, format!("ya29.canary-{number}"));
    }
}

/// A key of the same ID that is not Google's: the signature counts.
#[tokio::test]
async fn another_key_is_refused() {
    let google = Google::start().await;
    let mut json: Value = serde_json::from_str(&json_key()).unwrap();
    json["private_key"] = json!(new_key().private);
    let failure = fetch(&google, &request(BY_KEY, &[("key.json", &json.to_string())])).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.reason, Reason::Unauthorized);
    let told = format!(
        "failed to ask {}/token for a token by the key `key.json` of the Secret google: status 400: `invalid_grant`: the key is no longer one of its service account; create another, and put it into the Secret",
        google.url
    );
    assert_eq!(failure.message, told);
}

/// Whatever of the key: it asks nobody but whom the controller's flags or Google's own addresses name.
#[rstest]
#[case::garbage("hunter2", "it is not the JSON key of a service account; write the whole file")]
#[case::list("[1]", "it is not the JSON key of a service account")]
#[case::empty("{}", "its `type` is not `service_account`")]
#[case::federation(
    r#"{"type": "external_account", "audience": "hunter2"}"#,
    "write its `audience` as `workloadIdentity` in place of `keyFrom`"
)]
#[case::impersonation(
    r#"{"type": "impersonated_service_account"}"#,
    "write the service account as `impersonate`"
)]
#[case::person(
    r#"{"type": "authorized_user", "refresh_token": "hunter2"}"#,
    "it is the login of a person"
)]
#[case::other(r#"{"type": "hunter2"}"#, "its `type` is not `service_account`")]
#[case::no_email(
    r#"{"type": "service_account", "private_key": "hunter2"}"#,
    "it has no `client_email`"
)]
#[case::no_key(
    r#"{"type": "service_account", "client_email": "hunter2"}"#,
    "it has no `private_key`"
)]
#[case::no_pem(
    r#"{"type": "service_account", "client_email": "x", "private_key": "hunter2"}"#,
    "its `private_key` is no RSA key in PEM"
)]
#[case::token_uri(r#"{"type": "service_account", "client_email": "x", "private_key": "x", "token_uri": "https://hunter2.example/token"}"#, "its `token_uri` is not one of Google, and a key does not choose who is asked")]
#[case::universe(r#"{"type": "service_account", "client_email": "x", "private_key": "x", "universe_domain": "hunter2.example"}"#, "its `universe_domain` is not `googleapis.com`")]
#[tokio::test]
async fn fault_51_what_is_no_key_is_told_without_any_of_it(
    #[case] json: &str,
    #[case] reason: &str,
) {
    let google = Google::start().await;
    let failure = fetch(&google, &request(BY_KEY, &[("key.json", json)])).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Settings);
    let told = &failure.message;
    assert!(told.starts_with("the key `key.json` of the Secret google cannot be used: "), "{told}");
    assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
    assert!(google.asked().is_empty(), "{:?}", google.asked());
}

/// The private key of an elliptic curve, which Google gives to nobody.
#[tokio::test]
async fn a_key_that_is_not_rsa_is_refused() {
    let google = Google::start().await;
    let mut json: Value = serde_json::from_str(&json_key()).unwrap();
    json["private_key"] = json!(rcgen::KeyPair::generate().unwrap().serialize_pem());
    let failure = fetch(&google, &request(BY_KEY, &[("key.json", &json.to_string())])).await;
    assert!(failure.unwrap_err().message.contains("its `private_key` is no RSA key in PEM"));
}

const AS_PASSWORD: &str = "{registries: [europe-docker.pkg.dev/p, gcr.io], keyFrom: {secret: google, key: key.json}, keyAsPassword: true}";

/// The file as it is, and as editors of other systems leave it: without its line breaks it is the same key.
#[rstest]
#[case::unix(json_key())]
#[case::windows(json_key().replace('\n', "\r\n"))]
#[case::one_line(json_key().replace('\n', ""))]
fn the_key_itself_can_be_the_password(#[case] json: String) {
    let content = match wanted(AS_PASSWORD, &[("key.json", &json)]).unwrap() {
        Wanted::Content(content) => content,
        Wanted::Token(request) => panic!("{request:?}"),
    };
    let config: Value = serde_json::from_slice(&content).unwrap();
    assert_eq!(config["auths"].as_object().unwrap().len(), 2);
    for registry in ["europe-docker.pkg.dev/p", "gcr.io"] {
        let auth = STANDARD.decode(config["auths"][registry]["auth"].as_str().unwrap()).unwrap();
        let auth = String::from_utf8(auth).unwrap();
        let password = auth.strip_prefix("_json_key:").unwrap();
        assert!(!password.contains(['\n', '\r']), "{password}");
        let (same, written): (Value, Value) =
            (serde_json::from_str(password).unwrap(), serde_json::from_str(&json).unwrap());
        assert_eq!(same, written);
        assert_eq!(same["private_key"], json!(key().private), "with its line breaks");
    }
}

#[rstest]
#[case::garbage("hunter2", "it is not the JSON key of a service account")]
#[case::person(
    r#"{"type": "authorized_user", "refresh_token": "hunter2"}"#,
    "it is the login of a person"
)]
fn fault_51_what_is_no_key_is_no_password(#[case] json: &str, #[case] reason: &str) {
    let told = wanted(AS_PASSWORD, &[("key.json", json)]).unwrap_err();
    let start = format!("the key `key.json` of the Secret google: {reason}");
    assert!(told.starts_with(&start) && !told.contains("hunter2"), "{told}");
}
