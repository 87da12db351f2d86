//! The webhook's rights are exactly what it uses: each one that is taken away is missed.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    deployed::{USER, broken_config, config, config_by_label},
    endpoint::Endpoint,
    eventually::eventually,
    kept_connection::KeptConnection,
    manifests::Manifests,
    webhook::{NewWebhook, WebhookProcess},
};

const SOON: Duration = Duration::from_secs(30);

/// One verb on one resource, as a rule of the manifests grants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: String,
}

#[tokio::test]
async fn fault_52_all_that_is_granted_is_used_and_nothing_else_is_asked_for() {
    let cluster = Cluster::exclusive().await;
    let webhook = new(&cluster).await.start().await;

    use_everything(&cluster, &webhook).await;

    let granted: BTreeSet<Right> =
        roles(&cluster.render("cluster-wide").await).into_iter().flat_map(rights).collect();
    let calls = cluster.audit_events(|event| event.user.username == USER);
    let refused: Vec<_> = calls.iter().filter(|call| call.response_status.code == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let used = calls.into_iter().map(|call| Right {
        group: call.object_ref.api_group,
        resource: call.object_ref.resource,
        verb: call.verb,
    });
    assert_eq!(used.collect::<BTreeSet<_>>(), granted);
}

#[tokio::test]
async fn fault_52_each_right_taken_away_is_missed() {
    let cluster = Cluster::exclusive().await;
    let manifests = cluster.render("cluster-wide").await;
    for role in roles(&manifests) {
        for right in rights(role) {
            let webhook = new(&cluster).await;
            cluster.apply(&without(role, &right)).await;
            is_granted(&cluster, &right, false).await;

            let webhook = webhook.spawn();
            is_missed(&cluster, &webhook, &right).await;

            cluster.apply(role).await;
            is_granted(&cluster, &right, true).await;
        }
    }
}

#[tokio::test]
async fn fault_52_no_other_secret_and_nothing_beyond_can_be_had() {
    let cluster = Cluster::exclusive().await;
    cluster.install("cluster-wide").await;
    let own = cluster.own_kubeconfig().await;
    let allowed = async |question: &str| {
        let arguments: Vec<&str> =
            ["auth", "can-i"].into_iter().chain(question.split(' ')).collect();
        cluster.kubectl_as(&own, &arguments, None).await.stdout.trim() == "yes"
    };

    for question in [
        "list namespaces",
        "watch secrets/pullpass-tls -n pullpass-system",
        "watch configmaps/pullpass -n pullpass-system",
        "watch configmaps/pullpass-shared -n pullpass-system",
        "watch mutatingwebhookconfigurations/pullpass",
        "list validatingwebhookconfigurations/pullpass",
        "create events.events.k8s.io -n pullpass-system",
    ] {
        assert!(allowed(question).await, "{question}");
    }
    for question in [
        "list secrets -A",
        "get secrets -A",
        "watch secrets -A",
        "list secrets -n pullpass-system",
        "watch secrets -n pullpass-system",
        "get secrets/other -n pullpass-system",
        "get secrets/pullpass-ca -n pullpass-system",
        "list secrets/pullpass-ca -n pullpass-system",
        "watch secrets/pullpass-ca -n pullpass-system",
        "list secrets/other -n pullpass-system",
        "list secrets/pullpass-tls -n default",
        "create secrets -n pullpass-system",
        "update secrets/pullpass-tls -n pullpass-system",
        "patch secrets/pullpass-tls -n pullpass-system",
        "delete secrets/pullpass-tls -n pullpass-system",
        "deletecollection secrets -n pullpass-system",
        "list configmaps -n pullpass-system",
        "get configmaps/other -n pullpass-system",
        "update configmaps/pullpass -n pullpass-system",
        "patch configmaps/pullpass-shared -n pullpass-system",
        "create events.events.k8s.io -n default",
        "list events.events.k8s.io -n pullpass-system",
        "patch namespaces",
        "create namespaces",
        "list pods -A",
        "create pods -n pullpass-system",
        "create serviceaccounts --subresource=token -n pullpass-system",
        "impersonate users",
        "patch mutatingwebhookconfigurations",
        "patch mutatingwebhookconfigurations/pullpass",
        "update validatingwebhookconfigurations/pullpass",
        "list mutatingwebhookconfigurations",
        "watch validatingwebhookconfigurations/other",
        "list mutatingwebhookconfigurations/other",
        "update roles -n pullpass-system",
        "escalate clusterroles",
        "get leases -n pullpass-system",
        "get nodes",
        "get --subresource=proxy nodes",
    ] {
        assert!(!allowed(question).await, "{question}");
    }
    let all = cluster.kubectl_as(&own, &["get", "secrets", "-A"], None).await;
    assert!(!all.success && all.stderr.contains("Forbidden"), "{}", all.stderr);
}

async fn new(cluster: &Cluster) -> NewWebhook {
    let webhook = cluster.deployed().await.argument("--webhook-configuration=pullpass");
    cluster.configure(&config_by_label("paid")).await.expect_success();
    webhook
}

/// Makes the webhook do all that it ever does with the API server.
async fn use_everything(cluster: &Cluster, webhook: &WebhookProcess) {
    assert_eq!(webhook.additions("not-there", 5).await.unwrap(), [""; 0]);
    let leaf = webhook.authority().issue(&["127.0.0.1"]);
    cluster.write_tls_secret(&leaf, webhook.authority()).await;
    eventually("the new certificate", SOON, async || {
        let connection = KeptConnection::open(webhook.port(), webhook.authority()).await?;
        (connection.certificate() == leaf.der()).then_some(()).ok_or("another one".to_string())
    })
    .await;
    refuse_twice(cluster, webhook).await;
    eventually("both refusals in the audit log", SOON, async || {
        let of_events = |verb| {
            let written = cluster.audit_events(|event| {
                event.user.username == USER
                    && event.object_ref.resource == "events"
                    && event.verb == verb
            });
            written.len() == 1
        };
        of_events("create") && of_events("patch")
    })
    .await;
}

/// Has the same broken configuration refused two times.
async fn refuse_twice(cluster: &Cluster, webhook: &WebhookProcess) {
    for good in ["one", "two"] {
        for (yaml, refused) in [(broken_config(), 1.0), (&*config(good), 0.0)] {
            cluster.configure(yaml).await.expect_success();
            eventually("the edit to be seen", SOON, async || {
                webhook.metric("pullpass_config_refused").await == Some(refused)
            })
            .await;
        }
    }
}

/// Waits for what goes wrong without this right.
async fn is_missed(cluster: &Cluster, webhook: &WebhookProcess, right: &Right) {
    let unready = async |reason: &str| {
        eventually(&format!("{right:?} to be missed in /readyz"), SOON, async || {
            let answer = webhook.admin_if_up("/readyz").await?;
            let is_said = answer.status == 503 && answer.body.contains(reason);
            is_said.then_some(()).ok_or(format!("{answer:?}"))
        })
        .await;
    };
    let ready = async || {
        eventually(&format!("to be ready without {right:?}"), SOON, async || {
            let answer = webhook.admin_if_up("/readyz").await?;
            (answer.status == 200).then_some(()).ok_or(format!("{answer:?}"))
        })
        .await;
    };
    let logged = async |words: &str| {
        eventually(&format!("{right:?} to be missed in the log"), SOON, async || {
            let log = webhook.log();
            let mut lines = log.lines();
            lines
                .any(|line| line.contains(words) && line.contains("forbidden"))
                .then_some(())
                .ok_or(log.clone())
        })
        .await;
    };
    match (&*right.resource, &*right.verb) {
        ("namespaces", "list") => {
            logged("the watch of Namespaces failed").await;
            unready("namespaces: failed to list the Namespaces").await;
        }
        ("namespaces", "watch") => {
            ready().await;
            logged("the watch of Namespaces failed").await;
        }
        ("namespaces", "get") => {
            ready().await;
            webhook.additions("not-there", 5).await.unwrap();
            logged("failed to get the Namespace").await;
        }
        ("configmaps", "list") => {
            unready("configuration: ConfigMap pullpass-system/pullpass: ").await;
        }
        ("configmaps", "watch") => logged("the watch of the configuration failed").await,
        (resource, "list") if configuration_kind(resource).is_some() => {
            let kind = configuration_kind(resource).unwrap();
            unready(&format!("certificate: {kind} pullpass: ")).await;
        }
        (resource, "watch") if configuration_kind(resource).is_some() => {
            let kind = configuration_kind(resource).unwrap();
            logged(&format!("the watch of the {kind} failed")).await;
        }
        ("secrets", "list") => unready("certificate: Secret pullpass-system/pullpass-tls: ").await,
        ("secrets", "watch") => logged("the watch of the serving certificate failed").await,
        ("events", _) => {
            ready().await;
            refuse_twice(cluster, webhook).await;
            logged("failed to write an Event on the ConfigMap").await;
        }
        _ => panic!("nothing is known to go wrong without {right:?}: is it needed?"),
    }
}

fn configuration_kind(resource: &str) -> Option<&'static str> {
    match resource {
        "mutatingwebhookconfigurations" => Some("MutatingWebhookConfiguration"),
        "validatingwebhookconfigurations" => Some("ValidatingWebhookConfiguration"),
        _ => None,
    }
}

/// The roles of the webhook.
fn roles(manifests: &Manifests) -> Vec<&Value> {
    let all = ["ClusterRole", "Role"].iter().flat_map(|kind| manifests.of_kind(kind));
    all.filter(|role| role["metadata"]["name"] == "pullpass-webhook").collect()
}

fn rights(role: &Value) -> Vec<Right> {
    let strings = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.filter_map(|item| item.as_str().map(String::from)).collect()
    };
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for verb in strings(&rule["verbs"]) {
                    rights.push(Right { group: group.clone(), resource: resource.clone(), verb });
                }
            }
        }
    }
    rights
}

/// The role, short of this right: each rule becomes one for each of its resources.
fn without(role: &Value, right: &Right) -> Value {
    let mut rules = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for resource in rule["resources"].as_array().into_iter().flatten() {
            let mut rule = rule.clone();
            rule["resources"] = json!([resource]);
            if *resource == *right.resource
                && let Some(verbs) = rule["verbs"].as_array_mut()
            {
                verbs.retain(|verb| *verb != *right.verb);
            }
            rules.push(rule);
        }
    }
    let mut role = role.clone();
    role["rules"] = rules.into();
    role
}

/// Waits until the API server's authorizer has, or has not, this right for the webhook.
async fn is_granted(cluster: &Cluster, right: &Right, wanted: bool) {
    let name = match &*right.resource {
        "configmaps" => Some("pullpass".to_string()),
        resource if configuration_kind(resource).is_some() => Some("pullpass".to_string()),
        "secrets" => Some("pullpass-tls".to_string()),
        _ => None,
    };
    let is_namespaced =
        right.resource != "namespaces" && configuration_kind(&right.resource).is_none();
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(USER.into()),
            resource_attributes: Some(ResourceAttributes {
                group: Some(right.group.clone()),
                resource: Some(right.resource.clone()),
                verb: Some(right.verb.clone()),
                namespace: is_namespaced.then(|| SYSTEM_NAMESPACE.into()),
                name,
                ..Default::default()
            }),
            ..Default::default()
        },
        ..Default::default()
    };
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client());
    eventually(&format!("{right:?} to be granted: {wanted}"), SOON, async || {
        let answer = reviews.create(&PostParams::default(), &review).await;
        answer.is_ok_and(|answer| answer.status.is_some_and(|status| status.allowed == wanted))
    })
    .await;
}
