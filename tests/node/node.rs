//! A node: kubelet, containerd, runc and kube-proxy in namespaces of their own, with a control plane and a
//! registry that demands credentials in the same network.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Node as Machine;
use kube::{Api, Client};
use serde_json::json;

use crate::{
    built,
    containerd::{Containerd, PAUSE, import},
    control_plane::{self, ControlPlane, Place},
    eventually::eventually,
    kubelet::{self, ADDRESS, NODE},
    namespaces::Namespaces,
    oci_layout::{Content, OciLayout},
    programs,
    registry::Registry,
    run_folder::RunFolder,
    supervised::Supervised,
};

/// The host in the names of the private images.
pub const HOST: &str = "registry.example.com";
/// The password that the registry takes at first.
pub const PASSWORD: &str = "right password";
const START: Duration = Duration::from_mins(2);

/// The running node. It ends with the test process, however that one ends.
pub struct Node {
    pub registry: Registry,
    pub plane: ControlPlane,
    client: Client,
    // Before the folder, and all that the node has in it.
    programs: Mutex<Programs>,
    pub namespaces: Namespaces,
    folder: RunFolder,
}

/// What runs on the node beside Pods.
struct Programs {
    _containerd: Containerd,
    others: [Supervised; 3],
}

impl Node {
    /// Starts it, and takes this thread into its network.
    pub async fn start() -> Self {
        // What is not there yet is built now: from the node's network nothing can be downloaded.
        let _ = (programs::path("etcd"), built::program("kubelet"));
        let folder = RunFolder::create().unwrap_or_else(|error| panic!("{error}"));
        let namespaces = Namespaces::make(&folder).await;
        namespaces.enter_network();
        let containerd = Containerd::start(&namespaces, &folder).await;
        import(&namespaces, &pause_archive(&folder));
        let app = fs::read(built::program("app")).expect("the program of the images is there");
        let registry = Registry::start_with(PASSWORD, &app_image(&app)).await;
        containerd.mirror(HOST, &registry.host());
        let place = Place { address: ADDRESS, advertised: ADDRESS };
        let plane = ControlPlane::start(place).await.unwrap_or_else(|error| panic!("{error}"));
        let client = control_plane::client(&plane.admin_kubeconfig()).await;
        let client = client.unwrap_or_else(|error| panic!("the administrator's client: {error}"));
        let others = start_others(&namespaces, &plane, &folder);
        let node = Self {
            registry,
            plane,
            client,
            programs: Mutex::new(Programs { _containerd: containerd, others }),
            namespaces,
            folder,
        };
        node.becomes_ready().await;
        node
    }

    /// Takes the power from it and starts it again. The control plane goes on, as on another machine.
    pub async fn reboot(&self) {
        self.namespaces.reboot();
        let containerd = Containerd::start(&self.namespaces, &self.folder).await;
        let others = start_others(&self.namespaces, &self.plane, &self.folder);
        let started = Programs { _containerd: containerd, others };
        *self.programs.lock().unwrap_or_else(PoisonError::into_inner) = started;
    }

    /// The administrator's client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The folder of its state and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The name of an image that the registry gives to whoever has its password.
    pub fn private_image(&self, repository: &str) -> String {
        self.registry.push(PASSWORD, repository);
        format!("{HOST}/{repository}:1")
    }

    fn all_go_on(&self) {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        for program in &mut programs.others {
            if let Some(status) = program.exited() {
                panic!("a program of the node ended ({status}): {}", program.log_tail());
            }
        }
    }

    async fn becomes_ready(&self) {
        let nodes: Api<Machine> = Api::all(self.client());
        eventually("the node to be Ready", START, async || {
            self.all_go_on();
            let node = nodes.get(NODE).await.map_err(|error| error.to_string())?;
            let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
            let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
            let is_ready = conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
            match is_ready && taints.is_empty() {
                true => Ok(()),
                false => Err(format!("{conditions:?}, {taints:?}")),
            }
        })
        .await;
    }
}

fn start_others(
    namespaces: &Namespaces,
    plane: &ControlPlane,
    folder: &RunFolder,
) -> [Supervised; 3] {
    [
        kubelet::start_scheduler(namespaces, plane, folder),
        kubelet::start_proxy(namespaces, plane, folder),
        kubelet::start_kubelet(namespaces, plane, folder),
    ]
}

/// The image of a program that waits.
fn app_image(program: &[u8]) -> Content<'_> {
    Content {
        name: "app",
        bytes: program,
        config: json!({"Entrypoint": ["/app"], "User": "65532:65532"}),
    }
}

/// The same as an archive for containerd, under the name of the sandboxes' image.
fn pause_archive(folder: &RunFolder) -> std::path::PathBuf {
    let layout = folder.path().join("pause");
    let program = fs::read(built::program("app")).expect("the program of the images is there");
    OciLayout::write(&layout, &app_image(&program));
    let index = layout.join("index.json");
    let text = fs::read(&index).expect("the index is written");
    let mut content: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    content["manifests"][0]["annotations"] = json!({"io.containerd.image.name": PAUSE});
    fs::write(&index, content.to_string()).expect("the index is written");
    let archive = folder.path().join("pause.tar");
    let done =
        Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&layout).arg(".").status();
    assert!(done.is_ok_and(|status| status.success()), "tar makes {}", archive.display());
    archive
}
