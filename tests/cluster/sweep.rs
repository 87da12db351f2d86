//! Removes what one test left before the next begins.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy,
            ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
        },
        coordination::v1::Lease,
        core::v1::{ConfigMap, Event, Namespace, Secret},
        rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
    },
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde::de::DeserializeOwned;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    in_force,
};

const OURS: &str = "app.kubernetes.io/part-of=pullpass";
const KEPT: [&str; 6] = [
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    SYSTEM_NAMESPACE,
    in_force::CANARY,
];

/// Removes webhook configurations, policies, the rights and the objects of `pullpass-system`, and asks
/// for the end of every namespace that a test made.
pub async fn leftovers(cluster: &Cluster) {
    let every = ListParams::default();
    let ours = ListParams::default().labels(OURS);
    let client = cluster.client();

    in_force::prepare(cluster).await;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let webhooks = remove(&mutating, &every).await + remove(&validating, &every).await;
    remove(&Api::<ValidatingAdmissionPolicyBinding>::all(client.clone()), &every).await;
    remove(&Api::<ValidatingAdmissionPolicy>::all(client.clone()), &every).await;
    if webhooks > 0 {
        in_force::wait_for_no_mutating(cluster).await;
        in_force::wait_for_validating(cluster, false).await;
    }

    remove(&Api::<ClusterRoleBinding>::all(client.clone()), &ours).await;
    remove(&Api::<ClusterRole>::all(client.clone()), &ours).await;
    remove(&system::<RoleBinding>(cluster), &every).await;
    remove(&system::<Role>(cluster), &every).await;
    let not_the_clusters_own = ListParams::default().fields("metadata.name!=kube-root-ca.crt");
    remove(&system::<ConfigMap>(cluster), &not_the_clusters_own).await;
    remove(&system::<Secret>(cluster), &every).await;
    remove(&system::<Event>(cluster), &every).await;
    remove(&system::<Lease>(cluster), &every).await;
    namespaces(cluster).await;
}

fn system<K>(cluster: &Cluster) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(cluster.client(), SYSTEM_NAMESPACE)
}

/// Removes the objects that are listed, and says how many they were.
async fn remove<K>(api: &Api<K>, which: &ListParams) -> usize
where
    K: Resource + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let kind = K::kind(&Default::default()).into_owned();
    let found = api
        .list_metadata(which)
        .await
        .unwrap_or_else(|error| panic!("cannot list {kind}: {error}"))
        .items
        .len();
    if found > 0 {
        api.delete_collection(&DeleteParams::default(), which)
            .await
            .unwrap_or_else(|error| panic!("cannot delete {kind}: {error}"));
    }
    found
}

async fn namespaces(cluster: &Cluster) {
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let found =
        namespaces.list_metadata(&ListParams::default()).await.expect("namespaces are listed");
    for namespace in found {
        let name = namespace.name_any();
        let ending = namespace.metadata.deletion_timestamp.is_some();
        if ending || KEPT.contains(&name.as_str()) {
            continue;
        }
        namespaces
            .delete(&name, &DeleteParams::background())
            .await
            .unwrap_or_else(|error| panic!("cannot delete namespace {name}: {error}"));
    }
}
