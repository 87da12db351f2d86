//! The kubelet of the node, with kube-proxy for the addresses of Services, and kube-scheduler.

use std::{ffi::OsString, path::Path};

use serde_json::{Value, json};

use crate::{
    built,
    containerd::SOCKET,
    control_plane::{self, ControlPlane},
    namespaces::Namespaces,
    run_folder::RunFolder,
    supervised::Supervised,
};

/// The name of the node.
pub const NODE: &str = "node1";
/// The address of the node, and of all that runs on it without a network of its own.
pub const ADDRESS: &str = "10.231.0.1";
/// The addresses of Pods.
pub const PODS: &str = "10.231.64.0/24";

/// Starts the kubelet.
pub fn start_kubelet(inside: &Namespaces, plane: &ControlPlane, folder: &RunFolder) -> Supervised {
    let configuration = folder.write("kubelet.json", kubelet(folder.path(), plane).to_string());
    let kubeconfig = plane.kubeconfig("kubelet", control_plane::NODE);
    let options = [
        ("config", configuration.display().to_string()),
        ("kubeconfig", kubeconfig.display().to_string()),
        ("hostname-override", NODE.into()),
        ("node-ip", ADDRESS.into()),
        ("cert-dir", folder.path().join("kubelet-pki").display().to_string()),
    ];
    inside.start(folder, "kubelet", command("kubelet", &options))
}

/// Starts kube-proxy.
pub fn start_proxy(inside: &Namespaces, plane: &ControlPlane, folder: &RunFolder) -> Supervised {
    let kubeconfig = plane.kubeconfig("kube-proxy", control_plane::PROXY);
    let configuration = folder.write("kube-proxy.json", proxy(&kubeconfig).to_string());
    let options = [("config", configuration.display().to_string())];
    inside.start(folder, "kube-proxy", command("kube-proxy", &options))
}

/// Starts kube-scheduler, which finds the node for Pods.
pub fn start_scheduler(
    inside: &Namespaces,
    plane: &ControlPlane,
    folder: &RunFolder,
) -> Supervised {
    let kubeconfig = plane.kubeconfig("kube-scheduler", control_plane::SCHEDULER);
    let options = [
        ("kubeconfig", kubeconfig.display().to_string()),
        ("leader-elect", "false".into()),
        ("secure-port", "0".into()),
    ];
    inside.start(folder, "kube-scheduler", command("kube-scheduler", &options))
}

fn command(program: &str, options: &[(&str, String)]) -> Vec<OsString> {
    let mut command = vec![built::program(program).into()];
    command.extend(options.iter().map(|(name, value)| format!("--{name}={value}").into()));
    command
}

fn kubelet(folder: &Path, plane: &ControlPlane) -> Value {
    let never = "0%";
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": false},
            "x509": {"clientCAFile": plane.folder().path().join("ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": false,
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        "resolvConf": "",
        "volumePluginDir": folder.join("volume-plugins"),
        // The disk and the memory are the machine's, and others fill them.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": never,
            "nodefs.available": never,
            "nodefs.inodesFree": never,
            "imagefs.available": never,
            "imagefs.inodesFree": never,
        },
        "nodeStatusUpdateFrequency": "2s",
    })
}

fn proxy(kubeconfig: &Path) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": NODE,
        "clientConnection": {"kubeconfig": kubeconfig},
        "clusterCIDR": PODS,
        // These sysctls are the whole machine's.
        "conntrack": {"maxPerCore": 0, "min": 0},
    })
}
