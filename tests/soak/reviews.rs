//! Reviews of all sizes, each with the pull secrets that its Pod is due.

use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// A namespace that is labelled `tier: paid`, and one that is not.
pub const PAID: &str = "soak-paid";
pub const FREE: &str = "soak-free";

/// What a table of entries must hold for the expectations here. More may stand beside it.
pub const ENTRIES: &str = "\
- {name: project, images: [\"gcr.io/project/*\"]}
- {name: mirror, images: [\"*.mirror.example/*\"], pullSecrets: [mirror-a, mirror-b]}
- {name: paid, images: [\"paid.example/*\"], namespaces: {selector: {matchLabels: {tier: paid}}}}
- {name: named, images: [\"named.example/*\"], namespaces: {names: [\"soak-p*\"]}}
";
/// Images, and what a Pod gets for each in a namespace.
const IMAGES: [(&str, &[&str], &[&str]); 5] = [
    ("nginx", &[], &[]),
    ("gcr.io/project/app:1", &["project"], &["project"]),
    (
        "eu.mirror.example/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        &["mirror-a", "mirror-b"],
        &["mirror-a", "mirror-b"],
    ),
    ("paid.example/app", &["paid"], &[]),
    ("named.example/app", &["named"], &[]),
];

/// A Pod to be made.
struct Plan {
    images: &'static [usize],
    namespace: &'static str,
    containers: usize,
    bytes: usize,
    existing: &'static [&'static str],
    /// How many of a thousand reviews are of it.
    share: usize,
}

const fn plan(
    images: &'static [usize],
    namespace: &'static str,
    containers: usize,
    bytes: usize,
    share: usize,
) -> Plan {
    Plan { images, namespace, containers, bytes, existing: &[], share }
}

const PLANS: [Plan; 14] = [
    plan(&[0], FREE, 1, 1_000, 150),
    plan(&[1], FREE, 1, 1_200, 150),
    plan(&[1, 3], PAID, 2, 3_000, 150),
    plan(&[1, 3], FREE, 2, 3_000, 100),
    Plan {
        images: &[2],
        namespace: FREE,
        containers: 1,
        bytes: 2_000,
        existing: &["own"],
        share: 60,
    },
    Plan {
        images: &[1],
        namespace: PAID,
        containers: 1,
        bytes: 2_000,
        existing: &["project"],
        share: 60,
    },
    plan(&[4, 3, 2, 1, 0], PAID, 10, 10_000, 100),
    plan(&[4, 3, 2, 1, 0], FREE, 10, 10_000, 90),
    plan(&[0], PAID, 30, 30_000, 60),
    plan(&[0, 2], PAID, 100, 100_000, 50),
    plan(&[3, 0], PAID, 5, 300_000, 20),
    plan(&[1, 4], PAID, 1_000, 400_000, 5),
    plan(&[0, 1], FREE, 3, 1_000_000, 4),
    plan(&[2, 3], PAID, 1_000, 3_000_000, 1),
];

/// A review, as bytes to be sent, and how to tell whether it was answered right.
pub struct Review {
    /// Its size, containers and namespace.
    pub name: String,
    /// The request with its head.
    pub request: Vec<u8>,
    /// Where the head ends.
    pub head: usize,
    /// How many of a thousand are of it.
    pub share: usize,
    uid: String,
    pod: Value,
    secrets: Vec<String>,
    /// An answer that was found to be right: whoever gives the same is right too.
    right: OnceLock<Vec<u8>>,
}

/// All that the clients ask.
pub fn mixed() -> Vec<Review> {
    PLANS.iter().enumerate().map(|(number, plan)| Review::new(number, plan)).collect()
}

/// One that costs the webhook much more than whoever sends it: many images in few bytes.
pub fn costly() -> Review {
    Review::new(100, &plan(&[0, 0, 0, 0, 0, 0, 0, 1], FREE, 27_000, 1_000_000, 1))
}

/// A small one, of a Pod with the image that is paid for; what it gets is up to its namespace.
pub fn paid_in(namespace: &str, is_paid: bool) -> Review {
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": IMAGES[3].0}]}});
    let secrets = if is_paid { vec!["paid".to_owned()] } else { vec![] };
    Review::of("labels", &format!("of-{namespace}"), namespace, pod, secrets)
}

impl Review {
    fn new(number: usize, plan: &Plan) -> Self {
        let is_paid = plan.namespace == PAID;
        let containers = (0..plan.containers).map(|n| {
            let image = IMAGES[plan.images[n % plan.images.len()]].0;
            json!({"name": format!("c{n}"), "image": image})
        });
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": format!("pod-{number}"), "annotations": {}},
            "spec": {"containers": containers.collect::<Vec<_>>()},
        });
        let mut secrets: Vec<String> = plan.existing.iter().map(ToString::to_string).collect();
        if !secrets.is_empty() {
            let existing = secrets.iter().map(|name| json!({"name": name})).collect();
            pod["spec"]["imagePullSecrets"] = Value::Array(existing);
        }
        // The order is that of the entries.
        for (place, (_, paid, free)) in IMAGES.iter().enumerate() {
            let due = if is_paid { paid } else { free };
            for name in due.iter().filter(|_| plan.images.contains(&place)) {
                if !secrets.iter().any(|secret| secret == name) {
                    secrets.push((*name).to_owned());
                }
            }
        }
        fill(&mut pod, plan.containers, plan.bytes);
        let uid = format!("uid-{number}");
        let name =
            format!("{} B, {} containers, in {}", plan.bytes, plan.containers, plan.namespace);
        let mut review = Self::of(&name, &uid, plan.namespace, pod, secrets);
        review.share = plan.share;
        review
    }

    fn of(name: &str, uid: &str, namespace: &str, pod: Value, secrets: Vec<String>) -> Self {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": uid,
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "namespace": namespace,
                "operation": "CREATE",
                "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
                "object": pod,
            },
        });
        let body = review.to_string();
        let mut request = post("/mutate?timeout=5s", body.len()).into_bytes();
        let head = request.len();
        request.extend_from_slice(body.as_bytes());
        Self {
            name: name.to_owned(),
            request,
            head,
            share: 0,
            uid: uid.to_owned(),
            pod,
            secrets,
            right: OnceLock::new(),
        }
    }

    /// Whether this answer allows the Pod and gives it what it is due, and nothing else.
    pub fn check(&self, answer: &[u8]) -> Result<()> {
        if self.right.get().is_some_and(|right| right == answer) {
            return Ok(());
        }
        let told: Value = serde_json::from_slice(answer).context("the answer is not JSON")?;
        let response = &told["response"];
        ensure!(response["uid"] == self.uid.as_str(), "another uid: {}", response["uid"]);
        ensure!(response["allowed"] == true, "not allowed: {response}");
        let mut pod = self.pod.clone();
        if let Some(patch) = response["patch"].as_str() {
            let patch = serde_json::from_slice::<json_patch::Patch>(&STANDARD.decode(patch)?)?;
            json_patch::patch(&mut pod, &patch)?;
        }
        let found: Vec<&str> = pod["spec"]["imagePullSecrets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|secret| secret["name"].as_str())
            .collect();
        ensure!(found == self.secrets, "pull secrets {found:?} in place of {:?}", self.secrets);
        let mut before = self.pod.clone();
        for pod in [&mut pod, &mut before] {
            pod["spec"].as_object_mut().context("there is no spec")?.remove("imagePullSecrets");
        }
        ensure!(pod == before, "the patch changes more than imagePullSecrets");
        let _ = self.right.set(answer.to_vec());
        Ok(())
    }
}

/// The head of a request with a body of so many bytes.
pub fn post(path: &str, bytes: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n"
    )
}

/// Makes the Pod so large, as Pods are: by variables of its containers, and by an annotation.
fn fill(pod: &mut Value, containers: usize, bytes: usize) {
    let missing = bytes.saturating_sub(pod.to_string().len() + 300);
    let of_one = missing / 2 / containers;
    for container in pod["spec"]["containers"].as_array_mut().into_iter().flatten() {
        let variables = (0..of_one / 100).map(|n| {
            json!({"name": format!("VARIABLE_{n}"), "value": format!("{:x>60}", format!("\\\"{n}"))})
        });
        container["env"] = Value::Array(variables.collect());
    }
    let missing = bytes.saturating_sub(pod.to_string().len() + 300);
    pod["metadata"]["annotations"]["filled"] = "x".repeat(missing).into();
}
