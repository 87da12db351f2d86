//! Tokens of private registries: what is sent, and what becomes of the answer.

use std::time::{Duration, SystemTime};

use pullpass::tokens::{Endpoint, Expiry, Reason};
use rstest::rstest;
use serde_json::json;

use super::aws::{Answer, Aws, encoded};
use super::{Fetch, PRIVATE, logins};

fn given() -> Answer {
    Answer::token("password", &json!(1_798_761_600.5))
}

#[tokio::test]
async fn one_signed_request_is_sent() {
    let aws = Aws::start([given()]).await;
    let fetch = Fetch::of(PRIVATE).key("AKIAKEY", "secret").at(Endpoint::Ecr, &aws.url);

    let token = fetch.now().await.unwrap();

    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_798_761_600_500);
    assert_eq!(token.expiry, Expiry::At(at));
    let asked = aws.asked();
    let [request] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((request.method.as_str(), request.uri.path()), ("POST", "/"));
    let target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
    assert_eq!(request.header("x-amz-target"), target);
    assert_eq!(request.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(request.body, "{}");
    assert_eq!(request.signed_by(), "AKIAKEY eu-central-1 ecr aws4_request");
    let signed = request.header("authorization");
    for header in ["host", "x-amz-date", "x-amz-target"] {
        assert!(signed.contains(header), "{header} is signed: {signed}");
    }
    assert_eq!(request.header("x-amz-security-token"), "");
    assert!(!format!("{request:?}").contains("secret,"), "{request:?}");
}

#[rstest]
#[case::accounts("accounts: ['111111111111', '222222222222'], region: eu-west-1", &[
    "111111111111.dkr.ecr.eu-west-1.amazonaws.com", "111111111111.dkr-ecr.eu-west-1.on.aws",
    "222222222222.dkr.ecr.eu-west-1.amazonaws.com", "222222222222.dkr-ecr.eu-west-1.on.aws",
])]
#[case::fips("accounts: ['111111111111'], region: us-gov-west-1, fips: true", &[
    "111111111111.dkr.ecr.us-gov-west-1.amazonaws.com", "111111111111.dkr-ecr.us-gov-west-1.on.aws",
    "111111111111.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "111111111111.dkr-ecr-fips.us-gov-west-1.on.aws",
])]
#[case::china("accounts: ['111111111111'], region: cn-north-1", &[
    "111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn", "111111111111.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
])]
#[tokio::test]
async fn the_login_is_that_of_every_host(#[case] settings: &str, #[case] hosts: &[&str]) {
    let aws = Aws::start([given()]).await;
    let fetch = Fetch::of(settings).key("AKIAKEY", "secret").at(Endpoint::Ecr, &aws.url);

    let token = fetch.now().await.unwrap();

    let wanted: Vec<_> = hosts.iter().map(|host| format!("{host} AWS:password")).collect();
    assert_eq!(logins(&token), wanted);
}

#[rstest]
#[case::none(json!(null), Expiry::Unknown)]
#[case::past(json!(0), Expiry::At(SystemTime::UNIX_EPOCH))]
#[case::absurd(json!(1e14), Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_secs(100_000_000_000_000)))]
#[tokio::test]
async fn the_expiry_is_passed_on_as_it_is(
    #[case] expires_at: serde_json::Value,
    #[case] expiry: Expiry,
) {
    let aws = Aws::start([Answer::token("password", &expires_at)]).await;
    let fetch = Fetch::of(PRIVATE).key("AKIAKEY", "secret").at(Endpoint::Ecr, &aws.url);
    assert_eq!(fetch.now().await.unwrap().expiry, expiry);
}

fn with_token(token: &str) -> Answer {
    Answer::json(200, &json!({"authorizationData": [{"authorizationToken": token}]}))
}

#[rstest]
#[case::empty(Answer::text(200, ""), "it has no `authorizationToken`")]
#[case::web_page(Answer::text(200, "<html>log in"), "the answer is none that AWS documents")]
#[case::other_json(Answer::json(200, &json!({"authorizationData": "x"})), "the answer is none that AWS documents")]
#[case::no_data(Answer::json(200, &json!({"authorizationData": []})), "it has no `authorizationToken`")]
#[case::no_token(Answer::json(200, &json!({"authorizationData": [{}]})), "it has no `authorizationToken`")]
#[case::no_base64(with_token("hunter2"), "it is not base64")]
#[case::no_user(with_token("aHVudGVyMg=="), "it is not of the form AWS:PASSWORD")]
#[case::no_password(with_token(&encoded("")), "its password is empty")]
#[case::line_break(with_token(&encoded("hunter2\n")), "its password has characters that no password has")]
#[case::too_long(with_token(&encoded(&"x".repeat(64 << 10))), "it has more than 64 KiB")]
#[case::endless(Answer::text(200, "x".repeat(300 << 10)), "the answer has more than 262144 bytes")]
#[tokio::test]
async fn an_answer_that_is_none_is_refused(#[case] answer: Answer, #[case] told: &str) {
    let aws = Aws::start([answer]).await;
    let fetch = Fetch::of(PRIVATE).key("AKIAKEY", "secret").at(Endpoint::Ecr, &aws.url);

    let failure = fetch.now().await.unwrap_err();

    assert_eq!(failure.reason, Reason::Answer, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    assert!(!failure.message.contains("hunter2"), "{failure}");
    assert_eq!(aws.asked().len(), 1, "nothing is tried again");
}
