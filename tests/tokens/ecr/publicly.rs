//! Tokens of ECR Public.

use pullpass::tokens::{Endpoint, Expiry, Reason};
use serde_json::json;

use super::aws::{Answer, Aws, encoded};
use super::{Fetch, logins};

#[tokio::test]
async fn they_are_asked_of_us_east_1() {
    let data = json!({"authorizationToken": encoded("password"), "expiresAt": 1_798_761_600});
    let aws = Aws::start([Answer::json(200, &json!({"authorizationData": data}))]).await;
    let fetch = Fetch::of("public: true").key("AKIAKEY", "secret");

    let token = fetch.at(Endpoint::EcrPublic, &aws.url).now().await.unwrap();

    assert_eq!(logins(&token), ["public.ecr.aws AWS:password"]);
    assert!(matches!(token.expiry, Expiry::At(_)), "{:?}", token.expiry);
    let asked = aws.asked();
    let [request] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(request.header("x-amz-target"), "SpencerFrontendService.GetAuthorizationToken");
    assert_eq!(request.body, "{}");
    assert_eq!(request.signed_by(), "AKIAKEY us-east-1 ecr-public aws4_request");
}

#[tokio::test]
async fn the_two_permissions_that_they_need_are_named() {
    let aws = Aws::start([Answer::error(400, "AccessDeniedException", "no")]).await;
    let fetch = Fetch::of("public: true").key("AKIAKEY", "secret");

    let failure = fetch.at(Endpoint::EcrPublic, &aws.url).now().await.unwrap_err();

    assert_eq!(failure.reason, Reason::Forbidden);
    let wanted = format!(
        "failed to ask {}/ for a token of ECR Public as the access key of the Secret aws: status 400: AccessDeniedException; allow it `ecr-public:GetAuthorizationToken` and `sts:GetServiceBearerToken` on the resource `*` in IAM",
        aws.url
    );
    assert_eq!(failure.message, wanted);
}
