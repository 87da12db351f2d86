//! What is left of a node after a test process was killed: nothing.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{eventually::eventually, installed::SOON, node::Node};

/// Set for the process that is to be killed.
pub const VICTIM: &str = "PULLPASS_NODE_TO_BE_KILLED";

/// A second node, of a process of its own.
pub async fn nothing_is_left_of_a_node_whose_test_is_killed(_: &Node) {
    let mut victim = Command::new(env::current_exe().expect("this test is a program"))
        .env(VICTIM, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second test process starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("stdout is piped")).lines();
    let mut line = || PathBuf::from(lines.next().expect("it tells of its node").expect("UTF-8"));
    let (init, folders) = (line(), [line(), line(), line()]);
    let cgroups: Vec<_> =
        std::iter::from_fn(|| Some(line()).filter(|it| it != Path::new(""))).collect();
    let running = fs::read_to_string(init.join("root/proc/loadavg"));
    assert!(running.is_ok() && cgroups.iter().all(|cgroup| cgroup.exists()), "it runs");
    let programs = processes_of(&folders);
    for name in
        ["etcd", "kube-apiserver", "kube-scheduler", "docker-registry", "containerd", "kubelet"]
    {
        assert!(programs.iter().any(|line| line.contains(name)), "{name} runs: {programs:?}");
    }

    victim.kill().expect("it is killed");
    victim.wait().expect("it has ended");

    eventually("all of its node to be gone", SOON, async || {
        let left: Vec<_> = cgroups.iter().chain([&init]).filter(|path| path.exists()).collect();
        let programs = processes_of(&folders);
        let is_gone = left.is_empty() && programs.is_empty();
        is_gone.then_some(()).ok_or_else(|| format!("{left:?} {programs:?}"))
    })
    .await;
}

/// The command lines that name one of these folders.
fn processes_of(folders: &[PathBuf]) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("there are processes").flatten();
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    let names: Vec<_> = folders.iter().map(|folder| folder.to_string_lossy()).collect();
    lines.filter(|line| names.iter().any(|name| line.contains(&**name))).collect()
}

/// What the victim does: it starts a node, tells of it, and waits for its end.
pub async fn be_the_victim() {
    let node = Node::start().await;
    println!("/proc/{}", node.namespaces.init());
    for folder in [node.folder(), node.plane.folder().path(), node.registry.folder()] {
        println!("{}", folder.display());
    }
    for cgroup in node.namespaces.cgroups() {
        println!("{}", cgroup.display());
    }
    println!();
    std::future::pending::<()>().await;
}
