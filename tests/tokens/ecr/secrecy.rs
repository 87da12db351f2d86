//! Fault 51: nothing secret reaches a failure, a `Debug` or a log at any level.

use std::io;
use std::sync::{Mutex, Once};

use pullpass::tokens::Endpoint;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::accounts::ROLE;
use super::aws::{Answer, Aws, encoded};
use super::{Fetch, PRIVATE};

const SECRET: &str = "canary-of-the-access-key";
const WEB_IDENTITY: &str = "canary.of.the.serviceaccount";
const POD: &str = "canary-of-the-pod-identity";
const PASSWORD: &str = "canary-of-the-password";

/// All that is logged by this process.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

fn log_everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let logs = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        tracing::subscriber::set_global_default(logs.with_writer(Log).finish()).unwrap();
    });
}

/// Each canary as it is, and as it stands in base64 and in forms.
fn assert_clean(what: &str, text: &str) {
    let in_base64 = encoded(PASSWORD);
    let all = [SECRET, WEB_IDENTITY, POD, PASSWORD, &*in_base64, "role-secret", "role-session"];
    for canary in all {
        assert!(!text.contains(canary), "{what} has {canary}");
    }
    assert!(!text.contains("canary"), "{what}: {text}");
}

fn every_fetch<'a>(url: &str, file: &'a str) -> Vec<Fetch<'a>> {
    let by_key = |settings: String| Fetch::of(settings).key("AKIAKEY", SECRET).all_at(url);
    vec![
        by_key(PRIVATE.to_owned()),
        by_key("public: true".to_owned()),
        by_key(format!("{PRIVATE}, roleArn: '{ROLE}'")),
        Fetch::of(PRIVATE)
            .variable("AWS_WEB_IDENTITY_TOKEN_FILE", file)
            .variable("AWS_ROLE_ARN", ROLE)
            .all_at(url),
        Fetch::of(PRIVATE)
            .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{url}/v1/credentials"))
            .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
            .at(Endpoint::Ecr, url),
    ]
}

#[tokio::test]
async fn fault_51_a_server_that_echoes_gets_nothing_into_a_failure_or_a_log() {
    log_everything();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), WEB_IDENTITY).unwrap();
    let answers = [
        Answer::text(200, "").echoing(),
        Answer::text(400, "").echoing(),
        Answer::text(403, "<ErrorResponse><Error><Code>").echoing(),
        Answer::text(500, "").echoing(),
        Answer::error(400, SECRET, PASSWORD),
        Answer::error(400, "AccessDeniedException", PASSWORD),
        Answer::sts_error(400, WEB_IDENTITY),
        Answer::text(400, "no").header("x-amzn-errortype", POD),
        Answer::json(200, &json!({"authorizationData": [{"authorizationToken": PASSWORD}]})),
        Answer::json(200, &json!({"AccessKeyId": SECRET, "SecretAccessKey": 1, "Token": PASSWORD})),
    ];
    for answer in answers {
        let aws = Aws::start([answer.clone()]).await;
        for fetch in every_fetch(&aws.url, file.path().to_str().unwrap()) {
            let failure = fetch.now().await.unwrap_err();
            assert_clean("a failure", &format!("{failure} {failure:?} {:?}", fetch.request()));
        }
        assert_eq!(aws.asked().len(), 5, "{answer:?}");
    }
    assert_logged_cleanly();
}

#[tokio::test]
async fn fault_51_a_token_that_is_given_stands_in_no_log() {
    log_everything();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), WEB_IDENTITY).unwrap();
    let sts = Aws::start([
        Answer::role("AssumeRoleWithWebIdentity", "ASIAROLE"),
        Answer::role("AssumeRole", "ASIAROLE"),
    ])
    .await;
    let ecr = Aws::start([Answer::token(PASSWORD, &json!(1_798_761_600))]).await;
    let token = Fetch::of(format!("{PRIVATE}, roleArn: '{ROLE}'"))
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().to_str().unwrap())
        .variable("AWS_ROLE_ARN", ROLE)
        .at(Endpoint::Sts, &sts.url)
        .at(Endpoint::Ecr, &ecr.url)
        .now()
        .await
        .unwrap();

    assert_eq!(token.logins[0].password.expose(), PASSWORD.as_bytes());
    assert_clean("its Debug", &format!("{token:?}"));
    assert_logged_cleanly();
}

fn assert_logged_cleanly() {
    // A line of our own, so that it is seen that lines arrive.
    tracing::trace!("the log is looked at");
    let logged = String::from_utf8_lossy(&LOGGED.lock().unwrap()).into_owned();
    assert!(logged.contains("the log is looked at"), "{logged}");
    assert_clean("the log", &logged);
}
