//! Applications with a client secret, and the exchange.

use std::time::{Duration, SystemTime};

use super::azure::{Azure, END, ENTRA_TOKEN, refresh_token};
use super::{CLIENT, SECRET, TENANT, WITH_SECRET, request};
use pullpass::credentials::compose;
use pullpass::tokens::{Expiry, Reason};
use rstest::rstest;
use serde_json::{Value, json};

fn at(seconds: u64) -> Expiry {
    Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_client_secret_gives_a_refresh_token_of_the_registry() {
    let azure = Azure::start().await;
    let token = azure.fetch(&request("team.azurecr.io", WITH_SECRET, SECRET.as_bytes())).await;
    let token = token.unwrap();

    let [login] = &token.logins[..] else { panic!("{token:?}") };
    assert_eq!(login.registry, "team.azurecr.io");
    assert_eq!(login.username, "00000000-0000-0000-0000-000000000000");
    let password = refresh_token("team.azurecr.io", &json!(END));
    assert_eq!(login.password.expose(), password.as_bytes());
    assert_eq!(token.expiry, at(2_000_000_000));
    let content: Value = serde_json::from_slice(&compose::logins(&token.logins)).unwrap();
    assert!(content["auths"]["team.azurecr.io"]["auth"].is_string(), "the kubelet's key");

    let [entra, exchange] = &azure.asked()[..] else { panic!("{:?}", azure.asked()) };
    assert_eq!(entra.line, format!("POST /entra/{TENANT}/oauth2/v2.0/token"));
    let fields = json!({
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "scope": "https://containerregistry.azure.net/.default",
    });
    assert_eq!(json!(entra.fields), fields);
    assert_eq!(exchange.line, "POST /acr/oauth2/exchange");
    assert_eq!(exchange.headers["content-type"], "application/x-www-form-urlencoded");
    let fields = json!({
        "grant_type": "access_token",
        "service": "team.azurecr.io",
        "tenant": TENANT,
        "access_token": ENTRA_TOKEN,
    });
    assert_eq!(json!(exchange.fields), fields);
}

#[tokio::test]
async fn a_tenant_can_be_named_by_a_domain() {
    let azure = Azure::start().await;
    let identity = WITH_SECRET.replace(TENANT, "contoso.onmicrosoft.com");
    azure.fetch(&request("team.azurecr.io", &identity, SECRET.as_bytes())).await.unwrap();
    azure.last("POST /entra/contoso.onmicrosoft.com/oauth2/v2.0/token");
    assert_eq!(azure.last("POST /acr").fields["tenant"], "contoso.onmicrosoft.com");
}

/// Together they are one Secret, which is renewed before the first of them ends.
#[tokio::test]
async fn one_identity_asks_once_for_many_registries() {
    let azure = Azure::start().await;
    let names: Vec<String> = (0..20).map(|i| format!("Team{i}.azurecr.io")).collect();
    azure.end("team7.azurecr.io", json!(1_900_000_000.9));
    azure.end("team9.azurecr.io", Value::Null);
    let request = request(&names.join(", "), WITH_SECRET, SECRET.as_bytes());
    let token = azure.fetch(&request).await.unwrap();

    let registries: Vec<_> = token.logins.iter().map(|login| login.registry.clone()).collect();
    let wanted: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(registries, wanted, "in the order in which they are written");
    assert_eq!(token.expiry, at(1_900_000_000));
    let count = |line: &str| azure.asked().iter().filter(|a| a.line.starts_with(line)).count();
    assert_eq!((count("POST /entra/"), count("POST /acr/")), (1, 20));
    for login in &token.logins {
        let password = String::from_utf8(login.password.expose().to_vec()).unwrap();
        let end = match &*login.registry {
            "team7.azurecr.io" => json!(1_900_000_000.9),
            "team9.azurecr.io" => Value::Null,
            _ => json!(END),
        };
        assert_eq!(password, refresh_token(&login.registry, &end), "each has its own");
    }
}

/// What ends is for the schedule to judge.
#[rstest]
#[case::past(json!(1), at(1))]
#[case::absurd(json!(253_402_300_799_u64), at(253_402_300_799))]
#[case::none(Value::Null, Expiry::Unknown)]
#[case::text("tomorrow".into(), Expiry::Unknown)]
#[case::beyond_time(json!(1e300), Expiry::Unknown)]
#[case::before_time(json!(-1), Expiry::Unknown)]
#[tokio::test]
async fn fault_48_an_end_is_passed_on_as_it_is(#[case] exp: Value, #[case] expiry: Expiry) {
    let azure = Azure::start().await;
    azure.end("team.azurecr.io", exp);
    let request = request("team.azurecr.io", WITH_SECRET, SECRET.as_bytes());
    assert_eq!(azure.fetch(&request).await.unwrap().expiry, expiry);
}

#[tokio::test]
async fn a_password_that_is_no_jwt_has_no_known_end() {
    let azure = Azure::start().await;
    azure.answer("/acr", (200, vec![], r#"{"refresh_token": "opaque"}"#.into()));
    let request = request("team.azurecr.io", WITH_SECRET, SECRET.as_bytes());
    let token = azure.fetch(&request).await.unwrap();
    assert_eq!(
        (token.logins[0].password.expose(), token.expiry),
        (&b"opaque"[..], Expiry::Unknown)
    );
}

#[tokio::test]
async fn a_secret_that_is_not_utf8_is_sent_nowhere() {
    let azure = Azure::start().await;
    let request = request("team.azurecr.io", WITH_SECRET, b"\xff");
    let failure = azure.fetch(&request).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Settings);
    assert_eq!(failure.message, "the key `value` of the Secret azure is not UTF-8");
    assert!(azure.asked().is_empty());
}
