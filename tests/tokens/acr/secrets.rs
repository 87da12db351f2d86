//! Applications with a client secret, and the exchange.

use std::time::{Duration, SystemTime};

use super::azure::{Azure, ENTRA_TOKEN, TIMES, refresh_token};
use super::{CLIENT, SECRET, TENANT, WITH_SECRET, request};
use pullpass::credentials::compose;
use pullpass::tokens::{Expiry, Reason};
use rstest::rstest;
use serde_json::{Value, json};

fn at(seconds: u64) -> Expiry {
    Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn after(seconds: u64) -> Expiry {
    Expiry::After(Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_client_secret_gives_a_refresh_token_of_the_registry() {
    let azure = Azure::start().await;
    let token = azure.fetch(&request("team.azurecr.io", WITH_SECRET, SECRET.as_bytes())).await;
    let token = token.unwrap();

    let [login] = &token.logins[..] else { panic!("{token:?}") };
    assert_eq!(login.registry, "team.azurecr.io");
    assert_eq!(login.username, "00000000-0000-0000-0000-000000000000");
    let password = refresh_token("team.azurecr.io", &json!(TIMES));
    assert_eq!(login.password.expose(), password.as_bytes());
    assert_eq!(token.expiry, after(3 * 3_600), "whatever the clock of the controller says");
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
    let of_team7 = json!([1_900_000_000.9, 1_900_003_600.9]);
    azure.times("team7.azurecr.io", of_team7.clone());
    let request = request(&names.join(", "), WITH_SECRET, SECRET.as_bytes());
    let token = azure.fetch(&request).await.unwrap();

    let registries: Vec<_> = token.logins.iter().map(|login| login.registry.clone()).collect();
    let wanted: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(registries, wanted, "in the order in which they are written");
    assert_eq!(token.expiry, after(3_600), "the shortest");
    let count = |line: &str| azure.asked().iter().filter(|a| a.line.starts_with(line)).count();
    assert_eq!((count("POST /entra/"), count("POST /acr/")), (1, 20));
    for login in &token.logins {
        let password = String::from_utf8(login.password.expose().to_vec()).unwrap();
        let times = match &*login.registry {
            "team7.azurecr.io" => of_team7.clone(),
            _ => json!(TIMES),
        };
        assert_eq!(password, refresh_token(&login.registry, &times), "each has its own");
    }
}

#[rstest]
#[case::the_end_of_one_is_not_told(json!([1_900_000_000, null]), Expiry::Unknown)]
#[case::one_ends_before_it_begins(json!([2, 1]), Expiry::Unknown)]
#[case::the_issue_of_one_is_not_told(json!([null, 1_900_000_000]), at(1_900_000_000))]
#[tokio::test]
async fn fault_48_of_several_ends_all_are_known_or_none(
    #[case] times: Value,
    #[case] expiry: Expiry,
    #[values("first.azurecr.io", "second.azurecr.io")] registry: &str,
) {
    let azure = Azure::start().await;
    azure.times(registry, times);
    let registries = "first.azurecr.io, second.azurecr.io";
    let request = request(registries, WITH_SECRET, SECRET.as_bytes());
    assert_eq!(azure.fetch(&request).await.unwrap().expiry, expiry);
}

/// What ends is for the schedule to judge.
#[rstest]
#[case::past(json!([null, 1]), at(1))]
#[case::absurd(json!([null, 253_402_300_799_u64]), at(253_402_300_799))]
#[case::absurdly_long(json!([1, 253_402_300_799_u64]), after(253_402_300_798))]
#[case::none(json!([1, null]), Expiry::Unknown)]
#[case::text(json!([1, "tomorrow"]), Expiry::Unknown)]
#[case::beyond_time(json!([1, 1e300]), Expiry::Unknown)]
#[case::before_time(json!([null, -1]), Expiry::Unknown)]
#[case::at_once(json!([5, 5]), Expiry::Unknown)]
#[case::before_its_issue(json!([1_900_000_000, 5]), Expiry::Unknown)]
#[case::issued_in_words(json!(["today", 1_900_000_000]), Expiry::Unknown)]
#[tokio::test]
async fn fault_48_an_end_is_passed_on_as_it_is(#[case] times: Value, #[case] expiry: Expiry) {
    let azure = Azure::start().await;
    azure.times("team.azurecr.io", times);
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
