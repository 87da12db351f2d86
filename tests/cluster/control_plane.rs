//! An etcd, kube-apiserver and kube-controller-manager, for many tests of one process.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rcgen::date_time_ymd;
use serde_json::json;

use crate::{
    pki::{Authority, key_pair},
    plain_http, ports, programs,
    run_folder::RunFolder,
    supervised::{Program, Supervised},
};

const START_DEADLINE: Duration = Duration::from_mins(2);
const AUDIT_POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/audit-policy.yaml");
/// Who the API server knows by a token, and in which group.
const USERS: [(&str, &str, &str); 4] = [
    (ADMIN, "admin", "system:masters"),
    (NODE, "system:node:node1", "system:nodes"),
    (PROXY, "system:kube-proxy", ""),
    (SCHEDULER, "system:kube-scheduler", ""),
];
const ADMIN: &str = "test-cluster-admin";
/// The token of the kubelet of the node `node1`.
pub const NODE: &str = "test-cluster-node";
/// The token of kube-proxy.
pub const PROXY: &str = "test-cluster-proxy";
/// The token of kube-scheduler.
pub const SCHEDULER: &str = "test-cluster-scheduler";

/// Where a control plane is reached.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The address that its API server listens on.
    pub address: &'static str,
    /// The address that it gives to Pods.
    pub advertised: &'static str,
}

/// For clients on this machine alone. Pods are given an address of the range that is kept for
/// documentation: a machine without any network can run the tests.
pub const LOOPBACK: Place = Place { address: "127.0.0.1", advertised: "192.0.2.1" };
/// The first of the addresses of Services, which is the API server's own.
const SERVICE: &str = "10.0.0.1";

/// The running control plane. It ends with the test process.
pub struct ControlPlane {
    folder: RunFolder,
    place: Place,
    server: String,
    authority: Authority,
    signing_key: PathBuf,
    etcd_port: u16,
    started_in: Duration,
    programs: Vec<Supervised>,
}

/// One more kube-apiserver of the same cluster. Dropping it ends it.
pub struct ApiServer {
    /// The kubeconfig of its administrator.
    pub kubeconfig: PathBuf,
    _program: Supervised,
}

impl ControlPlane {
    /// The folder of its data and logs.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// How long the start took, from the first process to the first ServiceAccount.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The audit log, one JSON event a line.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    /// A kubeconfig for whoever holds the token.
    pub fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        kubeconfig(&self.folder, &self.server, &self.authority, name, token)
    }

    /// The kubeconfig of the administrator.
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.kubeconfig("admin", ADMIN)
    }

    /// Starts one more kube-apiserver on the same etcd, with this as `--admission-control-config-file`.
    pub async fn another_api_server(&self, name: &str, admission_config: &Path) -> ApiServer {
        let port = ports::free();
        let server = format!("https://{}:{port}", self.place.address);
        let mut program = start_api_server(&NewApiServer {
            name,
            place: self.place,
            folder: &self.folder,
            executable: &programs::path("kube-apiserver"),
            authority: &self.authority,
            signing_key: &self.signing_key,
            audit_log: &format!("{name}.audit.log"),
            etcd_port: self.etcd_port,
            port,
            admission_config: Some(admission_config),
        });
        let admin = format!("{name}.admin");
        let kubeconfig = kubeconfig(&self.folder, &server, &self.authority, &admin, ADMIN);
        let client = client(&kubeconfig).await.expect("the kubeconfig is valid");
        ready(name, &mut program, async || api_is_ready(&client).await)
            .await
            .unwrap_or_else(|reason| panic!("{reason}"));
        ApiServer { kubeconfig, _program: program }
    }

    /// Starts one.
    pub async fn start(place: Place) -> Result<Self, String> {
        let mut plane = Self::start_without_controllers(place).await?;
        let started = Instant::now();
        let admin = plane.admin_kubeconfig();
        let client = client(&admin).await?;
        let mut controllers = start_controller_manager(&plane.folder, &admin, &plane.signing_key);
        ready("kube-controller-manager", &mut controllers, async || {
            service_accounts_are_made(&client).await
        })
        .await?;
        plane.programs.push(controllers);
        plane.started_in += started.elapsed();
        Ok(plane)
    }

    /// Starts one without kube-controller-manager: nothing is put into a new namespace, and none ends.
    pub async fn start_without_controllers(place: Place) -> Result<Self, String> {
        let kube_apiserver = programs::path("kube-apiserver");
        let started = Instant::now();
        let folder = RunFolder::create()?;
        let authority = Authority::new("test-cluster");
        let etcd_port = ports::free();
        let api_port = ports::free();
        let server = format!("https://{}:{api_port}", place.address);
        let service_accounts = key_pair();
        let signing_key = folder.write("service-account.key", service_accounts.serialize_pem());
        folder.write("service-account.pub", service_accounts.public_key_pem());

        let mut etcd = start_etcd(&folder, etcd_port);
        ready("etcd", &mut etcd, async || etcd_is_healthy(etcd_port).await).await?;

        let mut api = start_api_server(&NewApiServer {
            name: "kube-apiserver",
            place,
            folder: &folder,
            executable: &kube_apiserver,
            authority: &authority,
            signing_key: &signing_key,
            audit_log: "audit.log",
            etcd_port,
            port: api_port,
            admission_config: None,
        });
        let admin = kubeconfig(&folder, &server, &authority, "admin", ADMIN);
        let client = client(&admin).await?;
        ready("kube-apiserver", &mut api, async || api_is_ready(&client).await).await?;

        Ok(Self {
            folder,
            place,
            server,
            authority,
            signing_key,
            etcd_port,
            started_in: started.elapsed(),
            programs: vec![etcd, api],
        })
    }
}

/// A client of the calling test's own runtime.
pub async fn client(kubeconfig: &Path) -> Result<Client, String> {
    let read = Kubeconfig::read_from(kubeconfig).map_err(|error| error.to_string())?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .map_err(|error| error.to_string())?;
    Client::try_from(config).map_err(|error| error.to_string())
}

fn start_etcd(folder: &RunFolder, port: u16) -> Supervised {
    let client_url = format!("http://127.0.0.1:{port}");
    let peer_url = format!("http://127.0.0.1:{}", ports::free());
    let data = folder.path().join("etcd");
    Supervised::start(&Program {
        command: vec![
            programs::path("etcd").into(),
            "--unsafe-no-fsync".into(),
            format!("--data-dir={}", data.display()).into(),
            format!("--listen-client-urls={client_url}").into(),
            format!("--advertise-client-urls={client_url}").into(),
            format!("--listen-peer-urls={peer_url}").into(),
            format!("--initial-advertise-peer-urls={peer_url}").into(),
            format!("--initial-cluster=default={peer_url}").into(),
        ],
        environment: vec![],
        log: folder.path().join("etcd.log"),
        scratch: data,
        ..Program::default()
    })
}

/// What a kube-apiserver is started with.
struct NewApiServer<'a> {
    name: &'a str,
    place: Place,
    folder: &'a RunFolder,
    executable: &'a Path,
    authority: &'a Authority,
    signing_key: &'a Path,
    audit_log: &'a str,
    etcd_port: u16,
    port: u16,
    admission_config: Option<&'a Path>,
}

fn start_api_server(new: &NewApiServer<'_>) -> Supervised {
    let NewApiServer { name, place, folder, signing_key, etcd_port, port, .. } = new;
    let leaf =
        new.authority.issue(&[place.address, SERVICE, "localhost", "kubernetes.default.svc"]);
    let towards_kubelet = new.authority.issue_client("kube-apiserver", date_time_ymd(4096, 1, 1));
    let certificate = folder.write(&format!("{name}.crt"), leaf.certificate);
    let key = folder.write(&format!("{name}.key"), leaf.key);
    let tokens = USERS.map(|(token, user, group)| format!("{token},{user},{user},\"{group}\"\n"));
    let tokens = folder.write(&format!("{name}.tokens.csv"), tokens.concat());
    let client_certificate =
        folder.write(&format!("{name}.client.crt"), towards_kubelet.certificate);
    let client_key = folder.write(&format!("{name}.client.key"), towards_kubelet.key);
    let path = |path: &Path| path.display().to_string();
    let options = [
        ("etcd-servers", format!("http://127.0.0.1:{etcd_port}")),
        ("bind-address", place.address.into()),
        ("secure-port", port.to_string()),
        ("advertise-address", place.advertised.into()),
        ("service-cluster-ip-range", "10.0.0.0/24".into()),
        ("cert-dir", path(folder.path())),
        ("tls-cert-file", path(&certificate)),
        ("tls-private-key-file", path(&key)),
        ("token-auth-file", path(&tokens)),
        ("authorization-mode", "Node,RBAC".into()),
        ("enable-admission-plugins", "NodeRestriction".into()),
        ("kubelet-client-certificate", path(&client_certificate)),
        ("kubelet-client-key", path(&client_key)),
        ("kubelet-preferred-address-types", "InternalIP".into()),
        ("service-account-issuer", "https://kubernetes.default.svc".into()),
        ("service-account-key-file", path(&signing_key.with_extension("pub"))),
        ("service-account-signing-key-file", path(signing_key)),
        ("audit-policy-file", AUDIT_POLICY.into()),
        ("audit-log-path", path(&folder.path().join(new.audit_log))),
        ("audit-log-mode", "blocking".into()),
        // Mebibytes; the log is read by position and so must not be rotated.
        ("audit-log-maxsize", "100000".into()),
    ];
    let admission = new.admission_config.map(|file| ("admission-control-config-file", path(file)));
    let mut command = vec![new.executable.into()];
    let options = options.into_iter().chain(admission);
    command.extend(options.map(|(name, value)| format!("--{name}={value}").into()));
    Supervised::start(&Program {
        command,
        environment: vec![],
        log: folder.path().join(format!("{name}.log")),
        scratch: tokens,
        ..Program::default()
    })
}

fn start_controller_manager(folder: &RunFolder, admin: &Path, signing_key: &Path) -> Supervised {
    let root_ca = folder.path().join("ca.crt");
    Supervised::start(&Program {
        command: vec![
            programs::path("kube-controller-manager").into(),
            format!("--kubeconfig={}", admin.display()).into(),
            format!("--service-account-private-key-file={}", signing_key.display()).into(),
            format!("--root-ca-file={}", root_ca.display()).into(),
            "--leader-elect=false".into(),
            "--secure-port=0".into(),
            "--kube-api-qps=500".into(),
            "--kube-api-burst=1000".into(),
        ],
        environment: vec![],
        log: folder.path().join("kube-controller-manager.log"),
        scratch: folder.path().join("kube-controller-manager"),
        ..Program::default()
    })
}

fn kubeconfig(
    folder: &RunFolder,
    server: &str,
    authority: &Authority,
    name: &str,
    token: &str,
) -> PathBuf {
    let certificate = folder.write("ca.crt", authority.pem());
    let content = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": certificate}}],
        "users": [{"name": name, "user": {"token": token}}],
    });
    folder.write(&format!("{name}.kubeconfig"), content.to_string())
}

async fn etcd_is_healthy(port: u16) -> Result<(), String> {
    let answer = plain_http::get(port, "/health").await?;
    match answer.status {
        200 => Ok(()),
        _ => Err(answer.body),
    }
}

async fn api_is_ready(client: &Client) -> Result<(), String> {
    let request = http_get("/readyz?verbose");
    match client.request_text(request).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn http_get(path: &str) -> axum::http::Request<Vec<u8>> {
    axum::http::Request::get(path).body(vec![]).expect("the path is valid")
}

/// The controller manager is at work once the first namespace has its ServiceAccount.
async fn service_accounts_are_made(client: &Client) -> Result<(), String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    match accounts.get("default").await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

async fn ready(
    name: &str,
    program: &mut Supervised,
    mut check: impl AsyncFnMut() -> Result<(), String>,
) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let Err(reason) = check().await else {
            return Ok(());
        };
        if let Some(status) = program.exited() {
            return Err(format!("{name} ended ({status}): {}", program.log_tail()));
        }
        if started.elapsed() > START_DEADLINE {
            return Err(format!(
                "{name} is not ready after {START_DEADLINE:?}: {reason}; {}",
                program.log_tail()
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
