//! Starts the webhook on this machine and posts it the AdmissionReview of a new Pod, as the API
//! server would: `make run`, or `make run ARGS=--once` to end after the answer.

use anyhow::{Context, Result, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use pullpass::{
    config,
    image::Reference,
    inject::{Decision, Namespace, PodView, decide},
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

const CONFIG: &str = "examples/config.yaml";
const REVIEW: &str = "examples/admission-review.json";
const START: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments.next().context("pass the path of the pullpass binary")?;
    let is_once = match arguments.next().as_deref() {
        None => false,
        Some("--once") => true,
        Some(other) => bail!("unknown argument {other}; pass --once to end after the answer"),
    };
    pullpass::tls::install_provider();
    let folder = tempfile::tempdir().context("failed to make a folder for the CA certificate")?;
    let ca = folder.path().join("ca.crt");
    let mut webhook = Webhook::start(&binary, &ca).context("failed to start the webhook")?;
    let review = read_json(REVIEW)?;
    let answer = webhook.ask(&ca, &review).await?;
    print_answer(&review, &answer)?;
    if is_once {
        return webhook.stop();
    }
    println!(
        "\nServing at https://127.0.0.1:{}/mutate until Ctrl-C; metrics at http://127.0.0.1:{}/metrics",
        webhook.port, webhook.admin_port
    );
    tokio::signal::ctrl_c().await.context("failed to wait for Ctrl-C")?;
    webhook.stop()
}

/// The running webhook; it ends with this value.
struct Webhook {
    child: Child,
    port: u16,
    admin_port: u16,
}

impl Webhook {
    fn start(binary: &str, ca: &Path) -> Result<Self> {
        let (port, admin_port) = (free_port(8443)?, free_port(8080)?);
        let child = Command::new(binary)
            .args(["webhook", "--self-signed", "--config", CONFIG, "--shutdown-delay", "0s"])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin-listen", &format!("127.0.0.1:{admin_port}")])
            .args(["--log-level", "error", "--ca-out"])
            .arg(ca)
            .spawn()
            .with_context(|| format!("failed to run {binary}"))?;
        Ok(Self { child, port, admin_port })
    }

    /// Posts the review over TLS as soon as the webhook is ready.
    async fn ask(&mut self, ca: &Path, review: &Value) -> Result<Value> {
        let deadline = Instant::now() + START;
        loop {
            match self.try_ask(ca, review).await {
                Ok(answer) => return Ok(answer),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the webhook ended: {status}");
            }
        }
    }

    async fn try_ask(&self, ca: &Path, review: &Value) -> Result<Value> {
        let mut client = kube::Config::new(format!("https://127.0.0.1:{}", self.port).parse()?);
        let pem = std::fs::read(ca).context("the webhook has not written its CA certificate")?;
        client.root_cert = Some(vec![certificate(&pem)?]);
        let request = axum::http::Request::post("/mutate?timeout=5s")
            .header("content-type", "application/json")
            .body(serde_json::to_vec(review)?)?;
        Ok(kube::Client::try_from(client)?.request(request).await?)
    }

    fn stop(mut self) -> Result<()> {
        // Ctrl-C has reached it too; a second end of the same process is no error.
        let _ = self.child.kill();
        self.child.wait().context("failed to wait for the webhook")?;
        Ok(())
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// The port that people expect, or a free one if it is taken.
fn free_port(wanted: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", wanted))
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
        .context("failed to find a free port")?;
    Ok(listener.local_addr()?.port())
}

fn certificate(pem: &[u8]) -> Result<Vec<u8>> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    Ok(CertificateDer::from_pem_slice(pem).context("failed to read the CA certificate")?.to_vec())
}

fn read_json(path: &str) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("failed to read {path}; run this from the top of the repository")
    })?;
    serde_json::from_str(&text).with_context(|| format!("failed to parse {path}"))
}

fn print_answer(review: &Value, answer: &Value) -> Result<()> {
    let request = &review["request"];
    let namespace = request["namespace"].as_str().unwrap_or_default();
    let pod = PodView::deserialize(&request["object"]).context("failed to read the Pod")?;
    let parsed = config::parse(&std::fs::read_to_string(CONFIG)?)?;
    let decision = decide(&parsed.config, &pod, Namespace { name: namespace, labels: None });

    println!("A new Pod in namespace {namespace}, with these images:");
    for image in pod.images() {
        let place = image.place.to_string();
        println!("  {place:<18} {:<34} {}", image.text, reference(image.text));
    }
    println!("\nWhat matched in {CONFIG}:");
    print_decision(&decision);
    println!("\nThe patch that the webhook answered with, decoded:");
    println!("{}", decoded_patch(answer)?);
    Ok(())
}

fn reference(text: &str) -> String {
    Reference::parse(text).map_or_else(|error| error.to_string(), |r| format!("= {r}"))
}

fn print_decision(decision: &Decision<'_>) {
    for entry in decision.considered() {
        println!("  {}: {}", entry.entry.name, entry.outcome);
        for image in &entry.images {
            println!("    {image}");
        }
    }
}

fn decoded_patch(answer: &Value) -> Result<String> {
    let Some(patch) = answer["response"]["patch"].as_str() else { return Ok("(none)".into()) };
    let bytes = BASE64_STANDARD.decode(patch).context("failed to decode the patch")?;
    let patch: Value = serde_json::from_slice(&bytes).context("failed to parse the patch")?;
    Ok(serde_json::to_string_pretty(&patch)?)
}
