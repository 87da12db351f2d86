//! The default overlay with two webhooks behind one address, and no controller.

use crate::{
    cluster::Cluster, deployed::config, endpoint::Endpoint, eventually::eventually,
    forwarder::Forwarder, managed::SOON, pod_stream::PodStream, webhook::WebhookProcess,
};

/// Two webhooks whose certificate is yet to come.
pub struct Served {
    service: Forwarder,
    webhooks: [WebhookProcess; 2],
}

impl Cluster {
    /// Applies the default overlay and starts two webhooks.
    pub async fn served(&self) -> Served {
        let service = Forwarder::to(&[]).await;
        self.apply_default_overlay(service.port()).await;
        self.configure(&config("project")).await.expect_success();
        let webhooks = [self.managed_webhook().await.spawn(), self.managed_webhook().await.spawn()];
        service.direct_to(&[webhooks[0].port(), webhooks[1].port()]);
        Served { service, webhooks }
    }
}

impl Served {
    /// Waits until both are ready, and begins with Pods.
    pub async fn pod_stream(&self, cluster: &Cluster) -> PodStream {
        for webhook in &self.webhooks {
            eventually("the webhook to be ready", SOON, async || {
                let answer = webhook.admin_if_up("/readyz").await?;
                (answer.status == 200).then_some(()).ok_or(format!("{answer:?}"))
            })
            .await;
        }
        cluster.pod_stream().await
    }

    /// How many connections the API server opened.
    pub fn connections(&self) -> usize {
        self.service.accepted()
    }
}
