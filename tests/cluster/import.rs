//! `pullpass import` of a live cluster: what is used where, with the rights that one has, and no write.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::{Namespace as Object, Secret};
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    docker_config::docker_config,
    eventually::eventually,
    installed::SOON,
    kubectl::Output,
    namespace::Namespace,
    pods::pod,
};

const PASSWORD: &str = "canary-0f-the-test";
const GONE: Duration = Duration::from_mins(1);

/// A cluster with duplicates, a Secret that nobody names, one that is absent, one that is broken, and
/// somebody who may look at it.
struct Small {
    cluster: Cluster,
    shop: Namespace,
    billing: Namespace,
}

impl Small {
    async fn make() -> Self {
        let cluster = Cluster::exclusive().await;
        let namespaces: Api<Object> = Api::all(cluster.client());
        eventually("the namespaces of tests before to be gone", GONE, async || {
            let found = namespaces.list_metadata(&ListParams::default()).await;
            let found = found.map_err(|error| error.to_string())?;
            let ends = found.iter().filter(|it| it.metadata.deletion_timestamp.is_some());
            let ends: Vec<_> = ends.map(ResourceExt::name_any).collect();
            ends.is_empty().then_some(()).ok_or_else(|| format!("{ends:?}"))
        })
        .await;
        let shop = cluster.namespace("shop").create().await;
        let billing = cluster.namespace("billing").create().await;
        let small = Self { cluster, shop, billing };
        let content = docker_config("registry.example.com/team", PASSWORD);
        small.secret(&small.shop, "regcred", &content).await;
        small.secret(&small.billing, "pull", &content).await;
        small.secret(&small.billing, "unused", &docker_config("quay.io", PASSWORD)).await;
        let broken = json!({"auths": {"b.io": {"identitytoken": PASSWORD}}}).to_string();
        small.secret(&small.billing, "broken", &broken).await;
        small.cluster.service_account(&small.shop.name, "default", &["regcred", "absent"]).await;
        let pod = pod("web").image("registry.example.com/team/web:1").secret("pull");
        small.billing.create(&pod.build()).await.unwrap();
        small
    }

    async fn secret(&self, namespace: &Namespace, name: &str, content: &str) {
        self.cluster
            .apply(&json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace.name},
                "type": "kubernetes.io/dockerconfigjson",
                "data": {".dockerconfigjson": STANDARD.encode(content)},
            }))
            .await;
    }

    /// The kubeconfig of a ServiceAccount that may list these resources in all namespaces, and its user.
    async fn reader(&self, resources: &[&str]) -> (PathBuf, String) {
        let (namespace, name) = (&self.shop.name, "reader");
        self.cluster.service_account(namespace, name, &[]).await;
        let metadata =
            json!({"name": "import-reader", "labels": {"app.kubernetes.io/part-of": "pullpass"}});
        let group = "rbac.authorization.k8s.io";
        self.cluster
            .apply(&json!({
                "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": metadata,
                "rules": [{"apiGroups": [""], "resources": resources, "verbs": ["list"]}],
            }))
            .await;
        self.cluster
            .apply(&json!({
                "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "import-reader"},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            }))
            .await;
        let kubeconfig = self.cluster.kubeconfig_for_service_account(namespace, name).await;
        for resource in resources {
            let rights = ["auth", "can-i", "list", resource, "--all-namespaces"];
            eventually(&format!("the right to list {resource}"), SOON, async || {
                self.cluster.kubectl_as(&kubeconfig, &rights, None).await.success
            })
            .await;
        }
        (kubeconfig, format!("system:serviceaccount:{namespace}:{name}"))
    }

    /// The places of what `pullpass import cluster` tells that are of this test's namespaces.
    fn own<'v>(&self, list: &'v Value) -> Vec<&'v Value> {
        let names = [&self.shop.name, &self.billing.name];
        let is_own = |it: &&Value| names.iter().any(|name| it.to_string().contains(name.as_str()));
        list.as_array().expect("it is a list").iter().filter(is_own).collect()
    }
}

fn import(kubeconfig: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_pullpass"))
        .arg("import")
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .output()
        .expect("pullpass runs");
    Output {
        stdout: String::from_utf8(output.stdout).expect("it is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("it is UTF-8"),
        success: output.status.success(),
    }
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// What is left out, `WHAT: REASON`.
fn left_out(list: &[&Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter().map(|it| format!("{}: {}", text(&it["what"]), text(&it["reason"]))).collect()
}

#[tokio::test]
async fn what_is_used_where_is_told_and_nothing_is_written() {
    let small = Small::make().await;
    let (kubeconfig, user) = small.reader(&["secrets", "serviceaccounts", "pods"]).await;

    let output = import(&kubeconfig, &["cluster", "-o", "json"]);

    assert!(output.success, "{output:?}");
    let report = json_of(&output);
    let (shop, billing) = (&small.shop.name, &small.billing.name);
    let entries = small.own(&report["registries"]);
    assert_eq!(entries.len(), 1, "{report:#}");
    let names = &entries[0]["namespaces"]["names"];
    assert_eq!(*names, json!([billing, shop]));
    let images = ["registry.example.com/team", "registry.example.com/team/*"];
    assert_eq!(entries[0]["images"], json!(images));
    let taken = small.own(&report["takenOver"])[0];
    assert_eq!(taken["secrets"], json!([format!("{billing}/pull"), format!("{shop}/regcred")]));
    assert_eq!((&taken["serviceAccounts"], &taken["pods"]), (&json!(1), &json!(1)));
    let expected = [
        format!("the Secret {billing}/unused: no ServiceAccount and no Pod names it now"),
        format!("the Secret {billing}/broken: it holds no credential that the kubelet reads"),
        format!("the Secret {shop}/absent: named by ServiceAccount {shop}/default, but"),
    ];
    let found = left_out(&small.own(&report["leftOut"]));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected), "{found}");
    }
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(PASSWORD) && !text.contains(&STANDARD.encode(PASSWORD)), "{text}");
    }
    let asked = eventually("the lists in the audit log", SOON, async || {
        let asked = small.cluster.audit_events(|event| event.user.username == user);
        let of = |event: &crate::audit::Event| event.object_ref.resource.clone();
        let resources: BTreeSet<_> = asked.iter().map(of).collect();
        let all = ["pods", "secrets", "serviceaccounts"];
        all.iter().all(|resource| resources.contains(*resource)).then_some(asked)
    })
    .await;
    let others = |event: &&crate::audit::Event| {
        event.verb != "list" && event.object_ref.resource != "selfsubjectaccessreviews"
    };
    let others: Vec<_> = asked.iter().filter(others).collect();
    assert!(others.is_empty(), "{others:#?}");
    let secrets = asked.iter().filter(|event| event.object_ref.resource == "secrets");
    for list in secrets {
        let uri = &list.request_uri;
        assert!(uri.contains("fieldSelector=type%3D") && uri.contains("limit=100"), "{uri}");
    }
}

#[tokio::test]
async fn what_may_not_be_listed_is_told_and_the_rest_goes_on() {
    let small = Small::make().await;
    let (kubeconfig, _) = small.reader(&["secrets", "serviceaccounts"]).await;

    let output = import(&kubeconfig, &["cluster", "-o", "json"]);

    assert!(output.success, "{output:?}");
    let report = json_of(&output);
    let note = report["notes"][0].as_str().unwrap_or_default();
    assert!(note.starts_with("failed to list Pods: pods is forbidden: "), "{report:#}");
    assert!(note.contains("; the rest was looked at"), "{note}");
    // Without the Pods nobody knows what is unused.
    assert_eq!(small.own(&report["registries"]).len(), 2, "{report:#}");
    let taken = small.own(&report["takenOver"])[0];
    assert_eq!((&taken["serviceAccounts"], &taken["pods"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn without_the_secrets_nothing_is_taken_over() {
    let small = Small::make().await;
    let (kubeconfig, _) = small.reader(&["pods", "serviceaccounts"]).await;

    let output = import(&kubeconfig, &["cluster"]);

    assert!(!output.success && output.stdout.is_empty(), "{output:?}");
    let note = "note: failed to list Secrets: secrets is forbidden: ";
    assert_eq!(output.stderr.matches(note).count(), 1, "{output:?}");
    assert!(!output.stderr.contains("left out"), "{output:?}");
}

#[tokio::test]
async fn what_is_printed_is_refused_and_what_is_written_is_applied() {
    let small = Small::make().await;
    small.cluster.install("cluster-wide").await;
    let admin = small.cluster.control_plane().admin_kubeconfig();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("import");
    let list = ["secrets", "pull", "--namespace", &small.billing.name, "--names", "team-*"];

    let printed = import(&admin, &list);
    assert!(printed.success && !printed.stdout.contains(PASSWORD), "{printed:?}");
    let secrets = printed.stdout.split_once("---\n").expect("a table, and a Secret").1;
    for act in ["apply", "create"] {
        let applied = small.cluster.kubectl(&[act, "-f", "-"], Some(secrets)).await;
        assert!(!applied.success, "{act}: {applied:?}");
        assert!(applied.stderr.contains("illegal base64 data"), "{act}: {applied:?}");
    }

    let written = import(&admin, &[&list[..], &["--out", out.to_str().unwrap()]].concat());
    assert!(written.success, "{written:?}");
    let file = out.join("secrets.yaml");
    let create = ["create", "-f", file.to_str().unwrap()];
    small.cluster.kubectl(&create, None).await.expect_success();
    let secrets: Api<Secret> = Api::namespaced(small.cluster.client(), SYSTEM_NAMESPACE);
    let secret = secrets.get("pull").await.unwrap();
    assert_eq!(
        crate::copying::data(&secret),
        docker_config("registry.example.com/team", PASSWORD).as_bytes()
    );
}

#[tokio::test]
async fn more_than_a_page_is_read_and_labels_pick() {
    const SECRETS: usize = 105;
    let small = Small::make().await;
    let content = docker_config("many.example.com", PASSWORD);
    let secret = |number: usize| {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": format!("many-{number:03}"), "namespace": small.shop.name,
                "labels": {"run.ai/cluster-wide": (number == 7).to_string()},
            },
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": STANDARD.encode(&content)},
        })
    };
    let all: Vec<_> = (0..SECRETS).map(secret).collect();
    let all = json!({"apiVersion": "v1", "kind": "List", "items": all}).to_string();
    small.cluster.kubectl(&["create", "-f", "-"], Some(&all)).await.expect_success();
    let admin = small.cluster.control_plane().admin_kubeconfig();

    let arguments = ["cluster", "--namespace", &small.shop.name, "--unused", "-o", "json"];
    let report = json_of(&import(&admin, &arguments));
    let taken = report["takenOver"].as_array().unwrap();
    let many = taken.iter().find(|it| it["entry"] == "many-example-com").expect("an entry");
    assert_eq!(many["secrets"].as_array().map(Vec::len), Some(SECRETS), "{many:#}");

    let namespace = &small.shop.name;
    let arguments =
        ["labelled", "run.ai/cluster-wide=true", "-n", namespace, "--names", "*", "-o", "json"];
    let report = json_of(&import(&admin, &arguments));
    assert_eq!(report["registries"][0]["name"], "many-007", "{report:#}");
    assert_eq!(report["registries"].as_array().map(Vec::len), Some(1), "{report:#}");
}
