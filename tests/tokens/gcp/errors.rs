//! Every error that Google documents, and answers that nobody documents.

use std::time::{Duration, SystemTime};

use pullpass::tokens::{Expiry, Failure, Reason, Token};
use rstest::rstest;

use super::google::{Google, KEY_ID, OTHER_ACCOUNT, PROVIDER, Reply, key};
use super::{fetch_with, json_key, request};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Key,
    Federation,
    Metadata,
    Impersonation,
}
use Of::{Federation, Impersonation, Key, Metadata};

impl Of {
    /// What fails.
    fn path(self) -> String {
        match self {
            Key => "/token".to_owned(),
            Federation => "/v1/token".to_owned(),
            Metadata => "/computeMetadata/v1/instance/service-accounts/default/token".to_owned(),
            Impersonation => {
                format!("/v1/projects/-/serviceAccounts/{OTHER_ACCOUNT}:generateAccessToken")
            }
        }
    }

    /// What is fetched when that is answered so.
    async fn fetch(
        self,
        status: u16,
        headers: &[(&'static str, String)],
        body: &str,
    ) -> Result<Token, Failure> {
        let google = Google::start().await;
        google.accept_subject("canary.subject");
        google.reply(&self.path(), Reply(status, headers.to_vec(), body.to_owned()));
        let identity = match self {
            Key | Impersonation => ", keyFrom: {secret: google, key: key.json}".to_owned(),
            Federation => format!(", workloadIdentity: {PROVIDER}"),
            Metadata => String::new(),
        };
        let other = match self {
            Impersonation => format!(", impersonate: {OTHER_ACCOUNT}"),
            _ => String::new(),
        };
        let source = format!("{{registries: [europe-docker.pkg.dev/p]{identity}{other}}}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "canary.subject").unwrap();
        let environment = [("PULLPASS_GCP_TOKEN_FILE", file.to_str().unwrap())];
        let request = request(&source, &[("key.json", &json_key())]);
        let fetched = fetch_with(&google, &environment, &request).await;
        if let Err(failure) = &fetched {
            nothing_secret_is_in(failure, &google);
        }
        fetched
    }
}

/// The key and all that is of it, and every token that was sent.
fn nothing_secret_is_in(failure: &Failure, google: &Google) {
    let told = format!("{failure:?} {failure}");
    let mut secrets = vec!["canary".to_owned(), KEY_ID.to_owned(), "ya29".to_owned()];
    secrets.extend(key().private.lines().map(str::to_owned));
    for asked in google.asked() {
        let form = asked.body.split('&').filter_map(|field| field.strip_prefix("assertion="));
        secrets.extend(form.flat_map(|assertion| assertion.split('.')).map(str::to_owned));
    }
    assert!(secrets.len() > 20);
    for secret in secrets {
        assert!(!told.contains(&secret), "{told}: {secret}");
    }
}

fn oauth(error: &str, description: &str) -> String {
    format!(r#"{{"error": "{error}", "error_description": "{description} ECHO"}}"#)
}

/// As Google's APIs tell errors.
fn api(code: u16, status: &str, reason: &str) -> String {
    format!(
        r#"{{"error": {{"code": {code}, "message": "ECHO", "status": "{status}", "details": [{{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "{reason}", "domain": "iam.googleapis.com", "metadata": {{"x": "ECHO"}}}}]}}}}"#
    )
}

#[rstest]
#[case::signature(
    Key,
    400,
    oauth("invalid_grant", "Invalid JWT Signature."),
    Reason::Unauthorized,
    "`invalid_grant`: the key is no longer one of its service account; create another"
)]
#[case::no_account(
    Key,
    400,
    oauth("invalid_grant", "Invalid grant: account not found"),
    Reason::Unauthorized,
    "`invalid_grant`: the service account of the key is gone"
)]
#[case::other_grant(
    Key,
    400,
    oauth("invalid_grant", "Bad Request"),
    Reason::Unauthorized,
    "`invalid_grant`: the key is not accepted"
)]
#[case::short_lived(
    Key,
    400,
    oauth(
        "invalid_grant",
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
    ),
    Reason::ClockSkew,
    "`invalid_grant`: the clock of this machine is wrong; set it right by NTP"
)]
#[case::unauthorized_client(
    Key,
    401,
    oauth(
        "unauthorized_client",
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."
    ),
    Reason::Unauthorized,
    "`unauthorized_client`: the service account of the key is disabled"
)]
#[case::disabled_client(
    Key,
    401,
    oauth("disabled_client", "The OAuth client was disabled."),
    Reason::Unauthorized,
    "`disabled_client`: the service account of the key is disabled"
)]
#[case::invalid_client(
    Key,
    401,
    oauth("invalid_client", "The OAuth client was not found."),
    Reason::Unauthorized,
    "`invalid_client`: "
)]
#[case::invalid_scope(
    Key,
    400,
    oauth("invalid_scope", "Invalid OAuth scope or ID token audience."),
    Reason::Answer,
    "status 400: `invalid_scope`: the request is not understood"
)]
#[case::policy(
    Key,
    403,
    oauth("access_denied", "Account restricted"),
    Reason::Forbidden,
    "`access_denied`: a policy of the organization forbids it"
)]
#[case::forbidden(Key, 403, "ECHO".to_owned(), Reason::Forbidden, "status 403: the request is not understood")]
#[case::odd_code(
    Key,
    400,
    oauth("ECHO", ""),
    Reason::Answer,
    "status 400: the request is not understood"
)]
#[case::proxy(Key, 407, "ECHO".to_owned(), Reason::Proxy, "status 407: ")]
#[case::redirect(Key, 302, "ECHO".to_owned(), Reason::Answer, "status 302: ")]
#[case::failed(Key, 500, "<html>ECHO</html>".to_owned(), Reason::Server, "status 500: Google failed")]
#[case::internal(
    Key,
    500,
    oauth("internal_failure", ""),
    Reason::Server,
    "status 500: `internal_failure`: Google failed"
)]
#[case::away(
    Federation,
    503,
    api(503, "UNAVAILABLE", ""),
    Reason::Server,
    "status 503: `UNAVAILABLE`: Google failed"
)]
#[case::grant(
    Federation,
    400,
    oauth("invalid_grant", "The audience in ID Token does not match the expected audience."),
    Reason::Unauthorized,
    "`invalid_grant`: the provider does not accept the ServiceAccount's token"
)]
#[case::target(
    Federation,
    400,
    oauth("invalid_target", "The target service indicated by the audience parameters is invalid."),
    Reason::Settings,
    "`invalid_target`: there is no such provider"
)]
#[case::audience(
    Federation,
    400,
    oauth("invalid_request", "Invalid value for audience."),
    Reason::Settings,
    "`invalid_request`: there is no such provider"
)]
#[case::condition(
    Federation,
    400,
    oauth("unauthorized_client", "The given credential is rejected by the attribute condition."),
    Reason::Forbidden,
    "`unauthorized_client`: the provider's attribute condition refuses the ServiceAccount"
)]
#[case::sts_disabled(
    Federation,
    403,
    api(403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
    Reason::Forbidden,
    "`PERMISSION_DENIED`: `SERVICE_DISABLED`: the Security Token Service API (sts.googleapis.com)"
)]
#[case::no_service_account(Metadata, 404, "ECHO".to_owned(), Reason::NoIdentity, "status 404: the node has no service account")]
#[case::not_bound(Metadata, 403, "Unable to generate access token; IAM returned 403 Forbidden".to_owned(), Reason::Forbidden, "status 403: the controller's ServiceAccount may not act as the service account")]
#[case::metadata_failed(Metadata, 500, "ECHO".to_owned(), Reason::Server, "status 500: Google failed")]
#[case::denied(
    Impersonation,
    403,
    api(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED"),
    Reason::Forbidden,
    "`PERMISSION_DENIED`: `IAM_PERMISSION_DENIED`: the identity lacks the permission `iam.serviceAccounts.getAccessToken`; grant it `roles/iam.serviceAccountTokenCreator` on puller@q.iam.gserviceaccount.com"
)]
#[case::api_disabled(
    Impersonation,
    403,
    api(403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
    Reason::Forbidden,
    "the IAM Service Account Credentials API (iamcredentials.googleapis.com) is not enabled; enable it in the project of puller@q.iam.gserviceaccount.com"
)]
#[case::scopes(
    Impersonation,
    403,
    api(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
    Reason::Forbidden,
    "the access scopes of the node leave it out"
)]
#[case::unauthenticated(
    Impersonation,
    401,
    api(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"),
    Reason::Unauthorized,
    "`UNAUTHENTICATED`: `ACCESS_TOKEN_EXPIRED`: the token of the identity itself is not accepted"
)]
#[case::argument(
    Impersonation,
    400,
    api(400, "INVALID_ARGUMENT", ""),
    Reason::Answer,
    "`INVALID_ARGUMENT`: the request is not understood"
)]
#[case::impersonation_failed(Impersonation, 502, "ECHO".to_owned(), Reason::Server, "status 502: Google failed")]
#[tokio::test]
async fn fault_48_errors_have_a_reason_and_say_what_to_do(
    #[case] of: Of,
    #[case] status: u16,
    #[case] body: String,
    #[case] reason: Reason,
    #[case] told: &str,
) {
    let failure = of.fetch(status, &[], &body).await.unwrap_err();
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.starts_with("failed to ask "), "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    assert_eq!(failure.retry_after, None);
}

/// What a server tells that gives nothing that can be used.
#[rstest]
#[case::garbage("ECHO", "the answer is not the JSON that it should be (line 1, column ")]
#[case::nothing("", "the answer is not the JSON that it should be (line 1, column 0)")]
#[case::cut(r#"{"access_token": "ECHO"#, "the answer is not the JSON that it should be")]
#[case::list("[]", "the answer")]
#[case::missing(
    r#"{"expires_in": 3599, "token_type": "Bearer", "accessTokens": "ECHO"}"#,
    "the answer has no token"
)]
#[case::null(r#"{"access_token": null, "accessToken": null}"#, "the answer has no token")]
#[case::empty(r#"{"access_token": "", "accessToken": ""}"#, "the token is empty")]
#[case::control(
    r#"{"access_token": "canary\u0000", "accessToken": "canary\n"}"#,
    "the token has a control character"
)]
#[case::space(
    r#"{"access_token": "canary x", "accessToken": "canary x"}"#,
    "the token has a control character, or another"
)]
#[case::large(&format!(r#"{{"access_token": "{0}", "accessToken": "{0}"}}"#, "x".repeat(66_000)), "the token has more than 65536 bytes")]
#[case::huge(&" ".repeat(300_000), "the answer has more than 262144 bytes")]
#[tokio::test]
async fn fault_48_an_answer_without_a_token_is_told(
    #[values(Key, Federation, Metadata, Impersonation)] of: Of,
    #[case] body: &str,
    #[case] told: &str,
) {
    let flavor = [("metadata-flavor", "Google".to_owned())];
    let failure = of.fetch(200, &flavor, body).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Answer, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
}

#[rstest]
#[case::type_of_token(
    Key,
    r#"{"access_token": "x", "token_type": "hunter2"}"#,
    "the token is none that a bearer can use"
)]
#[case::life(
    Key,
    r#"{"access_token": "x", "expires_in": "hunter2"}"#,
    "the answer is not the JSON"
)]
#[case::time(
    Impersonation,
    r#"{"accessToken": "x", "expireTime": "hunter2"}"#,
    "`expireTime` is not a time as RFC 3339 has it"
)]
#[tokio::test]
async fn fault_48_fields_that_are_not_what_they_should_be_are_told(
    #[case] of: Of,
    #[case] body: &str,
    #[case] told: &str,
) {
    let failure = of.fetch(200, &[], body).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Answer, "{failure}");
    assert!(failure.message.contains(told) && !failure.message.contains("hunter2"), "{failure}");
}

/// Lies about the end are not for the one who fetches to judge.
#[rstest]
#[case::none(Key, r#"{"access_token": "x"}"#, Expiry::Unknown)]
#[case::null(Federation, r#"{"access_token": "x", "expires_in": null}"#, Expiry::Unknown)]
#[case::now(Key, r#"{"access_token": "x", "expires_in": 0}"#, Expiry::After(Duration::ZERO))]
#[case::past(
    Federation,
    r#"{"access_token": "x", "expires_in": -5}"#,
    Expiry::After(Duration::ZERO)
)]
#[case::absurd(Metadata, r#"{"access_token": "x", "expires_in": 9223372036854775807}"#, Expiry::After(Duration::from_secs(i64::MAX as u64)))]
#[case::no_time(Impersonation, r#"{"accessToken": "x"}"#, Expiry::Unknown)]
#[case::past_time(Impersonation, r#"{"accessToken": "x", "expireTime": "1970-01-01T00:00:09Z"}"#, Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_secs(9)))]
#[case::fraction(Impersonation, r#"{"accessToken": "x", "expireTime": "1970-01-01T01:00:09.5+01:00"}"#, Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_millis(9500)))]
#[tokio::test]
async fn fault_48_the_end_is_passed_on_as_it_is_told(
    #[case] of: Of,
    #[case] body: &str,
    #[case] expiry: Expiry,
) {
    let flavor = [("metadata-flavor", "Google".to_owned())];
    assert_eq!(of.fetch(200, &flavor, body).await.unwrap().expiry, expiry);
}

/// A time as HTTP has it, so many seconds from now.
fn date(seconds: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[rstest]
#[tokio::test]
async fn too_many_requests_come_with_the_time_to_wait(
    #[values(Key, Federation, Metadata, Impersonation)] of: Of,
) {
    let waits = [
        (vec![("retry-after", "120".to_owned())], Some(120)),
        (vec![("retry-after", date(90)), ("date", date(0))], Some(90)),
        (vec![("retry-after", "soon".to_owned())], None),
        (vec![], None),
    ];
    for (headers, wait) in waits {
        let failure = of.fetch(429, &headers, &api(429, "RESOURCE_EXHAUSTED", "")).await;
        let failure = failure.unwrap_err();
        assert_eq!(failure.reason, Reason::Throttled);
        assert_eq!(failure.retry_after, wait.map(Duration::from_secs), "{headers:?}");
        let told = "status 429: `RESOURCE_EXHAUSTED`: too many requests";
        assert!(failure.message.contains(told), "{failure}");
    }
}

/// The same refusal has another reason where the clocks differ.
#[rstest]
#[case::behind(
    3600,
    "`invalid_grant`: the clock of this machine is behind Google's; set it right by NTP"
)]
#[case::ahead(-3600, "`invalid_grant`: the clock of this machine is ahead of Google's; set it right by NTP")]
#[tokio::test]
async fn a_clock_that_differs_is_told(
    #[values(Key, Federation)] of: Of,
    #[case] seconds: i64,
    #[case] told: &str,
) {
    let body = oauth("invalid_grant", "Invalid JWT Signature.");
    let failure = of.fetch(400, &[("date", date(seconds))], &body).await.unwrap_err();
    assert_eq!(failure.reason, Reason::ClockSkew, "{failure}");
    assert!(failure.message.contains(told), "{failure}");
    // And where they differ by less than a minute it is the key.
    let failure = of.fetch(400, &[("date", date(seconds / 120))], &body).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Unauthorized, "{failure}");
}
