//! moto: ECR, STS and IAM of an AWS of its own on loopback.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::eventually::eventually;
use crate::ports;
use crate::supervised::{Program, Supervised};

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tokens/build");
const MAIN: &str = "import sys; from moto.server import main; main(sys.argv[1:])";
/// Whose requests they are, if nobody says otherwise.
pub const ACCOUNT: &str = "123456789012";
const START: Duration = Duration::from_secs(60);

/// The running moto. Dropping it ends it.
pub struct Moto {
    /// Where it is asked.
    pub url: String,
    process: Supervised,
    _folder: TempDir,
}

impl Moto {
    /// Starts one in which nobody is known.
    pub async fn start() -> Self {
        Self::of_account(ACCOUNT).await
    }

    /// Starts one whose requests are those of this account, if nobody says otherwise. Its tokens follow from the
    /// account.
    pub async fn of_account(account: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = ports::free();
        let python = format!("{}/bin/python3", installed());
        let arguments = ["-c", MAIN, "-H", "127.0.0.1", "-p", &port.to_string()].map(Into::into);
        let process = Supervised::start(&Program {
            command: [python.into()].into_iter().chain(arguments).collect(),
            environment: vec![
                ("INITIAL_NO_AUTH_ACTION_COUNT".into(), "1000".into()),
                ("MOTO_ACCOUNT_ID".into(), account.into()),
            ],
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
}

/// One that is asked over plain HTTP alone, and by no proxy.
pub fn client() -> reqwest::Client {
    let roots = rustls::RootCertStore::empty();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap()
}

/// The folder of the virtual environment. Installs moto if that was never done.
fn installed() -> String {
    let output = Command::new(BUILD).stderr(Stdio::inherit()).output().expect("the script runs");
    assert!(output.status.success(), "{BUILD} failed and said why on stderr");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
