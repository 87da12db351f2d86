//! Pods created without pause, while something else happens: each must be stored with its pull secret.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    cluster::Cluster,
    deployed::{IMAGE, config},
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    managed::SOON,
    namespace::Namespace,
    pods::{pod, pull_secrets},
    webhook::WebhookProcess,
};

const CLIENTS: usize = 3;
/// So many failures are told; more of them say nothing more.
const TOLD: usize = 5;

/// The default overlay with two webhooks behind one address. Their certificate is yet to come.
pub struct Served {
    service: Forwarder,
    webhooks: [WebhookProcess; 2],
    namespace: Arc<Namespace>,
}

/// Several clients that create Pods as fast as they are answered.
pub struct PodStream {
    created: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Cluster {
    /// Applies the default overlay and starts two webhooks.
    pub async fn served(&self) -> Served {
        let service = Forwarder::to(&[]).await;
        let namespace = Arc::new(self.namespace("team").create().await);
        self.apply_default_overlay(service.port()).await;
        self.configure(&config("project")).await.expect_success();
        let webhooks = [self.managed_webhook().await.spawn(), self.managed_webhook().await.spawn()];
        service.direct_to(&[webhooks[0].port(), webhooks[1].port()]);
        Served { service, webhooks, namespace }
    }
}

impl Served {
    /// Waits until Pods are injected, has the API server refuse whatever the webhook does not answer
    /// for, and begins with the Pods.
    pub async fn stream(&self, cluster: &Cluster) -> PodStream {
        for webhook in &self.webhooks {
            eventually("the webhook to be ready", SOON, async || {
                let answer = webhook.admin_if_up("/readyz").await?;
                (answer.status == 200).then_some(()).ok_or(format!("{answer:?}"))
            })
            .await;
        }
        fail_closed(cluster).await;
        eventually("a Pod to be injected", SOON, async || injected(&self.namespace, "first").await)
            .await;
        PodStream::of(&self.namespace)
    }

    /// How many connections the API server opened.
    pub fn connections(&self) -> usize {
        self.service.accepted()
    }
}

impl PodStream {
    fn of(namespace: &Arc<Namespace>) -> Self {
        let mut stream = Self {
            created: Arc::default(),
            failures: Arc::default(),
            is_over: Arc::default(),
            clients: vec![],
        };
        for number in 0..CLIENTS {
            let (created, failures) = (Arc::clone(&stream.created), Arc::clone(&stream.failures));
            let (is_over, namespace) = (Arc::clone(&stream.is_over), Arc::clone(namespace));
            stream.clients.push(tokio::spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    match injected(&namespace, &format!("pod-{number}")).await {
                        Ok(()) => drop(created.fetch_add(1, Ordering::SeqCst)),
                        Err(failure) => {
                            let mut failures =
                                failures.lock().unwrap_or_else(PoisonError::into_inner);
                            failures.push(failure);
                        }
                    }
                }
            }));
        }
        stream
    }

    /// Panics if a Pod was refused or had no secret; `moment` says when that was.
    pub fn is_unharmed(&self, moment: &str) {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, created) = (failures.len(), self.created.load(Ordering::SeqCst));
        let told: Vec<_> = failures.iter().take(TOLD).collect();
        assert!(told.is_empty(), "{moment}: {count} failures beside {created} Pods: {told:#?}");
    }

    /// Waits for so many more Pods.
    pub async fn advances(&self, count: usize) {
        let goal = self.created.load(Ordering::SeqCst) + count;
        eventually("more Pods", SOON, async || {
            self.is_unharmed("while more are awaited");
            self.created.load(Ordering::SeqCst) >= goal
        })
        .await;
    }

    /// Ends it, and says how many Pods were created.
    pub async fn end(self) -> usize {
        self.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.expect("a client does not panic");
        }
        let failures =
            std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        assert!(failures.is_empty(), "{failures:#?}");
        self.created.load(Ordering::SeqCst)
    }
}

/// Creates a Pod, as far as storing it.
async fn injected(namespace: &Namespace, name: &str) -> Result<(), String> {
    let pod = pod(name).image(IMAGE).build();
    let stored = namespace.dry_run(&pod).await.map_err(|error| error.to_string())?;
    let secrets = pull_secrets(&stored);
    (secrets == ["project"]).then_some(()).ok_or(format!("{name} has {secrets:?}"))
}

async fn fail_closed(cluster: &Cluster) {
    use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration as Mutating;
    let operations =
        json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]);
    let patch = serde_json::from_value(operations).expect("it is a JSON patch");
    Api::<Mutating>::all(cluster.client())
        .patch("pullpass", &PatchParams::default(), &Patch::Json::<()>(patch))
        .await
        .expect("the configuration can be changed");
}
