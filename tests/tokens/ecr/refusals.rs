//! What AWS refuses, and why: the reason is exact, and the message says what to do.

use std::time::Duration;

use pullpass::tokens::{Endpoint, Reason};
use rstest::rstest;

use super::accounts::ROLE;
use super::aws::{Answer, Aws};
use super::{Fetch, PRIVATE};
use crate::ports;

const EXPIRED: &str = "Signature expired: 20261122T000000Z is now earlier than 20261122T001000Z";
const EARLY: &str =
    "Signature not yet current: 20261122T001000Z is still later than 20261122T000000Z";
const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn error(status: u16, code: &str) -> Answer {
    Answer::error(status, code, "no")
}

#[rstest]
#[case::unknown_key(
    error(400, "UnrecognizedClientException"),
    Reason::Unauthorized,
    "look at its ID and its secret"
)]
#[case::wrong_secret(
    error(400, "InvalidSignatureException"),
    Reason::Unauthorized,
    "look at its ID and its secret"
)]
#[case::expired(error(400, "ExpiredTokenException"), Reason::Unauthorized, "no longer valid")]
#[case::status_alone(
    Answer::text(401, "no"),
    Reason::Unauthorized,
    "status 401: the credentials are not known"
)]
#[case::not_allowed(
    error(400, "AccessDeniedException"),
    Reason::Forbidden,
    "allow it `ecr:GetAuthorizationToken` on the resource `*` in IAM"
)]
#[case::with_a_namespace(
    error(400, "com.amazon.coral.service#AccessDeniedException"),
    Reason::Forbidden,
    "status 400: AccessDeniedException; "
)]
#[case::a_gateway(
    Answer::text(403, "<html>"),
    Reason::Forbidden,
    "status 403: allow it `ecr:GetAuthorizationToken`"
)]
#[case::late(
    Answer::error(400, "InvalidSignatureException", EXPIRED),
    Reason::ClockSkew,
    "set it by NTP"
)]
#[case::early(
    Answer::error(400, "InvalidSignatureException", EARLY),
    Reason::ClockSkew,
    "set it by NTP"
)]
#[case::by_the_date(error(403, "SignatureDoesNotMatch").header("date", LONG_AGO), Reason::ClockSkew, "set it by NTP")]
#[case::request_expired(
    error(400, "RequestExpired"),
    Reason::ClockSkew,
    "the clock of this node differs"
)]
#[case::skewed(
    error(403, "RequestTimeTooSkewed"),
    Reason::ClockSkew,
    "the clock of this node differs"
)]
#[case::date_without_signature(error(400, "AccessDeniedException").header("date", LONG_AGO), Reason::Forbidden, "AccessDeniedException")]
#[case::throttled(
    error(400, "ThrottlingException"),
    Reason::Throttled,
    "status 400: ThrottlingException"
)]
#[case::many(Answer::text(429, ""), Reason::Throttled, "status 429")]
#[case::failed(error(500, "ServerException"), Reason::Server, "status 500: ServerException")]
#[case::away(Answer::text(503, "<html>"), Reason::Server, "status 503")]
#[case::parameter(error(400, "InvalidParameterException"), Reason::Settings, "look at `region`")]
#[case::unknown(
    error(400, "NewException"),
    Reason::Answer,
    "status 400: with an error that AWS does not document"
)]
#[case::proxy(Answer::text(407, ""), Reason::Proxy, "look at HTTPS_PROXY")]
#[case::redirect(Answer::text(302, "").header("location", "http://127.0.0.1:1/"), Reason::Answer, "status 302")]
#[tokio::test]
async fn of_ecr(#[case] answer: Answer, #[case] reason: Reason, #[case] told: &str) {
    let aws = Aws::start([answer]).await;
    let fetch = Fetch::of(PRIVATE).key("AKIAKEY", "secret").at(Endpoint::Ecr, &aws.url);

    let failure = fetch.now().await.unwrap_err();

    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    let head = format!(
        "failed to ask {}/ for a token of Amazon ECR as the access key of the Secret aws: ",
        aws.url
    );
    assert!(failure.message.starts_with(&head), "{failure}");
    assert_eq!(aws.asked().len(), 1, "nothing is tried again");
}

#[rstest]
#[case::not_trusted("AccessDenied", Reason::Forbidden, "`sts:AssumeRoleWithWebIdentity`")]
#[case::no_provider(
    "InvalidIdentityToken",
    Reason::Unauthorized,
    "IAM needs an OIDC provider for this cluster"
)]
#[case::rejected("IDPRejectedClaim", Reason::Unauthorized, "with the audience `sts.amazonaws.com`")]
#[case::expired(
    "ExpiredTokenException",
    Reason::Unauthorized,
    "the token of the ServiceAccount is not accepted"
)]
#[case::provider_away("IDPCommunicationError", Reason::Server, "IDPCommunicationError")]
#[case::no_role("ValidationError", Reason::Settings, "look at AWS_ROLE_ARN")]
#[case::region("RegionDisabledException", Reason::Forbidden, "RegionDisabledException")]
#[tokio::test]
async fn of_sts_to_a_web_identity(#[case] code: &str, #[case] reason: Reason, #[case] told: &str) {
    let aws = Aws::start([Answer::sts_error(400, code)]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "token").unwrap();

    let fetch = Fetch::of(PRIVATE)
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().to_str().unwrap())
        .variable("AWS_ROLE_ARN", ROLE)
        .all_at(&aws.url);
    let failure = fetch.now().await.unwrap_err();

    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    assert_eq!(aws.asked().len(), 1, "ECR is not asked, and nothing is tried again");
}

#[rstest]
#[case::not_allowed(
    "AccessDenied",
    Reason::Forbidden,
    "allow it `sts:AssumeRole` on the role in IAM"
)]
#[case::unknown_key("InvalidClientTokenId", Reason::Unauthorized, "look at its ID and its secret")]
#[case::clock("RequestExpired", Reason::ClockSkew, "set it by NTP")]
#[case::throttled("Throttling", Reason::Throttled, "Throttling")]
#[case::settings("ValidationError", Reason::Settings, "look at `roleArn` and `externalId`")]
#[tokio::test]
async fn of_sts_to_an_access_key(#[case] code: &str, #[case] reason: Reason, #[case] told: &str) {
    let aws = Aws::start([Answer::sts_error(403, code)]).await;
    let fetch = Fetch::of(format!("{PRIVATE}, roleArn: '{ROLE}'")).key("AKIAKEY", "secret");

    let failure = fetch.all_at(&aws.url).now().await.unwrap_err();

    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    assert!(
        failure.message.contains("for the credentials of a role as the access key"),
        "{failure}"
    );
}

#[rstest]
#[case::seconds(Answer::text(429, "").header("retry-after", "120"), Some(120))]
#[case::a_date(
    Answer::text(429, "")
        .header("date", "Sun, 22 Nov 2026 00:00:00 GMT")
        .header("retry-after", "Sun, 22 Nov 2026 00:05:00 GMT"),
    Some(300)
)]
#[case::a_day(error(400, "ThrottlingException").header("retry-after", "86400"), Some(3600))]
#[case::no_time(Answer::text(429, "").header("retry-after", "soon"), None)]
#[tokio::test]
async fn the_wish_to_wait_is_passed_on(#[case] answer: Answer, #[case] seconds: Option<u64>) {
    let aws = Aws::start([answer]).await;
    let fetch = Fetch::of(PRIVATE).key("AKIAKEY", "secret").at(Endpoint::Ecr, &aws.url);

    let failure = fetch.now().await.unwrap_err();

    assert_eq!(failure.reason, Reason::Throttled, "{failure}");
    assert_eq!(failure.retry_after, seconds.map(Duration::from_secs));
}

#[tokio::test]
async fn a_way_that_leads_nowhere_is_told() {
    let nobody = format!("http://127.0.0.1:{}", ports::free());
    let cases = [
        (nobody, Reason::Connection, "look at the NetworkPolicies"),
        ("http://ecr.invalid".to_owned(), Reason::Dns, "look at the DNS of the cluster"),
    ];
    for (url, reason, told) in cases {
        let fetch = Fetch::of(PRIVATE).key("AKIAKEY", "secret").at(Endpoint::Ecr, &url);
        let failure = fetch.now().await.unwrap_err();
        assert_eq!(failure.reason, reason, "{failure}");
        assert!(failure.message.contains(&url) && failure.message.contains(told), "{failure}");
    }
}

#[rstest]
#[case::id("AKIA KEY", "secret", "the key `id` of the Secret aws")]
#[case::secret("AKIAKEY", "se\ncret", "the key `secret` of the Secret aws")]
#[tokio::test]
async fn what_is_no_access_key_is_not_sent(
    #[case] id: &str,
    #[case] secret: &str,
    #[case] told: &str,
) {
    let aws = Aws::start([Answer::text(500, "")]).await;
    let fetch = Fetch::of(PRIVATE).key(id, secret).at(Endpoint::Ecr, &aws.url);

    let failure = fetch.now().await.unwrap_err();

    assert_eq!(failure.reason, Reason::Settings);
    assert!(failure.message.starts_with(told), "{failure}");
    assert!(!failure.message.contains(secret), "{failure}");
    assert!(aws.asked().is_empty());
}
