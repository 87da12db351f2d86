//! A registry that demands credentials: the real docker-registry on loopback, with skopeo in the place of
//! the kubelet, which pulls with the docker config of a pull secret.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    docker_config::{USER, docker_config_of},
    eventually::eventually,
    oci_layout::{Content, OciLayout},
    plain_http, ports, programs,
    run_folder::RunFolder,
    supervised::{Program, Supervised},
};
use serde_json::json;

const REPOSITORY: &str = "team/app";
const START: Duration = Duration::from_secs(20);

/// Whom it takes.
pub enum Auth<'a> {
    /// [`USER`] with this password.
    Password(&'a str),
    /// This user with this password.
    User(&'a str, &'a str),
    /// Whoever has a token of this issuer.
    Tokens {
        /// What the issuer is called, and the registry too.
        name: &'a str,
        /// Where tokens are issued.
        realm: &'a str,
        /// The authority of the issuer, as PEM.
        authority: &'a str,
        /// Of [`USER`], who may push.
        password: &'a str,
    },
}

/// The running registry, with one image. Dropping it ends it and removes all that it stored.
pub struct Registry {
    port: u16,
    user: String,
    image: OciLayout,
    process: Supervised,
    folder: RunFolder,
}

impl Registry {
    /// Starts one that takes this password of [`USER`], and pushes an image to it.
    pub async fn start(password: &str) -> Self {
        let hello =
            Content { name: "hello", bytes: b"hello from the registry\n", config: json!({}) };
        Self::start_with(password, &hello).await
    }

    /// Starts one, and pushes an image of this content to it.
    pub async fn start_with(password: &str, content: &Content<'_>) -> Self {
        Self::start_for(&Auth::Password(password), content).await
    }

    /// Starts one that takes these, and pushes an image of this content to it.
    pub async fn start_for(auth: &Auth<'_>, content: &Content<'_>) -> Self {
        let folder = RunFolder::create().unwrap_or_else(|error| panic!("{error}"));
        let port = ports::free();
        let at = |name: &str| folder.path().join(name);
        let config = at("config.yml");
        fs::write(&config, configuration(folder.path(), port, auth))
            .expect("the registry's configuration is written");
        let (user, password) = match *auth {
            Auth::User(user, password) => (user, password),
            Auth::Password(password) | Auth::Tokens { password, .. } => (USER, password),
        };
        let (file, content_of_file) = match auth {
            Auth::Password(_) | Auth::User(..) => ("htpasswd", htpasswd(user, password)),
            Auth::Tokens { authority, .. } => ("issuer.pem", authority.as_bytes().to_vec()),
        };
        fs::write(at(file), content_of_file).expect("whom the registry takes is written");
        let process = Supervised::start(&Program {
            command: vec![
                programs::of_registry("docker-registry").into(),
                "serve".into(),
                config.into(),
            ],
            environment: vec![],
            log: at("log"),
            scratch: folder.path().to_path_buf(),
            ..Program::default()
        });
        let image = OciLayout::write(&at("image"), content);
        let mut registry = Self { port, user: user.to_owned(), image, process, folder };
        registry.becomes_ready().await;
        registry.push(password, REPOSITORY);
        registry
    }

    /// Its name in images and docker configs.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it keeps all that it has.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Takes this password of its user from now on, and no other.
    pub fn change_password(&self, password: &str) {
        // In one step: the registry reads the file when its time has changed.
        let next = self.at("htpasswd.next");
        fs::write(&next, htpasswd(&self.user, password)).expect("the registry's users are written");
        fs::rename(next, self.at("htpasswd")).expect("the registry's users are replaced");
    }

    /// Pulls the image with this docker config, which is the content of a pull secret, and looks whether
    /// it is the one that was pushed. The `Err` is what the puller says.
    pub fn pull(&self, docker_config: &[u8]) -> Result<(), String> {
        self.pull_from(docker_config, REPOSITORY)
    }

    /// The same from this repository, to which the image was pushed.
    pub fn pull_from(&self, docker_config: &[u8], repository: &str) -> Result<(), String> {
        self.pull_by(docker_config, &self.reference(repository), &[])
    }

    /// Pulls the image under another name of the registry, of port 80, with this docker config: the registry is
    /// asked as a proxy would be, so that the name need not be known.
    pub fn pull_as(&self, host: &str, docker_config: &[u8]) -> Result<(), String> {
        let proxy = format!("http://{}", self.host());
        let proxies = ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, proxy.as_str()));
        self.pull_by(docker_config, &format!("docker://{host}/{REPOSITORY}:1"), &proxies)
    }

    fn pull_by(
        &self,
        docker_config: &[u8],
        from: &str,
        proxies: &[(&str, &str)],
    ) -> Result<(), String> {
        let pulled = self.at("pulled");
        let _ = fs::remove_dir_all(&pulled);
        let to = format!("dir:{}", pulled.display());
        self.run_skopeo(docker_config, "--src-tls-verify=false", [from, &to], proxies)?;
        let layer = fs::read(pulled.join(self.image.layer_digest()));
        let layer = layer.unwrap_or_else(|error| panic!("the pulled layer: {error}"));
        assert_eq!(layer, self.image.layer(), "the pulled layer is the one that was pushed");
        Ok(())
    }

    /// Pulling with this docker config must be refused for want of a credential.
    pub fn refuses(&self, docker_config: &[u8]) {
        let answer = self.pull(docker_config);
        let refusal = answer.expect_err("the registry opens to whom it should refuse");
        assert!(refusal.contains("unauthorized: authentication required"), "{refusal}");
    }

    /// Pushes its image to a repository, as tag 1.
    pub fn push(&self, password: &str, repository: &str) {
        let from = format!("oci:{}", self.at("image").display());
        let config = docker_config_of(&self.host(), &self.user, password);
        let to = self.reference(repository);
        self.run_skopeo(config.as_bytes(), "--dest-tls-verify=false", [&from, &to], &[])
            .unwrap_or_else(|error| panic!("pushing the image to {repository}: {error}"));
    }

    fn run_skopeo(
        &self,
        config: &[u8],
        plain: &str,
        [from, to]: [&str; 2],
        proxies: &[(&str, &str)],
    ) -> Result<(), String> {
        let authfile = self.at("auth.json");
        fs::write(&authfile, config).expect("the docker config is written");
        let output = Command::new(programs::of_registry("skopeo"))
            .args(["--insecure-policy", "copy", "--preserve-digests", plain, "--authfile"])
            .arg(&authfile)
            .args([from, to])
            // No docker config of whoever runs the tests.
            .env("HOME", self.folder.path())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("DOCKER_CONFIG")
            .envs(proxies.iter().copied())
            .output()
            .unwrap_or_else(|error| panic!("skopeo: {error}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(said)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn reference(&self, repository: &str) -> String {
        format!("docker://{}/{repository}:1", self.host())
    }

    async fn becomes_ready(&mut self) {
        eventually("the registry to ask for credentials", START, async || {
            if let Some(status) = self.process.exited() {
                panic!("the registry ended ({status}): {}", self.process.log_tail());
            }
            let answer = plain_http::get(self.port, "/v2/").await?;
            (answer.status == 401).then_some(()).ok_or(format!("{answer:?}"))
        })
        .await;
    }
}

fn configuration(folder: &Path, port: u16, auth: &Auth<'_>) -> String {
    let folder = folder.display();
    let auth = match auth {
        Auth::Password(_) | Auth::User(..) => {
            format!("{{htpasswd: {{realm: tests, path: '{folder}/htpasswd'}}}}")
        }
        Auth::Tokens { name, realm, .. } => format!(
            "{{token: {{realm: '{realm}', service: {name}, issuer: {name}, rootcertbundle: '{folder}/issuer.pem'}}}}"
        ),
    };
    format!(
        "version: 0.1\n\
         storage: {{filesystem: {{rootdirectory: '{folder}/storage'}}}}\n\
         http: {{addr: '127.0.0.1:{port}', secret: tests}}\n\
         auth: {auth}\n"
    )
}

/// A file of users with this one alone.
fn htpasswd(user: &str, password: &str) -> Vec<u8> {
    let mut child = Command::new(programs::of_registry("htpasswd"))
        .args(["-i", "-n", "-B", "-C", "4", user])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("htpasswd: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    writeln!(stdin, "{password}").unwrap_or_else(|error| panic!("htpasswd reads: {error}"));
    drop(stdin);
    let output = child.wait_with_output().expect("htpasswd ends");
    assert!(output.status.success(), "htpasswd: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
