//! A ServiceAccount that allows only the secrets which it lists.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::{
    cluster::Cluster,
    installed::INJECT,
    pods::{pod, pull_secrets},
};

const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
  - name: project
    images: ["gcr.io/p/*"]
"#;

#[tokio::test]
async fn a_pod_of_an_enforcing_service_account_needs_the_secret_listed_or_the_opt_out() {
    let cluster = Cluster::exclusive().await;
    let _webhook = cluster.installed("cluster-wide", CONFIG).await;
    let namespace = cluster.namespace("team").create().await;
    cluster.service_account(&namespace.name, "strict", &["account"]).await;
    let enforce =
        json!({"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}});
    let accounts = namespace.api::<ServiceAccount>();
    accounts.patch("strict", &PatchParams::default(), &Patch::Merge(enforce)).await.unwrap();
    let private = |name: &str| pod(name).image("gcr.io/p/a").service_account("strict");

    let Err(kube::Error::Api(refusal)) = namespace.create(&private("a").build()).await else {
        panic!("the API server allowed a secret that the ServiceAccount does not list");
    };
    assert_eq!(refusal.code, 403);
    assert!(refusal.message.contains(r#"imagePullSecrets[1].name="project""#), "{refusal:?}");

    let opted_out =
        namespace.create(&private("b").label(INJECT, "disabled").build()).await.unwrap();
    assert_eq!(pull_secrets(&opted_out), ["account"]);

    cluster.service_account(&namespace.name, "strict", &["account", "project"]).await;
    let listed = namespace.create(&private("c").build()).await.unwrap();
    assert_eq!(pull_secrets(&listed), ["account", "project"]);
}
