//! By the metadata server.

use std::time::Duration;

use pullpass::tokens::{Expiry, Reason, Tokens};

use super::google::{Google, Reply};
use super::{PULL, endpoints, fetch, logins, request};

const SOURCE: &str = "{registries: [europe-docker.pkg.dev/p]}";
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

#[tokio::test]
async fn the_machine_has_a_token() {
    let google = Google::start().await;
    let token = fetch(&google, &request(SOURCE, &[])).await.unwrap();

    let expected = [("europe-docker.pkg.dev/p", "oauth2accesstoken", "ya29.canary-0")];
    assert_eq!(logins(&token), expected);
    assert_eq!(token.expiry, Expiry::After(Duration::from_secs(3600)));
    let [asked] = &google.asked()[..] else { panic!("{:?}", google.asked()) };
    assert_eq!(asked.query, format!("scopes={PULL}"));
    assert_eq!(asked.header("metadata-flavor"), "Google");
}

/// Of whom an answer is that does not say so: a captive portal, or whoever else has the address.
#[tokio::test]
async fn who_does_not_say_that_it_is_the_metadata_server_is_not_believed() {
    let google = Google::start().await;
    let token = r#"{"access_token": "ya29.canary", "expires_in": 3600, "token_type": "Bearer"}"#;
    for headers in [vec![], vec![("metadata-flavor", "Other".to_owned())]] {
        google.reply(PATH, Reply(200, headers, token.to_owned()));
        let failure = fetch(&google, &request(SOURCE, &[])).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Answer);
        let told = "status 200: the answer has no header `Metadata-Flavor: Google`";
        assert!(failure.message.contains(told), "{failure}");
    }
}

#[tokio::test]
async fn where_there_is_none_the_settings_are_named_that_need_none() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let tokens = Tokens::new(endpoints(&url), b"").unwrap();
    let failure = tokens.fetch(&request(SOURCE, &[])).await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    let start = format!("failed to ask the metadata server {url}{PATH} for a token: ");
    let end = "; the component machine-identity lets the controller reach it; if this is no cluster of Google, write `keyFrom` or `workloadIdentity`";
    assert!(failure.message.starts_with(&start) && failure.message.ends_with(end), "{failure}");
}
