//! The default overlay, applied as it is.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::{
    ByteString,
    api::core::v1::{Pod, Secret},
};
use kube::{Api, ResourceExt, api::PostParams};
use serde_json::json;

use crate::{
    audit,
    eventually::eventually,
    installed::{SOON, SYSTEM_NAMESPACE, pull_secrets},
    node::Node,
};

/// The user of the image.
const USER: &str = "65532";

/// In networks of their own; the namespace holds its Pods to the profile `restricted`.
pub async fn its_pods_are_ready_under_pod_security_restricted(node: &Node) {
    node.deployments_are_ready().await;
    for (component, replicas) in [("webhook", 2), ("controller", 2)] {
        let pods = node.pods_of(component).await;
        assert_eq!(pods.len(), replicas, "{component}");
        for pod in &pods {
            let host_network = pod.spec.as_ref().and_then(|spec| spec.host_network);
            assert_eq!(host_network, None, "{}", pod.name_any());
        }
    }
    let bold: Pod = serde_json::from_value(json!({
        "metadata": {"name": "bold"},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }))
    .expect("it is a Pod");
    let refused = node.pods(SYSTEM_NAMESPACE).create(&PostParams::default(), &bold).await;
    let refused = refused.expect_err("a Pod that asks for no restriction is created").to_string();
    assert!(refused.contains("violates PodSecurity \"restricted:latest\""), "{refused}");
}

/// As the kernel has them, not as the manifests ask.
pub async fn its_processes_have_no_rights_on_the_node(node: &Node) {
    let processes = processes(node);
    let own: BTreeSet<&str> = processes.iter().map(|it| it.command.as_str()).collect();
    assert_eq!(own, BTreeSet::from(["controller", "webhook"]), "{processes:?}");
    for Process { command, status, mounts } in &processes {
        let has = |field: &str, wanted: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let values: BTreeSet<_> = line.unwrap_or_default().split_whitespace().collect();
            assert_eq!(values, BTreeSet::from([wanted]), "{field} of {command}");
        };
        has("Uid:", USER);
        has("Gid:", USER);
        for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            has(capabilities, "0000000000000000");
        }
        has("NoNewPrivs:", "1");
        // 2: by a filter, that of the runtime.
        has("Seccomp:", "2");
        let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/"));
        let root = root.and_then(|line| line.split(' ').nth(5)).unwrap_or_default();
        assert!(root.split(',').any(|option| option == "ro"), "{command}: the root is {root}");
    }
}

pub async fn its_certificate_comes_from_the_controller(node: &Node) {
    let secrets: Api<Secret> = Api::namespaced(node.client(), SYSTEM_NAMESPACE);
    let authority = secrets.get("pullpass-ca").await.expect("the authority is stored");
    let managers = authority.managed_fields().iter().filter_map(|it| it.manager.as_deref());
    assert!(managers.into_iter().any(|it| it == "pullpass-controller"));
    let trusted = authority.data.as_ref().and_then(|data| data.get("ca.crt"));
    let ByteString(trusted) = trusted.expect("the authority has ca.crt");
    let trusted = STANDARD.encode(trusted);
    for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
        let bundles = "jsonpath={.webhooks[*].clientConfig.caBundle}";
        let bundles = node.kubectl(&["get", kind, "pullpass", "-o", bundles], None).await;
        let bundles = bundles.expect_success();
        let all: BTreeSet<&str> = bundles.split(' ').collect();
        assert_eq!(all, BTreeSet::from([trusted.as_str()]), "{kind}");
    }
}

/// The API server is told a Service, and kube-proxy leads to the Pods.
pub async fn its_webhook_is_called_through_the_service(node: &Node) {
    let arguments = ["get", "mutatingwebhookconfiguration", "pullpass", "-o"];
    let arguments =
        [&arguments[..], &["jsonpath={.webhooks[*].clientConfig.service.name}"]].concat();
    let service = node.kubectl(&arguments, None).await.expect_success();
    assert_eq!(service, "pullpass-webhook");
    node.namespace("granted-service", &[]).await;
    let from = audit::end(&node.plane.audit_log());

    let image = node.private_image("team/service");
    let created = node.pod("granted-service", "app", &image).await;

    assert_eq!(pull_secrets(&created), ["team"]);
    eventually("the audit event of the Pod", SOON, async || {
        let events = audit::since(&node.plane.audit_log(), from);
        let mut events = events.iter().filter(|event| {
            event.verb == "create"
                && event.object_ref.resource == "pods"
                && event.object_ref.namespace == "granted-service"
        });
        events.any(|event| event.configurations_asked() == ["pullpass"])
    })
    .await;
}

/// Of all that the tests before this one had them do nothing was refused, and no probe gave them up.
pub async fn its_rights_were_enough_and_nothing_restarted(node: &Node) {
    for component in ["webhook", "controller"] {
        for pod in node.pods_of(component).await {
            let restarts = pod.status.iter().flat_map(|it| &it.container_statuses).flatten();
            assert!(restarts.into_iter().all(|it| it.restart_count == 0), "{}", pod.name_any());
            let logs = ["logs", "-n", SYSTEM_NAMESPACE, &pod.name_any()];
            let logs = node.kubectl(&logs, None).await.expect_success();
            assert!(logs.contains("\"level\":\"INFO\""), "{}: {logs}", pod.name_any());
            assert!(!logs.to_lowercase().contains("forbidden"), "{}: {logs}", pod.name_any());
        }
    }
    let events = audit::since(&node.plane.audit_log(), 0);
    let refused: Vec<String> = events
        .iter()
        .filter(|event| event.user.username.contains("pullpass-system:pullpass-"))
        .filter(|event| event.response_status.code == 403)
        .map(|event| format!("{} {}", event.verb, event.request_uri))
        .collect();
    assert_eq!(refused, [""; 0]);
}

/// A process of Pullpass's image on the node.
#[derive(Debug)]
struct Process {
    command: String,
    status: String,
    mounts: String,
}

fn processes(node: &Node) -> Vec<Process> {
    // As the node numbers them: other processes of the machine are not among them.
    let proc = format!("/proc/{}/root/proc", node.namespaces.init());
    let all = fs::read_dir(&proc).unwrap_or_else(|error| panic!("{proc}: {error}"));
    all.flatten().filter_map(|entry| process(&entry.path())).collect()
}

fn process(folder: &Path) -> Option<Process> {
    let executable = fs::read_link(folder.join("exe")).ok()?;
    (executable == Path::new("/usr/local/bin/pullpass")).then_some(())?;
    let line = fs::read_to_string(folder.join("cmdline")).ok()?;
    Some(Process {
        command: line.split('\0').nth(1)?.to_owned(),
        status: fs::read_to_string(folder.join("status")).ok()?,
        mounts: fs::read_to_string(folder.join("mountinfo")).ok()?,
    })
}
