//! What controllers wrote, who of them it was, and the rights by which they may.

use std::fmt::Debug;

use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    rbac::v1::{ClusterRole, PolicyRule, Role},
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    audit::{self, Event},
    cluster::{Cluster, SYSTEM_NAMESPACE},
    eventually::eventually,
    managed::{CONTROLLER, SOON},
};

const CLUSTER_ROLE: &str = "pullpass-controller";
const ROLE: &str = "pullpass-controller-certificates";

/// A write that a rotation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Of the MutatingWebhookConfiguration.
    Mutating,
    /// Of the ValidatingWebhookConfiguration.
    Validating,
    /// Of the authority's Secret.
    Authority,
}

/// The controller's rights, of which a test may take some away.
pub struct Rights<'a> {
    cluster: &'a Cluster,
    of_the_cluster: Vec<PolicyRule>,
    of_secrets: Vec<PolicyRule>,
}

impl Write {
    const ALL: [Self; 3] = [Self::Mutating, Self::Validating, Self::Authority];

    /// The verb, the resource and the name.
    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Mutating => ("patch", "mutatingwebhookconfigurations", "pullpass"),
            Self::Validating => ("patch", "validatingwebhookconfigurations", "pullpass"),
            Self::Authority => ("update", "secrets", "pullpass-ca"),
        }
    }
}

impl<'a> Rights<'a> {
    /// As the overlay that is applied grants them.
    pub async fn of_controller(cluster: &'a Cluster) -> Self {
        let cluster_role = Api::<ClusterRole>::all(cluster.client()).get(CLUSTER_ROLE).await;
        let role = Api::<Role>::namespaced(cluster.client(), SYSTEM_NAMESPACE).get(ROLE).await;
        let of_the_cluster = cluster_role.expect("the overlay is applied").rules;
        Self {
            cluster,
            of_the_cluster: single(of_the_cluster.unwrap_or_default()),
            of_secrets: single(role.expect("the overlay is applied").rules.unwrap_or_default()),
        }
    }

    /// All but these, from now on: it waits until the API server goes by that.
    pub async fn all_but(&self, withheld: &[Write]) {
        let client = self.cluster.client();
        set(&Api::<ClusterRole>::all(client.clone()), CLUSTER_ROLE, &self.of_the_cluster, withheld)
            .await;
        let roles = Api::<Role>::namespaced(client.clone(), SYSTEM_NAMESPACE);
        set(&roles, ROLE, &self.of_secrets, withheld).await;
        for write in Write::ALL {
            let is_wanted = !withheld.contains(&write);
            eventually(&format!("{write:?} to be granted: {is_wanted}"), SOON, async || {
                is_granted(self.cluster, write).await == is_wanted
            })
            .await;
        }
    }
}

impl Cluster {
    /// What the controllers were let write behind a position of the audit log, in order.
    pub fn writes_of_controllers(&self, since: u64) -> Vec<Event> {
        let mut events = audit::since_by(&self.control_plane().audit_log(), since, CONTROLLER);
        events.retain(|event| {
            let is_write = !["get", "list", "watch"].contains(&event.verb.as_str());
            is_write && (200..300).contains(&event.response_status.code)
        });
        events
    }
}

/// One rule a verb, a resource and a name.
fn single(rules: Vec<PolicyRule>) -> Vec<PolicyRule> {
    let mut all = Vec::new();
    for rule in rules {
        for resource in rule.resources.iter().flatten() {
            for verb in &rule.verbs {
                let names: Vec<_> = rule.resource_names.iter().flatten().map(Some).collect();
                for name in if names.is_empty() { vec![None] } else { names } {
                    all.push(PolicyRule {
                        resources: Some(vec![resource.clone()]),
                        verbs: vec![verb.clone()],
                        resource_names: name.map(|name| vec![name.clone()]),
                        ..rule.clone()
                    });
                }
            }
        }
    }
    all
}

async fn set<K>(api: &Api<K>, name: &str, rules: &[PolicyRule], withheld: &[Write])
where
    K: Clone + Debug + DeserializeOwned,
{
    let is_withheld = |rule: &&PolicyRule| {
        withheld.iter().any(|write| {
            let (verb, resource, name) = write.parts();
            let names = rule.resource_names.iter().flatten();
            rule.verbs == [verb]
                && rule.resources.iter().flatten().eq([resource])
                && names.eq([name])
        })
    };
    let rules: Vec<_> = rules.iter().filter(|rule| !is_withheld(rule)).collect();
    api.patch(name, &PatchParams::default(), &Patch::Merge(json!({"rules": rules})))
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
}

async fn is_granted(cluster: &Cluster, write: Write) -> bool {
    let (verb, resource, name) = write.parts();
    let (group, namespace) = match write {
        Write::Authority => ("", Some(SYSTEM_NAMESPACE)),
        Write::Mutating | Write::Validating => ("admissionregistration.k8s.io", None),
    };
    let attributes = ResourceAttributes {
        group: Some(group.into()),
        resource: Some(resource.into()),
        verb: Some(verb.into()),
        name: Some(name.into()),
        namespace: namespace.map(Into::into),
        ..Default::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(CONTROLLER.into()),
        resource_attributes: Some(attributes),
        ..Default::default()
    };
    let review = SubjectAccessReview { spec, ..Default::default() };
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client());
    let answer = reviews.create(&PostParams::default(), &review).await.expect("it is answered");
    answer.status.is_some_and(|status| status.allowed)
}
