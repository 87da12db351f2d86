//! The container runtime of the node, and the network that it gives to Pods.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    built, eventually::eventually, kubelet::PODS, namespaces::Namespaces, run_folder::RunFolder,
    supervised::Supervised,
};

/// Where containerd listens, as the node sees it.
pub const SOCKET: &str = "/run/containerd/containerd.sock";
/// The image of the sandboxes.
pub const PAUSE: &str = "localhost/pause:1";
/// The namespace of the kubelet's images.
const NAMESPACE: &str = "k8s.io";
const START: Duration = Duration::from_secs(30);

/// The running containerd.
pub struct Containerd {
    _process: Supervised,
    folder: PathBuf,
}

impl Containerd {
    /// Starts it.
    pub async fn start(inside: &Namespaces, folder: &RunFolder) -> Self {
        let own = folder.path().join("containerd");
        let network = own.join("cni");
        fs::create_dir_all(&network).expect("the folder of the Pod network is made");
        fs::create_dir_all(own.join("hosts")).expect("the folder of the registries is made");
        fs::write(network.join("pods.conflist"), pod_network().to_string())
            .expect("the Pod network is written");
        let configuration = folder.write("containerd.toml", configuration(&own));
        let program = built::program("containerd").into();
        let command = vec![program, "--config".into(), configuration.into()];
        let mut process = inside.start(folder, "containerd", command);
        eventually("containerd", START, async || {
            if let Some(status) = process.exited() {
                panic!("containerd ended ({status}): {}", process.log_tail());
            }
            ctr(inside, &["version"])
        })
        .await;
        Self { _process: process, folder: own }
    }

    /// From now on images of `host` are pulled from this registry on loopback, by plain HTTP.
    pub fn mirror(&self, host: &str, registry: &str) {
        let folder = self.folder.join("hosts").join(host);
        fs::create_dir_all(&folder).expect("the folder of a registry is made");
        let hosts = format!(
            "server = \"http://{registry}\"\n\
             [host.\"http://{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
        );
        fs::write(folder.join("hosts.toml"), hosts).expect("the registry is written");
    }
}

/// Brings the images of an archive to the node, whose containerd runs. They count as preloaded: the kubelet
/// asks for no credential for them.
pub fn import(inside: &Namespaces, archive: &Path) {
    let archive = archive.to_str().expect("the path is UTF-8");
    ctr(inside, &["images", "import", archive])
        .unwrap_or_else(|error| panic!("importing {archive}: {error}"));
}

fn ctr(inside: &Namespaces, arguments: &[&str]) -> Result<(), String> {
    let mut command: Vec<OsString> =
        vec![built::program("ctr").into(), "--namespace".into(), NAMESPACE.into()];
    command.extend(arguments.iter().map(OsString::from));
    let line = inside.within(command);
    let output = Command::new(&line[0]).args(&line[1..]).output().expect("ctr runs");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    let runc = built::program("runc");
    let (runc, plugins) = (runc.display(), runc.parent().expect("it is in a folder").display());
    // Without CAP_SYS_RESOURCE, which a container may lack, oom_score_adj cannot be lowered.
    format!(
        "version = 3\n\
         root = '{folder}/root'\n\
         state = '/run/containerd'\n\
         imports = []\n\
         disabled_plugins = ['io.containerd.nri.v1.nri']\n\
         [grpc]\n  address = '{SOCKET}'\n\
         [plugins.'io.containerd.cri.v1.images'.pinned_images]\n  sandbox = '{PAUSE}'\n\
         [plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = '{folder}/hosts'\n\
         [plugins.'io.containerd.cri.v1.runtime']\n\
         \x20 disable_apparmor = true\n\
         \x20 restrict_oom_score_adj = true\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n\
         \x20 runtime_type = 'io.containerd.runc.v2'\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n\
         \x20 BinaryName = '{runc}'\n  SystemdCgroup = false\n\
         [plugins.'io.containerd.cri.v1.runtime'.cni]\n\
         \x20 bin_dirs = ['{plugins}']\n  conf_dir = '{folder}/cni'\n  use_internal_loopback = true\n\
         [plugins.'io.containerd.internal.v1.opt']\n  path = '{folder}/opt'\n"
    )
}

/// Every Pod has an address of its own, on a bridge that the node is on too.
fn pod_network() -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge",
            "bridge": "pods0",
            "isGateway": true,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
}
