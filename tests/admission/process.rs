//! The binary itself, which says more than the router: every log line of every library.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use http_body_util::BodyExt;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{eventually::eventually, plain_http, ports, webhook::CONFIG};

const START: Duration = Duration::from_secs(20);

/// The running webhook, logging all that there is to log. Dropping it kills it.
pub struct Process {
    child: Child,
    admin_port: u16,
    client: Client,
    log: PathBuf,
    _folder: TempDir,
}

impl Process {
    /// Starts it with [`CONFIG`] and waits until it is ready.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder is made");
        let [config, ca, log] =
            ["config.yaml", "ca.crt", "log"].map(|name| folder.path().join(name));
        std::fs::write(&config, CONFIG).expect("the configuration is written");
        let (port, admin_port) = (ports::free(), ports::free());
        let child = Command::new(env!("CARGO_BIN_EXE_pullpass"))
            .args(["webhook", "--self-signed", "--log-level=trace", "--log-format=json"])
            .arg(format!("--config={}", config.display()))
            .arg(format!("--ca-out={}", ca.display()))
            .arg(format!("--listen=127.0.0.1:{port}"))
            .arg(format!("--admin-listen=127.0.0.1:{admin_port}"))
            .stdin(Stdio::null())
            .stdout(File::create(&log).expect("the log is made"))
            .stderr(File::options().append(true).open(&log).expect("the log is there"))
            .spawn()
            .expect("the webhook starts");
        eventually("the webhook to be ready", START, async || {
            plain_http::get(admin_port, "/readyz").await.is_ok_and(|answer| answer.status == 200)
        })
        .await;
        let client = client(port, &ca).await;
        Self { child, admin_port, client, log, _folder: folder }
    }

    /// Posts a body as JSON; gives the head and the body of the answer.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> String {
        let request = axum::http::Request::post(path)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .expect("the request is valid");
        let response = self.client.send(request).await.expect("the webhook answers");
        let head = format!("{} {:?}", response.status(), response.headers());
        let body = response.into_body().collect().await.expect("the body is whole").to_bytes();
        format!("{head}\n{}", String::from_utf8_lossy(&body))
    }

    /// What `/metrics` and `/readyz` say.
    pub async fn admin(&self) -> String {
        let mut said = String::new();
        for path in ["/metrics", "/readyz", "/livez"] {
            said += &plain_http::get(self.admin_port, path).await.expect("an answer").body;
        }
        said
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log is UTF-8")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn client(port: u16, ca: &std::path::Path) -> Client {
    let kubeconfig: Kubeconfig = serde_json::from_value(json!({
        "current-context": "webhook",
        "contexts": [{"name": "webhook", "context": {"cluster": "webhook", "user": "anyone"}}],
        "clusters": [{"name": "webhook", "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority": ca}}],
        "users": [{"name": "anyone", "user": {}}],
    }))
    .expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("the kubeconfig is valid")).expect("a client")
}
