//! `pullpass webhook`, the real binary, in front of the API server.

use std::{
    ffi::OsString,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use kube::{Client, Config};
use serde_json::Value;

use crate::{
    cluster::Cluster,
    endpoint::Endpoint,
    pki::{Authority, Leaf},
    ports,
    running::Running,
};

/// A webhook to be started. It has a certificate for 127.0.0.1 of its own, given by files unless
/// [`NewWebhook::certificate_from_secret`] says otherwise.
pub struct NewWebhook {
    name: String,
    folder: PathBuf,
    authority: Arc<Authority>,
    leaf: Leaf,
    tls: Vec<OsString>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

/// The running webhook. Dropping it kills it.
pub struct WebhookProcess {
    port: u16,
    authority: Arc<Authority>,
    tls: Vec<OsString>,
    running: Running,
}

impl Cluster {
    /// A webhook process to be started.
    pub fn webhook(&self) -> NewWebhook {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("webhook-{number}");
        let authority = Arc::new(Authority::new(&name));
        let leaf = authority.issue(&["127.0.0.1", "pullpass-webhook.pullpass-system.svc"]);
        let folder = self.control_plane().folder();
        let certificate = folder.write(&format!("{name}.crt"), &leaf.certificate);
        let key = folder.write(&format!("{name}.key"), &leaf.key);
        NewWebhook {
            folder: folder.path().to_path_buf(),
            name,
            authority,
            leaf,
            tls: vec![flag("tls-cert", &certificate), flag("tls-key", &key)],
            arguments: vec![],
            environment: vec![],
        }
    }
}

impl NewWebhook {
    /// With this text as its configuration file.
    pub fn config(self, yaml: &str) -> Self {
        let file = self.folder.join(format!("{}.yaml", self.name));
        std::fs::write(&file, yaml).expect("the configuration is written");
        self.config_file(&file)
    }

    /// With this configuration file.
    pub fn config_file(mut self, file: &Path) -> Self {
        self.arguments.push(flag("config", file));
        self
    }

    /// With the ConfigMap `pullpass-system/pullpass` as its configuration.
    pub fn config_map(self) -> Self {
        self.argument("--config-map=pullpass-system/pullpass")
    }

    /// In the cluster under the identity of this kubeconfig.
    pub fn kubeconfig(mut self, file: &Path) -> Self {
        self.arguments.push(flag("kubeconfig", file));
        self
    }

    /// With one more argument, such as `--max-in-flight=8`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With one more environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Writes its certificate into the Secret `pullpass-system/pullpass-tls` and has it read from there.
    pub async fn certificate_from_secret(mut self, cluster: &Cluster) -> Self {
        cluster.write_tls_secret(&self.leaf, &self.authority).await;
        self.tls = vec!["--tls-secret=pullpass-system/pullpass-tls".into()];
        self
    }

    /// With the certificate that the controller stores, and the flags of the manifests.
    pub fn certificate_of_controller(mut self) -> Self {
        self.tls = vec![
            "--tls-secret=pullpass-system/pullpass-tls".into(),
            "--webhook-configuration=pullpass".into(),
            "--server-name=pullpass-webhook.pullpass-system.svc".into(),
        ];
        self
    }

    /// With the certificate in these files.
    pub fn certificate_files(mut self, certificate: &Path, key: &Path) -> Self {
        self.tls = vec![flag("tls-cert", certificate), flag("tls-key", key)];
        self
    }

    /// With the certificate of another, as replicas of one Deployment have the same.
    pub fn replica_of(mut self, other: &WebhookProcess) -> Self {
        self.authority = Arc::clone(&other.authority);
        self.tls.clone_from(&other.tls);
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> WebhookProcess {
        let mut webhook = self.spawn();
        webhook.becomes_ready().await;
        webhook
    }

    /// Starts it and waits for nothing.
    pub fn spawn(self) -> WebhookProcess {
        let port = ports::free();
        let listen = [format!("--listen=127.0.0.1:{port}").into()];
        let arguments = listen.into_iter().chain(self.tls.iter().cloned()).chain(self.arguments);
        let place = (&*self.folder, &*self.name);
        let running = Running::spawn("webhook", place, arguments, self.environment);
        WebhookProcess { port, authority: self.authority, tls: self.tls, running }
    }
}

impl WebhookProcess {
    /// The URL of a path on its TLS port.
    pub fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// The authority of its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Posts an AdmissionReview to it directly, without the API server.
    pub async fn review(&self, path: &str, review: &Value) -> Result<Value, kube::Error> {
        let mut config = Config::new(self.url("").parse().expect("the URL is valid"));
        config.root_cert = Some(vec![self.authority.der()]);
        // Asked once, as the API server asks: a refusal is the answer.
        config.default_retry = false;
        let request = axum::http::Request::post(path)
            .header("content-type", "application/json")
            .body(review.to_string().into_bytes())
            .expect("the request is valid");
        Client::try_from(config)?.request(request).await
    }

    /// Sends SIGTERM, waits for the end and says how it was.
    pub async fn terminate(mut self) -> ExitStatus {
        self.ends().await
    }
}

impl Deref for WebhookProcess {
    type Target = Running;
    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for WebhookProcess {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

impl Endpoint for WebhookProcess {
    fn port(&self) -> u16 {
        self.port
    }
    fn ca_pem(&self) -> String {
        self.authority.pem()
    }
}

fn flag(name: &str, path: &Path) -> OsString {
    format!("--{name}={}", path.display()).into()
}
