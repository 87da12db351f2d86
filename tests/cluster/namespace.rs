//! Namespaces of the tests.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        batch::v1::CronJob,
        core::v1::{Namespace as Object, Pod, ServiceAccount},
    },
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{cluster::Cluster, eventually::eventually};

const CONTROLLERS: Duration = Duration::from_secs(20);
const DELETION: Duration = Duration::from_mins(1);

/// A namespace to be made.
pub struct NewNamespace<'a> {
    cluster: &'a Cluster,
    name: String,
    labels: BTreeMap<String, String>,
}

/// A namespace that is there. The next test removes it, unless [`Namespace::delete`] did.
pub struct Namespace {
    pub name: String,
    client: Client,
}

impl<'a> NewNamespace<'a> {
    pub(crate) fn new(cluster: &'a Cluster, prefix: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { cluster, name: format!("{prefix}-{number}"), labels: BTreeMap::new() }
    }

    /// With exactly this name. Two tests that want the same one wait for its deletion.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// With these labels.
    pub fn labelled(mut self, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        self.labels.extend(labels);
        self
    }

    /// Makes it and waits until Pods can be made in it: until its ServiceAccount is there.
    pub async fn create(self) -> Namespace {
        let namespace = self.create_at_once().await;
        let accounts: Api<ServiceAccount> = namespace.api();
        eventually("the default ServiceAccount", CONTROLLERS, async || {
            accounts.get("default").await
        })
        .await;
        namespace
    }

    /// Makes it and waits for nothing.
    pub async fn create_at_once(self) -> Namespace {
        let client = self.cluster.client();
        let namespaces: Api<Object> = Api::all(client.clone());
        let object = Object {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(self.labels),
                ..Default::default()
            },
            ..Default::default()
        };
        eventually("the namespace to be made", DELETION, async || {
            namespaces.create(&PostParams::default(), &object).await
        })
        .await;
        Namespace { name: self.name, client }
    }
}

impl Namespace {
    /// The objects of one kind in this namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Creates an object and gives it as the API server stored it.
    pub async fn create<K>(&self, object: &K) -> Result<K, kube::Error>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
        K::DynamicType: Default,
    {
        self.api().create(&PostParams::default(), object).await
    }

    /// The same as a server-side dry run: nothing is stored.
    pub async fn dry_run<K>(&self, object: &K) -> Result<K, kube::Error>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
        K::DynamicType: Default,
    {
        let params = PostParams { dry_run: true, ..Default::default() };
        self.api().create(&params, object).await
    }

    /// Waits for the first Pod that has the labels: `app=web`.
    pub async fn pod_labelled(&self, selector: &str) -> Pod {
        let pods: Api<Pod> = self.api();
        let what = format!("a Pod labelled {selector} in {}", self.name);
        eventually(&what, CONTROLLERS, async || {
            let list = pods.list(&ListParams::default().labels(selector)).await;
            list.map_err(|error| error.to_string())?
                .items
                .into_iter()
                .next()
                .ok_or_else(|| "no such Pod".to_string())
        })
        .await
    }

    /// Makes a CronJob due now: for the controller it last ran long ago.
    pub async fn make_due(&self, cron_job: &str) {
        let last = json!({"status": {"lastScheduleTime": "2020-01-01T00:00:00Z"}});
        self.api::<CronJob>()
            .patch_status(cron_job, &PatchParams::default(), &Patch::Merge(last))
            .await
            .unwrap_or_else(|error| panic!("CronJob {}/{cron_job}: {error}", self.name));
    }

    /// Changes its labels; `None` takes one away.
    pub async fn relabel(&self, labels: &[(&str, Option<&str>)]) {
        let labels: BTreeMap<&str, Option<&str>> = labels.iter().copied().collect();
        let patch = json!({"metadata": {"labels": labels}});
        Api::<Object>::all(self.client.clone())
            .patch(&self.name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap_or_else(|error| panic!("Namespace {}: {error}", self.name));
    }

    /// Deletes it and waits until it is gone.
    pub async fn delete(self) {
        let namespaces: Api<Object> = Api::all(self.client.clone());
        namespaces
            .delete(&self.name, &DeleteParams::default())
            .await
            .unwrap_or_else(|error| panic!("Namespace {}: {error}", self.name));
        let what = format!("the end of namespace {}", self.name);
        eventually(&what, DELETION, async || match namespaces.get_opt(&self.name).await {
            Ok(None) => Ok(()),
            Ok(Some(left)) => Err(format!("still there: {:?}", left.status)),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }
}
