//! What the cluster gives the controller: IRSA, EKS Pod Identity, and the role that it assumes.

use std::fs;

use pullpass::tokens::{Endpoint, Reason};
use rstest::rstest;
use serde_json::json;
use tempfile::NamedTempFile;

use super::accounts::ROLE;
use super::aws::{Answer, Aws};
use super::{Fetch, PRIVATE, logins};
use crate::ports;

fn given() -> Answer {
    Answer::token("password", &json!(1_798_761_600))
}

fn token_file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

fn pairs(form: &[(String, String)]) -> Vec<(&str, &str)> {
    form.iter().map(|(name, value)| (&**name, &**value)).collect()
}

fn irsa<'a>(file: &NamedTempFile) -> Fetch<'a> {
    Fetch::of(PRIVATE)
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().to_str().unwrap())
        .variable("AWS_ROLE_ARN", ROLE)
}

#[tokio::test]
async fn irsa_shows_the_token_of_the_service_account_as_it_is_now() {
    let sts = Aws::start([Answer::role("AssumeRoleWithWebIdentity", "ASIAROLE")]).await;
    let ecr = Aws::start([given()]).await;
    let file = token_file("first.token\n");
    let fetch = irsa(&file).at(Endpoint::Sts, &sts.url).at(Endpoint::Ecr, &ecr.url);

    assert_eq!(fetch.now().await.unwrap().logins.len(), 2);
    fs::write(file.path(), "second.token").unwrap();
    fetch.now().await.unwrap();

    let asked = sts.asked();
    for (request, token) in asked.iter().zip(["first.token", "second.token"]) {
        assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
        assert_eq!(request.header("authorization"), "", "nobody signs it");
        let wanted = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", ROLE),
            ("RoleSessionName", "pullpass"),
            ("WebIdentityToken", token),
        ];
        assert_eq!(pairs(&request.form()), wanted);
    }
    assert_eq!(asked.len(), 2);
    let request = &ecr.asked()[0];
    assert_eq!(request.signed_by(), "ASIAROLE eu-central-1 ecr aws4_request");
    assert_eq!(request.header("x-amz-security-token"), "role-session");
}

#[tokio::test]
async fn irsa_that_is_half_set_up_is_told() {
    let file = token_file("token");
    let alone = Fetch::of(PRIVATE)
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().to_str().unwrap())
        .now()
        .await
        .unwrap_err();
    assert_eq!(alone.reason, Reason::NoIdentity);
    assert!(alone.message.contains("AWS_ROLE_ARN is not; annotate the ServiceAccount"), "{alone}");

    let empty = irsa(&token_file("\n")).now().await.unwrap_err();
    assert_eq!(empty.reason, Reason::NoIdentity);
    assert!(empty.message.ends_with("(AWS_WEB_IDENTITY_TOKEN_FILE): it is empty"), "{empty}");

    let gone = Fetch::of(PRIVATE)
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
        .variable("AWS_ROLE_ARN", ROLE);
    let gone = gone.now().await.unwrap_err();
    assert_eq!(gone.reason, Reason::NoIdentity);
    assert!(gone.message.contains("failed to read /nowhere/token"), "{gone}");
}

#[tokio::test]
async fn the_role_of_the_entry_is_assumed_after_that() {
    let sts = Aws::start([
        Answer::role("AssumeRoleWithWebIdentity", "ASIAFIRST"),
        Answer::role("AssumeRole", "ASIASECOND"),
    ])
    .await;
    let ecr = Aws::start([given()]).await;
    let file = token_file("token");
    let mut fetch = irsa(&file).at(Endpoint::Sts, &sts.url).at(Endpoint::Ecr, &ecr.url);
    let other = "arn:aws:iam::210987654321:role/other";
    fetch.settings = format!("{PRIVATE}, roleArn: '{other}', externalId: my-cluster");

    fetch.now().await.unwrap();

    let asked = sts.asked();
    assert_eq!(asked[1].signed_by(), "ASIAFIRST eu-central-1 sts aws4_request");
    assert_eq!(asked[1].header("x-amz-security-token"), "role-session");
    let wanted = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", other),
        ("RoleSessionName", "pullpass"),
        ("ExternalId", "my-cluster"),
    ];
    assert_eq!(pairs(&asked[1].form()), wanted);
    assert_eq!(ecr.asked()[0].signed_by(), "ASIASECOND eu-central-1 ecr aws4_request");
}

#[tokio::test]
async fn the_pod_identity_agent_is_shown_the_token_as_it_is_now() {
    let document = json!({"AccessKeyId": "ASIAPOD", "SecretAccessKey": "s", "Token": "session", "Expiration": "2026-12-01T00:00:00Z"});
    let agent = Aws::start([Answer::json(200, &document)]).await;
    let ecr = Aws::start([given()]).await;
    let file = token_file("first\n");
    let fetch = Fetch::of(PRIVATE)
        .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", agent.url))
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.path().to_str().unwrap())
        .at(Endpoint::Ecr, &ecr.url);

    assert_eq!(logins(&fetch.now().await.unwrap()).len(), 2);
    fs::write(file.path(), "second").unwrap();
    fetch.now().await.unwrap();

    let asked = agent.asked();
    let seen = asked
        .iter()
        .map(|asked| (asked.method.as_str(), asked.uri.path(), asked.header("authorization")));
    let seen: Vec<_> = seen.collect();
    assert_eq!(seen, [("GET", "/v1/credentials", "first"), ("GET", "/v1/credentials", "second")]);
    let request = &ecr.asked()[0];
    assert_eq!(request.signed_by(), "ASIAPOD eu-central-1 ecr aws4_request");
    assert_eq!(request.header("x-amz-security-token"), "session");
}

#[rstest]
#[case::not_trusted(
    Answer::text(400, "[1]: (AccessDeniedException): hunter2, fault: client"),
    Reason::Forbidden,
    "AccessDeniedException; look at the Pod identity association"
)]
#[case::no_association(
    Answer::text(404, "[1]: (ResourceNotFoundException): hunter2, fault: client"),
    Reason::NoIdentity,
    "ResourceNotFoundException; "
)]
#[case::expired(
    Answer::text(400, "[1]: (ExpiredTokenException): hunter2, fault: client"),
    Reason::Unauthorized,
    "ExpiredTokenException; "
)]
#[case::throttled(Answer::text(429, "hunter2"), Reason::Throttled, "status 429")]
#[case::broken(Answer::text(500, "hunter2"), Reason::Server, "status 500")]
#[case::lies(
    Answer::text(200, "{\"AccessKeyId\": \"hunter2\"}"),
    Reason::Answer,
    "are not all in the answer"
)]
#[case::garbage(
    Answer::text(200, "hunter2"),
    Reason::Answer,
    "the answer is not the JSON that it should be"
)]
#[case::smuggled(Answer::json(200, &json!({"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "hunter2\r\nx: y"})), Reason::Answer, "are not all in the answer")]
#[tokio::test]
async fn what_the_pod_identity_agent_refuses_is_told(
    #[case] answer: Answer,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let agent = Aws::start([answer]).await;
    let uri = format!("{}/v1/credentials", agent.url);
    let fetch = Fetch::of(PRIVATE).variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri);

    let failure = fetch.now().await.unwrap_err();

    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(told) && failure.message.contains(&uri), "{failure}");
    assert!(!failure.message.contains("hunter2"), "{failure}");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_told() {
    let uri = format!("http://127.0.0.1:{}/v1/credentials", ports::free());
    let fetch = Fetch::of(PRIVATE).variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri);
    let failure = fetch.now().await.unwrap_err();
    assert_eq!(failure.reason, Reason::Connection, "{failure}");
    let told = "the component machine-identity lets the controller reach it";
    assert!(failure.message.contains(&uri) && failure.message.ends_with(told), "{failure}");
}

#[rstest]
#[case("http://192.0.2.1/v1/credentials")]
#[case("http://agent.example/v1/credentials")]
#[case("http://169.254.170.23.example/v1/credentials")]
#[case("file:///v1/credentials")]
#[case("no URL")]
#[tokio::test]
async fn the_token_goes_to_no_other_host(#[case] uri: &str) {
    let fetch = Fetch::of(PRIVATE).variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
    let failure = fetch.now().await.unwrap_err();
    assert_eq!(failure.reason, Reason::Settings, "{failure}");
    assert!(
        failure.message.starts_with("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither"),
        "{failure}"
    );
}

#[tokio::test]
async fn an_access_key_of_the_environment_is_not_taken_and_one_of_the_entry_goes_before_all() {
    let ecr = Aws::start([given()]).await;
    let file = token_file("token");
    let by_key = irsa(&file).key("AKIAKEY", "secret").at(Endpoint::Ecr, &ecr.url);
    by_key.now().await.unwrap();
    assert_eq!(ecr.asked()[0].signed_by(), "AKIAKEY eu-central-1 ecr aws4_request");

    let by_environment = Fetch::of(PRIVATE)
        .variable("AWS_ACCESS_KEY_ID", "AKIAENV")
        .variable("AWS_SECRET_ACCESS_KEY", "secret")
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        .at(Endpoint::Ecr, &ecr.url);
    let failure = by_environment.now().await.unwrap_err();
    assert_eq!(failure.reason, Reason::NoIdentity, "{failure}");
    assert!(failure.message.contains("or name an access key in the entry"), "{failure}");
}
