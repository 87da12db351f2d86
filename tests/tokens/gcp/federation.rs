//! By a token of the controller's ServiceAccount.

use std::fs;
use std::time::Duration;

use pullpass::tokens::{Expiry, Failure, Reason, Token};
use rstest::rstest;

use super::google::{Google, PROVIDER};
use super::{PULL, fetch, fetch_with, logins, request};

fn source(provider: &str) -> String {
    format!("{{registries: [europe-docker.pkg.dev/p], workloadIdentity: {provider}}}")
}

/// A file with the ServiceAccount's token.
struct File(tempfile::TempDir);

impl File {
    fn new(text: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn path(&self) -> String {
        self.0.path().join("token").to_str().unwrap().to_owned()
    }

    async fn fetch(&self, google: &Google, provider: &str) -> Result<Token, Failure> {
        let environment = [("PULLPASS_GCP_TOKEN_FILE", &*self.path())];
        fetch_with(google, &environment, &request(&source(provider), &[])).await
    }
}

#[tokio::test]
async fn the_serviceaccounts_token_becomes_one_of_google() {
    let google = Google::start().await;
    google.accept_subject("canary.subject.token");
    let file = File::new("canary.subject.token\n");
    let token = file.fetch(&google, PROVIDER).await.unwrap();

    let expected = [("europe-docker.pkg.dev/p", "oauth2accesstoken", "ya29.canary-0")];
    assert_eq!(logins(&token), expected);
    assert_eq!(token.expiry, Expiry::After(Duration::from_secs(3599)));
    assert_eq!(google.scope_of("ya29.canary-0"), PULL);
}

/// The kubelet puts another into its place before it ends.
#[tokio::test]
async fn the_file_is_read_anew_each_time() {
    let google = Google::start().await;
    let file = File::new("");
    for subject in ["canary.first", "canary.second"] {
        google.accept_subject(subject);
        file.write(subject);
        file.fetch(&google, PROVIDER).await.unwrap();
        let asked = google.asked().pop().unwrap().form();
        assert!(asked.contains(&("subject_token".to_owned(), subject.to_owned())), "{asked:?}");
    }
}

#[tokio::test]
async fn what_the_provider_does_not_take_is_told() {
    let google = Google::start().await;
    let file = File::new("canary.unknown");
    let failure = file.fetch(&google, PROVIDER).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Unauthorized);
    let told = format!(
        "failed to ask {}/v1/token for a token by {}: status 400: `invalid_grant`: the provider does not accept the ServiceAccount's token; ",
        google.url,
        file.path()
    );
    assert!(failure.message.starts_with(&told), "{failure}");

    let other = PROVIDER.replace("/cluster", "/other");
    let failure = file.fetch(&google, &other).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Settings);
    assert!(failure.message.contains("`invalid_target`: there is no such provider"), "{failure}");
}

#[rstest]
#[case::empty(" \n", "it is empty")]
#[case::lines("canary\ncanary", "it is no token")]
#[case::not_ascii("canäry", "it is no token")]
#[case::large(&"x".repeat(70_000), "it is no token")]
#[tokio::test]
async fn a_file_without_a_token_is_told(#[case] text: &str, #[case] reason: &str) {
    let google = Google::start().await;
    let file = File::new(text);
    let failure = file.fetch(&google, PROVIDER).await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    let start = format!("failed to read the ServiceAccount's token {}: {reason}", file.path());
    assert!(failure.message.starts_with(&start) && !failure.message.contains("can"), "{failure}");
    assert!(google.asked().is_empty());
}

/// Where the component mounts it, if no variable says otherwise: here there is none.
#[tokio::test]
async fn without_the_component_there_is_no_file() {
    let google = Google::start().await;
    let failure = fetch(&google, &request(&source(PROVIDER), &[])).await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity);
    let told = "failed to read the ServiceAccount's token /var/run/secrets/pullpass/gcp/token: No such file or directory (os error 2); the component gcp-workload-identity mounts it, and PULLPASS_GCP_TOKEN_FILE names another file";
    assert_eq!(failure.message, told);
}
