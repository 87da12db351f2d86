//! Reviews as the API server sends them, of a wanted size.

use serde_json::{Value, json};

/// A review of a new Pod with as many containers, of at least so many bytes: what is added to reach them is what makes
/// Pods large, environment and managed fields.
pub fn review(containers: usize, bytes: usize) -> Vec<u8> {
    let mut variables = 0;
    loop {
        let text = of(containers, variables).to_string();
        if text.len() >= bytes {
            return text.into_bytes();
        }
        variables += 1 + (bytes - text.len()) / 200;
    }
}

fn of(containers: usize, variables: usize) -> Value {
    let env = |of: usize| {
        let count = variables / containers + usize::from(of < variables % containers);
        let variable = |i| json!({"name": format!("VARIABLE_{i}"), "value": format!("https://service-{i}.team.svc.cluster.local/")});
        let from = |i| json!({"name": format!("SECRET_{i}"), "valueFrom": {"secretKeyRef": {"name": "app", "key": format!("k{i}")}}});
        (0..count).map(|i| if i % 4 == 3 { from(i) } else { variable(i) }).collect::<Vec<_>>()
    };
    let container = |i| {
        json!({
            "name": format!("container-{i}"),
            "image": format!("registry-{}.example.com/team/app-{i}:1.{i}", 7 * i + 3),
            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "env": env(i),
            "resources": {"limits": {"memory": "128Mi"}, "requests": {"cpu": "100m"}},
            "volumeMounts": [{"name": "kube-api-access", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
            "terminationMessagePath": "/dev/termination-log",
            "imagePullPolicy": "IfNotPresent",
        })
    };
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "team",
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": ["system:authenticated"]},
            "object": {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {"generateName": "app-", "namespace": "team", "labels": {"app": "app"}},
                "spec": {
                    "containers": (0..containers).map(container).collect::<Vec<_>>(),
                    "volumes": [{"name": "kube-api-access", "projected": {"sources": []}}],
                    "serviceAccountName": "default",
                },
                "status": {},
            },
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}
