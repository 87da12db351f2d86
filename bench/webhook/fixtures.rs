//! AdmissionReviews as the API server sends them for the Pods of a Deployment, of any size.

use serde_json::{Value, json};

use crate::tables::{Table, namespace};

/// What a review is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Containers, the init container not counted.
    pub containers: usize,
    /// Bytes that it has, where that is more than the containers need.
    pub bytes: usize,
    /// Whether it has all that a Deployment in use has.
    pub is_full: bool,
}

/// A review, and the pull secrets that are due.
#[derive(Debug, Clone)]
pub struct Review {
    pub json: String,
    pub pull_secrets: Vec<String>,
}

impl Shape {
    /// One of so many bytes, with the containers that a Pod of that size has.
    pub fn of_bytes(bytes: usize) -> Self {
        match bytes {
            0..4_096 => Self { containers: 1, bytes, is_full: false },
            _ => Self { containers: 3, bytes, is_full: true },
        }
    }

    /// One of so many containers, each with what containers have.
    pub fn of_containers(containers: usize) -> Self {
        Self { containers, bytes: 0, is_full: true }
    }

    /// The review of this number: others have other images, and are of another namespace.
    pub fn review(self, table: Table, namespaces: usize, number: usize) -> Review {
        let rules = self.rules(table, number);
        let place = number.wrapping_mul(7_919) % namespaces.max(1);
        let mut review = self.bare(table, &rules, place);
        pad(&mut review, self);
        let mut due: Vec<usize> = rules.into_iter().flatten().collect();
        due.retain(|rule| table.grants(*rule, place));
        let mut pull_secrets: Vec<String> = due.into_iter().map(Table::name).collect();
        pull_secrets.sort();
        pull_secrets.dedup();
        Review { json: review.to_string(), pull_secrets }
    }

    /// By which rule each image is matched: two of three by one of five, the others by none.
    fn rules(self, table: Table, number: usize) -> Vec<Option<usize>> {
        let rule =
            |container: usize| (number * 5 + container % 5).wrapping_mul(6_151) % table.rules;
        (0..self.containers).map(|at| (at % 3 != 2).then(|| rule(at))).collect()
    }

    fn bare(self, table: Table, rules: &[Option<usize>], place: usize) -> Value {
        let images = rules.iter().enumerate().map(|(at, rule)| match rule {
            Some(rule) => table.image(*rule, at),
            None => format!("docker.io/library/sidecar-{at}:1.27"),
        });
        let containers: Value =
            images.enumerate().map(|(at, image)| container(at, &image, self.is_full)).collect();
        let namespace = namespace(place);
        let pod = match self.is_full {
            true => full_pod(&containers, &namespace),
            false => json!({
                "metadata": {"generateName": "web-", "namespace": namespace},
                "spec": {"containers": containers},
                "status": {},
            }),
        };
        envelope(pod, &namespace)
    }
}

fn envelope(mut pod: Value, namespace: &str) -> Value {
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "2a1e5f0e-9e2b-4a53-8a35-0d6ee0a4cf6b",
                "groups": ["system:serviceaccounts", "system:authenticated"],
            },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

fn full_pod(containers: &Value, namespace: &str) -> Value {
    json!({
        "metadata": {
            "generateName": "web-6d4cf56db6-",
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "web", "app.kubernetes.io/part-of": "shop", "pod-template-hash": "6d4cf56db6"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "checksum/config": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6d4cf56db6", "uid": "b5a2c8fd-5b1e-4ea2-9ef2-c4f5c2fbd0a5", "controller": true, "blockOwnerDeletion": true}],
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:annotations": {".": {}, "f:checksum/config": {}}, "f:generateName": {}, "f:labels": {".": {}, "f:app.kubernetes.io/name": {}, "f:pod-template-hash": {}}, "f:ownerReferences": {".": {}, "k:{\"uid\":\"b5a2c8fd-5b1e-4ea2-9ef2-c4f5c2fbd0a5\"}": {}}},
                "f:spec": {"f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {}, "f:terminationGracePeriodSeconds": {}},
            }}],
        },
        "spec": {
            "volumes": [
                {"name": "config", "configMap": {"name": "web", "defaultMode": 420}},
                {"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
                ]}},
            ],
            "initContainers": [{"name": "init", "image": "docker.io/library/busybox:1.37", "command": ["sh", "-c", "until nc -z db 5432; do sleep 1; done"], "resources": {}, "imagePullPolicy": "IfNotPresent"}],
            "containers": containers,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "web",
            "securityContext": {"runAsNonRoot": true, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
            "priority": 0,
            "enableServiceLinks": true,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {},
    })
}

fn container(at: usize, image: &str, is_full: bool) -> Value {
    if !is_full {
        return json!({"name": "main", "image": image, "resources": {}});
    }
    json!({
        "name": format!("app-{at}"),
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/web", "readOnly": true},
            {"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
        ],
        "livenessProbe": {"httpGet": {"path": "/livez", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 5, "successThreshold": 1, "failureThreshold": 3},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true},
    })
}

/// Adds variables to the containers in turn, and an annotation of what is left, to the byte.
fn pad(review: &mut Value, shape: Shape) {
    let variable = |number: usize| json!({"name": format!("SERVICE_{number:05}_URL"), "value": format!("http://service-{number:05}.team.svc.cluster.local:8080/api/v1")});
    let each = variable(0).to_string().len() + 1;
    let missing = |review: &Value| shape.bytes.saturating_sub(review.to_string().len());
    let spare = missing(review);
    if shape.is_full {
        let containers = &mut review["request"]["object"]["spec"]["containers"];
        for number in 0..spare.saturating_sub(400) / each {
            let env = &mut containers[number % shape.containers]["env"];
            env.as_array_mut().expect("a container has variables").push(variable(number));
        }
    }
    let name = "example.com/note";
    let annotations = &mut review["request"]["object"]["metadata"];
    annotations["annotations"][name] = "".into();
    let left = missing(review);
    review["request"]["object"]["metadata"]["annotations"][name] = "x".repeat(left).into();
}
