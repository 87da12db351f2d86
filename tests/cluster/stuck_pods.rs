//! `pullpass status` tells which Pods cannot pull an image of an entry, and why. There is no node here: what
//! the kubelet reports is written into the status of Pods as it does it.

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::{
    cluster::SYSTEM_NAMESPACE,
    copying::{Copying, docker_config, status_as},
    eventually::eventually,
    managed::SOON,
    namespace::Namespace,
    pods::pod,
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- name: team
  images: ["registry.example.com/team/*"]
  namespaces: {names: ["team-*"]}
  source: {secret: team-source}
"#;
const IMAGE: &str = "registry.example.com/team/app:1";
const WRONG: &str = "unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized";
const NONE: &str = "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials";

/// Two namespaces that have the copy, and one that is not granted it.
async fn begin() -> (Copying, Namespace, Namespace) {
    let copying = Copying::start(CONFIG).await;
    let content = docker_config("registry.example.com", "wrong");
    copying.source("team-source", &content).await;
    let team = copying.cluster.namespace("team").create().await;
    let shop = copying.cluster.namespace("shop").create().await;
    copying.copied(&team.name, "team", &content).await;
    (copying, team, shop)
}

/// A Pod that cannot pull, as the kubelet with containerd reports it.
async fn stuck(namespace: &Namespace, name: &str, secrets: &[&str], words: &str) {
    let pod = secrets.iter().fold(pod(name).image(IMAGE), |pod, secret| pod.secret(secret));
    namespace.create(&pod.build()).await.unwrap();
    let words = format!(
        "Back-off pulling image \"{IMAGE}\": ErrImagePull: failed to pull and unpack image \"{IMAGE}\": failed to resolve reference \"{IMAGE}\": {words}"
    );
    reports(namespace, name, "Pending", "ImagePullBackOff", &words).await;
}

async fn reports(namespace: &Namespace, name: &str, phase: &str, reason: &str, words: &str) {
    let status = json!({
        "phase": phase,
        "containerStatuses": [{
            "name": "main-0", "image": IMAGE, "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": words}},
        }],
    });
    let patch = Patch::Merge(json!({"status": status}));
    let pods = namespace.api::<Pod>();
    pods.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

/// The lines that are about Pods.
fn told(text: &str) -> Vec<&str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("problem: "));
    lines.filter(|line| line.contains("cannot pull")).collect()
}

#[tokio::test]
async fn status_tells_which_pods_cannot_pull_and_why() {
    let (copying, team, shop) = begin().await;
    assert_eq!(copying.status().0, Some(0), "{}", copying.status().1);

    stuck(&team, "web-1", &["team"], WRONG).await;
    stuck(&team, "web-2", &["team"], WRONG).await;
    stuck(&team, "web-3", &[], NONE).await;
    stuck(&shop, "web-4", &[], NONE).await;
    // One that has ended does not pull any more, and one of another image is of no concern.
    stuck(&team, "ended", &[], NONE).await;
    reports(&team, "ended", "Failed", "ErrImagePull", NONE).await;
    shop.create(&pod("other").image("registry.example.com/other:1").build()).await.unwrap();
    reports(&shop, "other", "Pending", "ErrImagePull", NONE).await;

    let (code, text) = copying.status();
    let (team, shop) = (&team.name, &shop.name);
    let at = format!("(container main-0, image {IMAGE})");
    assert_eq!(
        told(&text),
        [
            format!(
                "entry `team`: 1 Pod cannot pull, {shop}/web-4 {at}: namespace not granted: no glob of `names` matches it; the kubelet says: {NONE}"
            ),
            format!(
                "entry `team`: 1 Pod cannot pull, {team}/web-3 {at}: it has no pull secret of this entry: it was created while the webhook did not answer, or before the grant; delete it, or restart its workload; the kubelet says: {NONE}"
            ),
            format!(
                "entry `team`: 2 Pods cannot pull, the first {team}/web-1 {at}: the registry refuses the credential: check the password in {SYSTEM_NAMESPACE}/team-source; the kubelet says: {WRONG}"
            ),
        ]
    );
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("not in order: 0 copies missing or outdated, 3 problems"), "{text}");

    let admin = copying.cluster.control_plane().admin_kubeconfig();
    let (_, json) = status_as(&admin, &["-o", "json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["problems"].as_array().map(Vec::len), Some(3), "{json}");
    let refused = &found["pulls"][2];
    assert_eq!((&refused["cause"], &refused["pods"]), (&json!("credentialRefused"), &json!(2)));
    assert_eq!(refused["first"]["message"], WRONG);
    assert_eq!(found.get("podsNotListed"), None);
}

#[tokio::test]
async fn of_the_copies_alone_the_exit_code_is_not_that_of_an_image() {
    let (copying, team, _) = begin().await;
    let typo = format!("{IMAGE}: not found");
    stuck(&team, "web-1", &["team"], &typo).await;
    let admin = copying.cluster.control_plane().admin_kubeconfig();

    let (code, text) = status_as(&admin, &[]);
    assert!(code == Some(1) && told(&text).len() == 1, "{code:?} {text}");
    let (code, text) = status_as(&admin, &["--copies-only"]);
    let note = "note: whether Pods can pull is not known: left out by `--copies-only`\nall copies are in place\n";
    assert!(code == Some(0) && text.ends_with(note), "{code:?} {text}");
    let (_, json) = status_as(&admin, &["--copies-only", "-o", "json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&found["pulls"], &found["podsNotListed"]),
        (&json!([]), &json!("left out by `--copies-only`"))
    );

    copying.source("team-source", "{}").await;
    let (code, text) = status_as(&admin, &["--copies-only"]);
    assert_eq!(code, Some(1), "{text}");
}

#[tokio::test]
async fn what_the_kubelet_says_cannot_steer_a_terminal() {
    let (copying, team, _) = begin().await;
    stuck(&team, "web-1", &["team"], "\u{1b}[2J\nall copies are in place: 401 Unauthorized").await;

    let (_, text) = copying.status();

    let said = "the kubelet says: \\u{1b}[2J all copies are in place: 401 Unauthorized";
    assert!(told(&text)[0].ends_with(said), "{text:?}");
}

#[tokio::test]
async fn without_the_right_to_list_pods_the_copies_are_told_all_the_same() {
    let (copying, team, _) = begin().await;
    stuck(&team, "web-1", &["team"], WRONG).await;
    let cluster = &copying.cluster;
    cluster.service_account(SYSTEM_NAMESPACE, "onlooker", &[]).await;
    let metadata = json!({"name": "onlooker", "labels": {"app.kubernetes.io/part-of": "pullpass"}});
    let group = "rbac.authorization.k8s.io";
    let resources = ["configmaps", "secrets", "namespaces"];
    let account =
        json!({"kind": "ServiceAccount", "name": "onlooker", "namespace": SYSTEM_NAMESPACE});
    cluster
        .apply(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": resources, "verbs": ["get", "list"]}],
        }))
        .await;
    cluster
        .apply(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "onlooker"},
            "subjects": [account],
        }))
        .await;
    let onlooker = cluster.kubeconfig_for_service_account(SYSTEM_NAMESPACE, "onlooker").await;
    let rights = ["auth", "can-i", "list", "secrets", "--all-namespaces"];
    eventually("the rights", SOON, async || {
        cluster.kubectl_as(&onlooker, &rights, None).await.success
    })
    .await;

    let (code, text) = status_as(&onlooker, &[]);

    let note = "note: whether Pods can pull is not known: failed to list Pods: ";
    assert!(text.contains(note) && text.contains("is forbidden"), "{text}");
    assert!(code == Some(0) && text.ends_with("\nall copies are in place\n"), "{code:?} {text}");
    let (_, json) = status_as(&onlooker, &["-o", "json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    let reason = found["podsNotListed"].as_str().unwrap();
    assert!(reason.starts_with("failed to list Pods: "), "{json}");
}

#[tokio::test]
async fn many_pods_are_looked_at_page_by_page() {
    const PODS: usize = 520;
    let (copying, team, _) = begin().await;
    let (first, last) = ("pod-000".to_owned(), format!("pod-{:03}", PODS - 1));
    stuck(&team, &first, &["team"], WRONG).await;
    stuck(&team, &last, &["team"], WRONG).await;
    let others = (1..PODS - 1).map(|number| pod(&format!("pod-{number:03}")).image(IMAGE).build());
    let made = stream::iter(others).map(async |pod| team.create(&pod).await.map(drop));
    let made: Vec<_> = made.buffer_unordered(16).collect().await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");

    let (_, text) = copying.status();

    let expected = format!("entry `team`: 2 Pods cannot pull, the first {}/pod-000 ", team.name);
    assert!(matches!(told(&text)[..], [line] if line.starts_with(&expected)), "{text}");
    eventually("the pages in the audit log", SOON, async || {
        let pages = copying.cluster.audit_events(|event| {
            event.request_uri.starts_with("/api/v1/pods?")
                && event.request_uri.contains("limit=500")
        });
        let next = pages.iter().filter(|page| page.request_uri.contains("&continue="));
        (pages.len() >= 2 && next.count() >= 1).then_some(()).ok_or(format!("{pages:?}"))
    })
    .await;
}
