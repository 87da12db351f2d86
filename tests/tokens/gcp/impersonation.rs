//! In the name of another service account.

use std::fs;
use std::time::{Duration, SystemTime};

use pullpass::tokens::{Expiry, Reason};
use serde_json::{Value, json};

use super::google::{Google, OTHER_ACCOUNT, PROVIDER, Reply};
use super::{IAM, PULL, fetch, fetch_with, json_key, logins, request};

fn source(identity: &str, email: &str) -> String {
    format!("{{registries: [europe-docker.pkg.dev/p], impersonate: {email}{identity}}}")
}

/// Whoever asks: the first token makes tokens and stays here, the second pulls and goes out.
#[tokio::test]
async fn each_identity_can_speak_in_its_name() {
    let google = Google::start().await;
    google.accept_subject("canary.subject");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "canary.subject").unwrap();
    let environment = [("PULLPASS_GCP_TOKEN_FILE", file.to_str().unwrap())];
    let identities = [
        ", keyFrom: {secret: google, key: key.json}".to_owned(),
        format!(", workloadIdentity: {PROVIDER}"),
        String::new(),
    ];
    for (position, identity) in identities.iter().enumerate() {
        let key = json_key();
        let request = request(&source(identity, OTHER_ACCOUNT), &[("key.json", &key)]);
        let token = fetch_with(&google, &environment, &request).await.unwrap();

        let own = format!("ya29.canary-{}", 2 * position);
        let others = format!("ya29.canary-{}", 2 * position + 1);
        let expected = [("europe-docker.pkg.dev/p", "oauth2accesstoken", &*others)];
        assert_eq!(logins(&token), expected, "{identity}");
        let scopes = (google.scope_of(&own), google.scope_of(&others));
        assert_eq!(scopes, (IAM.to_owned(), PULL.to_owned()), "{identity}");
        // 2030-01-02T03:04:05Z
        let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_553_445);
        assert_eq!(token.expiry, Expiry::At(ends), "{identity}");
        let asked = google.asked().pop().unwrap();
        let path = format!("/v1/projects/-/serviceAccounts/{OTHER_ACCOUNT}:generateAccessToken");
        assert_eq!(asked.path, path);
        assert_eq!(asked.header("authorization"), format!("Bearer {own}"));
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(body, json!({"scope": [PULL], "lifetime": "3600s"}));
    }
}

#[tokio::test]
async fn one_that_is_not_there_is_named() {
    let google = Google::start().await;
    let source = source("", "nobody@q.iam.gserviceaccount.com");
    let failure = fetch(&google, &request(&source, &[])).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Settings);
    let told = "status 404: `NOT_FOUND`: there is no service account nobody@q.iam.gserviceaccount.com; look at `impersonate`";
    assert!(failure.message.ends_with(told), "{failure}");
}

/// Who may do nothing does not get as far as the second question.
#[tokio::test]
async fn without_a_token_of_its_own_nothing_more_is_asked() {
    let google = Google::start().await;
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    google.reply(path, Reply(404, vec![], "not found".to_owned()));
    let failure = fetch(&google, &request(&source("", OTHER_ACCOUNT), &[])).await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    assert_eq!(google.asked().len(), 1);
}
