//! The role of the instance, by version 2 of its metadata service.

use pullpass::tokens::{Endpoint, Reason};
use rstest::rstest;
use serde_json::json;

use super::aws::{Answer, Aws};
use super::{Fetch, PRIVATE};
use crate::ports;

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

fn credentials() -> Answer {
    let document = json!({"Code": "Success", "AccessKeyId": "ASIANODE", "SecretAccessKey": "s", "Token": "session", "Expiration": "2026-12-01T00:00:00Z"});
    Answer::text(200, document.to_string())
}

fn by<'a>(metadata: &str) -> Fetch<'a> {
    Fetch::of(PRIVATE).variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata)
}

#[tokio::test]
async fn it_is_asked_within_a_session() {
    let answers = [Answer::text(200, "session=="), Answer::text(200, "my-node"), credentials()];
    let metadata = Aws::start(answers).await;
    let ecr = Aws::start([Answer::token("password", &json!(1_798_761_600))]).await;

    by(&metadata.url).at(Endpoint::Ecr, &ecr.url).now().await.unwrap();

    let asked = metadata.asked();
    let [session, roles, role] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((session.method.as_str(), session.uri.path()), ("PUT", "/latest/api/token"));
    assert_eq!(session.header("x-aws-ec2-metadata-token-ttl-seconds"), "60");
    assert_eq!((roles.method.as_str(), roles.uri.path()), ("GET", ROLES));
    assert_eq!((role.method.as_str(), role.uri.path()), ("GET", &*format!("{ROLES}my-node")));
    for request in [roles, role] {
        assert_eq!(request.header("x-aws-ec2-metadata-token"), "session==");
    }
    let request = &ecr.asked()[0];
    assert_eq!(request.signed_by(), "ASIANODE eu-central-1 ecr aws4_request");
    assert_eq!(request.header("x-amz-security-token"), "session");
}

#[rstest]
#[case::off(vec![Answer::text(403, "hunter2")], Reason::NoIdentity, "the instance has no role, or gives none to Pods")]
#[case::no_role(vec![Answer::text(200, "session"), Answer::text(404, "hunter2")], Reason::NoIdentity, "the instance has no role, or gives none to Pods")]
#[case::broken(vec![Answer::text(500, "hunter2")], Reason::Server, "status 500")]
#[case::a_page(vec![Answer::text(200, "<html> hunter2")], Reason::Answer, "the answer is no token of a session")]
#[case::no_name(vec![Answer::text(200, "session"), Answer::text(200, "../hunter2")], Reason::Answer, "the answer is not the name of a role")]
#[case::not_trusted(
    vec![Answer::text(200, "session"), Answer::text(200, "role"), Answer::text(200, r#"{"Code": "AssumeRoleUnauthorizedAccess", "Message": "hunter2"}"#)],
    Reason::Forbidden, "AssumeRoleUnauthorizedAccess; look at the trust policy of the role"
)]
#[case::never(vec![Answer::text(200, "").late()], Reason::NoIdentity, "its hop limit for metadata must be 2 or more")]
#[tokio::test]
async fn what_it_refuses_is_told(
    #[case] answers: Vec<Answer>,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let metadata = Aws::start(answers).await;
    let failure = by(&metadata.url).now().await.unwrap_err();
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    assert!(!failure.message.contains("hunter2"), "{failure}");
}

#[tokio::test]
async fn where_there_is_none_an_identity_is_asked_for() {
    let nobody = format!("http://127.0.0.1:{}", ports::free());
    for fetch in [by(&nobody), by(&nobody).variable("AWS_EC2_METADATA_DISABLED", "TRUE")] {
        let failure = fetch.now().await.unwrap_err();
        assert_eq!(failure.reason, Reason::NoIdentity, "{failure}");
        let told = "the controller has no identity in AWS: give it one by IRSA or EKS Pod Identity";
        assert!(failure.message.starts_with(told), "{failure}");
    }
}
