//! The two Deployments and what goes with them, so that neither lacks what the other has.

use std::{collections::BTreeMap, process::Command};

use k8s_openapi::api::{
    apps::v1::Deployment, core::v1::Pod, networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    manifests::{GIVEN_CERTIFICATE, Manifests},
};

const COMPONENTS: [&str; 2] = ["webhook", "controller"];

#[tokio::test]
async fn pods_of_both_are_admitted_by_pod_security_restricted() {
    let cluster = Cluster::exclusive().await;
    cluster.install("cluster-wide").await;
    let manifests = cluster.render("cluster-wide").await;
    cluster.apply(manifests.object("PriorityClass", "pullpass-webhook")).await;
    let pods: Api<Pod> = Api::namespaced(cluster.client(), SYSTEM_NAMESPACE);
    let dry_run = PostParams { dry_run: true, ..Default::default() };

    for component in COMPONENTS {
        let mut pod = pod_of(&manifests, component);
        let admitted = pods.create(&dry_run, &pod).await;
        let admitted = admitted.unwrap_or_else(|error| panic!("{component}: {error}"));
        let spec = admitted.spec.unwrap_or_default();
        assert_eq!(spec.priority, Some(1_000_000), "{component}");

        // The check itself works: what is not restricted is refused.
        let spec = pod.spec.as_mut().expect("a Pod has a spec");
        spec.containers[0].security_context = None;
        let refused = pods.create(&dry_run, &pod).await.unwrap_err().to_string();
        assert!(refused.contains("violates PodSecurity \"restricted"), "{refused}");
    }
}

#[tokio::test]
async fn both_are_run_by_their_own_account_and_answer_probes_on_the_admin_port() {
    let cluster = Cluster::exclusive().await;
    let manifests = cluster.render("cluster-wide").await;

    for component in COMPONENTS {
        let deployment: Deployment = named(&manifests, "Deployment", component);
        let deployment = deployment.spec;
        assert_eq!(deployment.replicas, Some(2), "{component}");
        let spec = deployment.template.spec.expect("a Pod has a spec");
        assert_eq!(spec.service_account_name, Some(format!("pullpass-{component}")));
        assert_eq!(spec.automount_service_account_token, Some(true), "{component}");
        assert_eq!(spec.termination_grace_period_seconds, Some(30), "{component}");
        assert_eq!(spec.priority_class_name.as_deref(), Some("pullpass-webhook"), "{component}");

        let [container] = &*spec.containers else { panic!("{component} has one container") };
        assert_eq!(container.name, component);
        let arguments = container.args.clone().unwrap_or_default();
        assert_eq!(arguments.first().map(String::as_str), Some(component));
        assert!(arguments.contains(&"--admin-listen=0.0.0.0:8080".into()), "{arguments:?}");
        let ports = container.ports.iter().flatten();
        let admin = ports.filter(|port| port.name.as_deref() == Some("admin"));
        assert_eq!(admin.map(|port| port.container_port).collect::<Vec<_>>(), [8080]);
        let probes =
            [(&container.liveness_probe, "/livez"), (&container.readiness_probe, "/readyz")];
        for (probe, path) in probes {
            let get = probe.as_ref().and_then(|probe| probe.http_get.as_ref());
            let get = get.unwrap_or_else(|| panic!("{component} has no probe {path}"));
            assert_eq!(get.path.as_deref(), Some(path), "{component}");
            assert_eq!(json!(get.port), json!("admin"), "{component}");
        }
    }
}

#[tokio::test]
async fn both_are_kept_by_a_disruption_budget_and_fenced_by_a_network_policy() {
    let cluster = Cluster::exclusive().await;
    let manifests = cluster.render("cluster-wide").await;

    for (component, ingress) in [("webhook", vec!["https", "admin"]), ("controller", vec!["admin"])]
    {
        let labels = pod_of(&manifests, component).metadata.labels.unwrap_or_default();

        let budget: PodDisruptionBudget = named(&manifests, "PodDisruptionBudget", component);
        let budget = budget.spec.expect("a budget has a spec");
        assert_eq!(json!(budget.min_available), json!(1), "{component}");
        assert_eq!(budget.unhealthy_pod_eviction_policy.as_deref(), Some("AlwaysAllow"));
        let selected = budget.selector.and_then(|selector| selector.match_labels);
        selects_only(&selected.unwrap_or_default(), &labels, component);

        let policy: NetworkPolicy = named(&manifests, "NetworkPolicy", component);
        let policy = policy.spec.expect("a policy has a spec");
        assert_eq!(policy.policy_types, Some(vec!["Ingress".into(), "Egress".into()]));
        let selected = policy.pod_selector.and_then(|selector| selector.match_labels);
        selects_only(&selected.unwrap_or_default(), &labels, component);
        let ports = policy.ingress.iter().flatten().flat_map(|rule| rule.ports.iter().flatten());
        let ports: Vec<_> = ports.map(|port| json!(port.port)).collect();
        assert_eq!(
            ports,
            ingress.iter().map(|name| json!(name)).collect::<Vec<_>>(),
            "{component}"
        );
        let ports = policy.egress.iter().flatten().flat_map(|rule| rule.ports.iter().flatten());
        let ports: Vec<_> = ports.map(|port| json!(port.port)).collect();
        assert_eq!(ports, [443, 6443, 8443, 53, 53].map(|port| json!(port)), "{component}");
    }
}

#[tokio::test]
async fn the_program_knows_every_flag_that_it_is_given() {
    let cluster = Cluster::exclusive().await;
    for overlay in ["cluster-wide", GIVEN_CERTIFICATE] {
        let manifests = cluster.render(overlay).await;
        for component in COMPONENTS {
            let pod = pod_of(&manifests, component).spec.expect("a Pod has a spec");
            let arguments = pod.containers[0].args.clone().unwrap_or_default();
            let help = Command::new(env!("CARGO_BIN_EXE_pullpass"))
                .args([component, "--help"])
                .output()
                .unwrap();
            let help = String::from_utf8(help.stdout).unwrap();
            for argument in &arguments[1..] {
                let flag = argument.split('=').next().unwrap_or_default();
                assert!(help.contains(&format!("{flag} <")), "{component} {argument}: {help}");
            }
        }
    }
}

/// A Pod as the Deployment's controllers make it.
fn pod_of(manifests: &Manifests, component: &str) -> Pod {
    let deployment: Deployment = named(manifests, "Deployment", component);
    let template = deployment.spec.template;
    let metadata = template.metadata.unwrap_or_default();
    let name = Some(format!("pullpass-{component}-1"));
    Pod { metadata: ObjectMeta { name, ..metadata }, spec: template.spec, ..Default::default() }
}

fn named<K: DeserializeOwned>(manifests: &Manifests, kind: &str, component: &str) -> K {
    let object = manifests.object(kind, &format!("pullpass-{component}"));
    serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

/// The selector fits these labels by what sets the component apart.
fn selects_only(
    selector: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
    component: &str,
) {
    for (key, value) in selector {
        assert_eq!(labels.get(key), Some(value), "{component}");
    }
    assert_eq!(selector["app.kubernetes.io/component"], component);
}
