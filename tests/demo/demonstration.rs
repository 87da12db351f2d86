//! The steps, one after another, on a node of their own.

use std::{
    cell::RefCell,
    io::{self, BufRead},
    path::{Path, PathBuf},
    rc::Rc,
    thread,
    time::Instant,
};

use anstream::println;
use anstyle::{Effects, Style};
use axum::http::Request;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, ResourceExt};
use tokio::sync::oneshot;

use crate::{
    containerd::import,
    ending::Progress,
    eventually::eventually,
    installed::{self, SOON, SYSTEM_NAMESPACE},
    machine,
    node::Node,
    shell,
    steps::{Command, IMAGE, NAMESPACES, STEPS, Step, When},
};

const BOLD: Style = Style::new().effects(Effects::BOLD);

/// Shows them all.
pub async fn show(stays: bool, progress: Rc<RefCell<Progress>>) {
    machine::is_able();
    let archive = installed::image();
    let started = Instant::now();
    println!(
        "\nA node is started, with a control plane and a registry: etcd, kube-apiserver, kubelet, containerd ..."
    );
    let node = Node::start().await;
    progress.borrow_mut().traces = traces(&node);
    import(&node.namespaces, &archive);
    node.private_image(IMAGE);
    println!("It is Ready after {} s.", started.elapsed().as_secs());
    for (number, step) in STEPS.iter().enumerate() {
        take(&node, number + 1, step).await;
    }
    println!("\nAll was as it should be. It took {} s.", started.elapsed().as_secs());
    progress.borrow_mut().is_whole = true;
    if stays {
        println!(
            "The node stays until Enter or Ctrl-C. A shell with kubectl and pullpass, as root in another terminal:\n"
        );
        println!("  {}", look_around(&node));
        enter().await;
    }
}

async fn take(node: &Node, number: usize, step: &Step) {
    println!("\n{BOLD}{number}. {}{BOLD:#}", step.says);
    becomes(node, step.when).await;
    for command in step.commands {
        type_in(node, command).await;
    }
}

/// Runs it, and fails if it does not show what it should.
async fn type_in(node: &Node, Command { line, exits, shows }: &Command) {
    println!("\n{BOLD}$ {line}{BOLD:#}");
    let said = shell::run(node, line, |line| println!("{line}")).await;
    let code = said.status.code();
    assert!(code == Some(*exits), "`{line}` ended with {}, and should with {exits}", said.status);
    for words in *shows {
        let is_shown = said.text.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(is_shown, "`{line}` shows no line with {words:?}");
    }
}

/// Waits for what takes no longer than a person takes to type.
async fn becomes(node: &Node, when: When) {
    match when {
        When::AtOnce => (),
        When::PodsCanBeCreated { tables } => pods_can_be_created(node, tables).await,
        When::RefusalIsTold => {
            let [_, refused] = NAMESPACES;
            let events = ["get", "events", "-n", refused];
            eventually("the Event of the refusal", SOON, async || {
                let events = node.kubectl(&events, None).await.expect_success();
                events.contains("Failed to pull").then_some(()).ok_or(events)
            })
            .await;
        }
    }
}

async fn pods_can_be_created(node: &Node, tables: u32) {
    for namespace in NAMESPACES {
        let accounts: Api<ServiceAccount> = Api::namespaced(node.client(), namespace);
        let what = format!("the ServiceAccount of {namespace}");
        eventually(&what, SOON, async || accounts.get("default").await).await;
    }
    for replica in node.pods_of("webhook").await {
        let name = replica.name_any();
        eventually(&format!("the table to be in force in {name}"), SOON, async || {
            let taken = tables_taken(node, &name).await?;
            (taken >= tables).then_some(()).ok_or(format!("{taken} versions are taken"))
        })
        .await;
    }
}

/// How many versions of the table a replica of the webhook has taken.
async fn tables_taken(node: &Node, replica: &str) -> Result<u32, String> {
    const METRIC: &str = "pullpass_config_loads_total{result=\"applied\"} ";
    let metrics =
        format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{replica}:8080/proxy/metrics");
    let request = Request::get(metrics).body(vec![]).map_err(|error| error.to_string())?;
    let text = node.client().request_text(request).await.map_err(|error| error.to_string())?;
    let value = text.lines().find_map(|line| line.strip_prefix(METRIC));
    value.and_then(|value| value.parse().ok()).ok_or(text)
}

/// What ends with the node: its first process, its cgroup, and the folders of it and of its control plane.
fn traces(node: &Node) -> Vec<PathBuf> {
    let init = format!("/proc/{}", node.namespaces.init());
    let folders = [node.folder(), node.plane.folder().path()].map(Path::to_path_buf);
    [vec![init.into()], node.namespaces.cgroups(), folders.into()].concat()
}

/// A command line that opens a shell in the network of the node.
fn look_around(node: &Node) -> String {
    let init = node.namespaces.init();
    let kubeconfig = node.plane.admin_kubeconfig();
    let cache = node.folder().join("cache");
    let [kubectl, pullpass] = shell::folders();
    format!(
        "nsenter --target {init} --net env KUBECONFIG={} KUBECACHEDIR={} \"PATH={}:{}:$PATH\" bash",
        kubeconfig.display(),
        cache.display(),
        kubectl.display(),
        pullpass.display(),
    )
}

/// Until a person presses Enter. Where there is no keyboard, only a signal ends it.
async fn enter() {
    let (pressed, waits) = oneshot::channel();
    thread::spawn(move || {
        if io::stdin().lock().read_line(&mut String::new()).is_ok_and(|count| count > 0) {
            let _ = pressed.send(());
        }
    });
    match waits.await {
        Ok(()) => (),
        Err(_) => std::future::pending().await,
    }
}
