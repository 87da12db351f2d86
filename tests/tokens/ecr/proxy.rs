//! Where AWS is asked when nothing else is said, and by which way: as a proxy sees it, which the process has in
//! its environment from the start.

use std::process::Command;

use pullpass::tokens::Reason;
use serde_json::json;

use super::accounts::ROLE;
use super::aws::{Answer, Aws};
use super::{Fetch, PRIVATE};

const AGENT: &str = "PULLPASS_TEST_AGENT";
const CHILD: &str = "ecr::proxy::in_a_process_with_a_proxy";

/// Settings, and the host that is asked.
fn hosts() -> Vec<(String, &'static str)> {
    let of = |region: &str| format!("accounts: ['123456789012'], region: {region}");
    let role = format!("roleArn: '{ROLE}'");
    vec![
        (PRIVATE.to_owned(), "api.ecr.eu-central-1.amazonaws.com:443"),
        (of("cn-north-1"), "api.ecr.cn-north-1.amazonaws.com.cn:443"),
        (of("us-gov-west-1"), "api.ecr.us-gov-west-1.amazonaws.com:443"),
        (format!("{}, fips: true", of("us-east-1")), "api.ecr-fips.us-east-1.amazonaws.com:443"),
        (
            format!("{}, fips: true", of("us-gov-west-1")),
            "api.ecr-fips.us-gov-west-1.amazonaws.com:443",
        ),
        ("public: true".to_owned(), "api.ecr-public.us-east-1.amazonaws.com:443"),
        (format!("{PRIVATE}, {role}"), "sts.eu-central-1.amazonaws.com:443"),
        (
            format!("{}, fips: true, {role}", of("us-east-1")),
            "sts-fips.us-east-1.amazonaws.com:443",
        ),
        (format!("{}, {role}", of("cn-north-1")), "sts.cn-north-1.amazonaws.com.cn:443"),
        (format!("public: true, {role}"), "sts.us-east-1.amazonaws.com:443"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_is_asked_by_the_proxy_of_the_environment_and_the_agent_never() {
    let proxy = Aws::start([Answer::text(403, "")]).await;
    let document = json!({"AccessKeyId": "ASIAPOD", "SecretAccessKey": "s", "Token": "session"});
    let agent = Aws::start([Answer::json(200, &document)]).await;

    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--ignored", "--nocapture"])
        .envs([("HTTPS_PROXY", &proxy.url), ("HTTP_PROXY", &proxy.url), (AGENT, &agent.url)])
        // What the AWS SDK would heed by itself.
        .envs([("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_REGION", "ap-south-1")])
        .envs([("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_STS_REGIONAL_ENDPOINTS", "legacy")])
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();

    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{output:?}");
    let asked: Vec<_> = proxy.asked();
    let asked: Vec<_> =
        asked.iter().map(|asked| format!("{} {}", asked.method, asked.uri)).collect();
    let wanted: Vec<_> = hosts().iter().map(|(_, host)| format!("CONNECT {host}")).collect();
    assert_eq!(asked, wanted);
    assert_eq!(agent.asked().len(), hosts().len());
}

#[tokio::test]
#[ignore = "the test above runs it, in a process of its own"]
async fn in_a_process_with_a_proxy() {
    let agent = std::env::var(AGENT).expect("the test above gives it");
    for (settings, host) in hosts() {
        let fetch = Fetch::of(settings)
            .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{agent}/v1/credentials"));
        let failure = fetch.now().await.unwrap_err();
        let host = host.trim_end_matches(":443");
        assert_eq!(failure.reason, Reason::Proxy, "{failure}");
        assert!(
            failure.message.starts_with(&format!("failed to ask https://{host}/ for ")),
            "{failure}"
        );
    }
}
