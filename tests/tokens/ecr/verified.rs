//! By moto, every signature and every policy verified.

use std::fs;
use std::time::{Duration, SystemTime};

use pullpass::tokens::{Expiry, Reason};

use super::accounts::ROLE;
use super::aws::{Answer, Aws};
use super::moto::Moto;
use super::{Fetch, PRIVATE, logins};

const ECR: &str = "ecr:GetAuthorizationToken";
/// What moto gives to whoever is allowed it.
const LOGINS: [&str; 2] = [
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com AWS:123456789012-auth-token",
    "123456789012.dkr-ecr.eu-central-1.on.aws AWS:123456789012-auth-token",
];

#[tokio::test]
async fn an_access_key_opens_the_registries_and_its_faults_are_told_apart() {
    let moto = Moto::start().await;
    let allowed = moto.user("allowed", &[ECR]).await;
    let not_allowed = moto.user("not-allowed", &[]).await;
    moto.verifies_after(0).await;
    let by = |id, secret| Fetch::of(PRIVATE).key(id, secret).all_at(&moto.url);

    let token = by(&allowed.id, &allowed.secret).now().await.unwrap();
    assert_eq!(logins(&token), LOGINS);
    // 2015-01-01, which moto gives for every token: whoever renews them judges it.
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_420_070_400);
    assert_eq!(token.expiry, Expiry::At(at));

    let cases = [
        (
            &*not_allowed.id,
            &*not_allowed.secret,
            Reason::Forbidden,
            "AccessDenied; allow it `ecr:GetAuthorizationToken`",
        ),
        (&allowed.id, "wrong", Reason::Unauthorized, "SignatureDoesNotMatch; "),
        ("AKIAUNKNOWN", "wrong", Reason::Unauthorized, "InvalidClientTokenId; "),
    ];
    for (id, secret, reason, told) in cases {
        let failure = by(id, secret).now().await.unwrap_err();
        assert_eq!(failure.reason, reason, "{failure}");
        assert!(failure.message.contains(told), "{failure}");
    }
}

#[tokio::test]
async fn a_web_identity_opens_them() {
    let moto = Moto::start().await;
    moto.role(&[ECR]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "header.payload.signature\n").unwrap();
    // STS is asked without a signature, and ECR with one of the role.
    moto.verifies_after(1).await;

    let token = Fetch::of(PRIVATE)
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap())
        .variable("AWS_ROLE_ARN", ROLE)
        .all_at(&moto.url)
        .now()
        .await;

    assert_eq!(logins(&token.unwrap()), LOGINS);
}

#[tokio::test]
async fn a_role_that_a_key_assumes_opens_them_and_the_key_alone_does_not() {
    let moto = Moto::start().await;
    moto.role(&[ECR]).await;
    let key = moto.user("trusted", &["sts:AssumeRole"]).await;
    moto.verifies_after(0).await;

    let with_role = format!("{PRIVATE}, roleArn: '{ROLE}', externalId: my-cluster");
    let token = Fetch::of(with_role).key(&key.id, &key.secret).all_at(&moto.url).now().await;
    assert_eq!(logins(&token.unwrap()), LOGINS);

    let other_id = format!("{PRIVATE}, roleArn: '{ROLE}', externalId: other");
    for settings in [PRIVATE, &*other_id] {
        let failure = Fetch::of(settings).key(&key.id, &key.secret).all_at(&moto.url).now().await;
        assert_eq!(failure.unwrap_err().reason, Reason::Forbidden, "{settings}");
    }
}

#[tokio::test]
async fn a_key_that_may_not_assume_the_role_is_told() {
    let moto = Moto::start().await;
    moto.role(&[ECR]).await;
    let key = moto.user("may-pull", &[ECR]).await;
    moto.verifies_after(0).await;

    let with_role = format!("{PRIVATE}, roleArn: '{ROLE}'");
    let failure = Fetch::of(with_role).key(&key.id, &key.secret).all_at(&moto.url).now().await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.reason, Reason::Forbidden, "{failure}");
    assert!(failure.message.contains("AccessDenied; allow it `sts:AssumeRole`"), "{failure}");
}

#[tokio::test]
async fn what_the_pod_identity_agent_gives_opens_them() {
    let moto = Moto::start().await;
    moto.role(&[ECR]).await;
    let agent = Aws::start([Answer::json(200, &moto.session().await)]).await;
    moto.verifies_after(0).await;

    let token = Fetch::of(PRIVATE)
        .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", agent.url))
        .all_at(&moto.url)
        .now()
        .await;

    assert_eq!(logins(&token.unwrap()), LOGINS);
}
