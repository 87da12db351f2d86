//! moto: ECR, STS and IAM of an AWS of its own on loopback. Once told to, it takes only requests that are
//! signed by a key that it knows and allowed by its policies.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::ROLE;
use crate::eventually::eventually;
use crate::ports;
use crate::supervised::{Program, Supervised};

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tokens/build");
const MAIN: &str = "import sys; from moto.server import main; main(sys.argv[1:])";
const START: Duration = Duration::from_secs(60);

/// The running moto. Dropping it ends it.
pub struct Moto {
    /// Where it is asked.
    pub url: String,
    process: Supervised,
    _folder: TempDir,
}

/// An access key of a user.
pub struct Key {
    /// Its ID.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl Moto {
    /// Starts one in which nobody is known.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = ports::free();
        let python = format!("{}/bin/python3", installed());
        let arguments = ["-c", MAIN, "-H", "127.0.0.1", "-p", &port.to_string()].map(Into::into);
        let process = Supervised::start(&Program {
            command: [python.into()].into_iter().chain(arguments).collect(),
            environment: vec![("INITIAL_NO_AUTH_ACTION_COUNT".into(), "1000".into())],
            log: folder.path().join("log"),
            scratch: folder.path().join("scratch"),
            ..Program::default()
        });
        let mut moto = Self { url: format!("http://127.0.0.1:{port}"), process, _folder: folder };
        moto.becomes_ready().await;
        moto
    }

    async fn becomes_ready(&mut self) {
        let url = format!("{}/moto-api/data.json", self.url);
        eventually("moto's first answer", START, async || {
            assert!(self.process.exited().is_none(), "moto ended: {}", self.process.log_tail());
            let answer = client().get(&url).send().await.map_err(|error| error.to_string())?;
            answer.error_for_status().map_err(|error| error.to_string())
        })
        .await;
    }

    /// A user who is allowed these actions, by an access key.
    pub async fn user(&self, name: &str, actions: &[&str]) -> Key {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]).await;
        if !actions.is_empty() {
            let policy = allowing(actions);
            let put = [
                ("Action", "PutUserPolicy"),
                ("UserName", name),
                ("PolicyName", "own"),
                ("PolicyDocument", &policy),
            ];
            self.iam(&put).await;
        }
        let xml = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]).await;
        Key { id: element(&xml, "AccessKeyId"), secret: element(&xml, "SecretAccessKey") }
    }

    /// The role [`ROLE`], which is allowed these actions and trusts the user `trusted` with `my-cluster`.
    pub async fn role(&self, actions: &[&str]) {
        let name = ROLE.rsplit('/').next().unwrap();
        let trust = json!({
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/trusted"},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "my-cluster"}},
        });
        let trust = json!({"Version": "2012-10-17", "Statement": [trust]}).to_string();
        let create =
            [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &*trust)];
        self.iam(&create).await;
        let policy = allowing(actions);
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", name),
            ("PolicyName", "own"),
            ("PolicyDocument", &policy),
        ];
        self.iam(&put).await;
    }

    /// Verifies signatures and policies from now on, after this many requests more.
    pub async fn verifies_after(&self, requests: u8) {
        let request = client()
            .post(format!("{}/moto-api/reset-auth", self.url))
            .header("content-type", "text/plain")
            .body(requests.to_string());
        request.send().await.unwrap().error_for_status().unwrap();
    }

    /// Credentials of the role, as an agent gives them to whoever asks it.
    pub async fn session(&self) -> Value {
        let assume = [("Action", "AssumeRole"), ("RoleArn", ROLE), ("RoleSessionName", "agent")];
        let xml = self.post("sts", &assume).await;
        let of = |name| element(&xml, name);
        json!({
            "AccessKeyId": of("AccessKeyId"), "SecretAccessKey": of("SecretAccessKey"),
            "Token": of("SessionToken"), "Expiration": of("Expiration"), "AccountId": "123456789012",
        })
    }

    async fn iam(&self, form: &[(&str, &str)]) -> String {
        self.post("iam", form).await
    }

    async fn post(&self, service: &str, form: &[(&str, &str)]) -> String {
        let scope = format!("Credential=root/20260101/us-east-1/{service}/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let request = client().post(&self.url).header("authorization", signature).form(form);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{form:?}: {status}: {text}");
        text
    }
}

/// One that is asked over plain HTTP alone, and by no proxy.
fn client() -> reqwest::Client {
    let roots = rustls::RootCertStore::empty();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap()
}

fn allowing(actions: &[&str]) -> String {
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// The text of an element of XML.
fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{xml}"));
    rest.split_once('<').unwrap().0.to_owned()
}

/// The folder of the virtual environment. Installs moto if that was never done.
fn installed() -> String {
    let output = Command::new(BUILD).stderr(Stdio::inherit()).output().expect("the script runs");
    assert!(output.status.success(), "{BUILD} failed and said why on stderr");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
