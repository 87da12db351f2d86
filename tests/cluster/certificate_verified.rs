//! The certificate in force is one that the published caBundles verify; readiness says whether it is.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    events::v1::Event,
};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    deployed::{IMAGE, additions, config, review},
    endpoint::Endpoint,
    eventually::eventually,
    kept_connection::KeptConnection,
    pki::{Authority, Leaf},
    pods::{pod, pull_secrets},
    webhook::{NewWebhook, WebhookProcess},
};

const SOON: Duration = Duration::from_secs(30);
const SERVICE: &str = "pullpass-webhook.pullpass-system.svc";
/// The webhooks of the tests are called by URL, so this is what the API server verifies.
const NAMES: [&str; 2] = ["127.0.0.1", SERVICE];
const MUTATING: &str = "MutatingWebhookConfiguration pullpass, webhook inject.pullpass.io: ";
const VALIDATING: &str = "ValidatingWebhookConfiguration pullpass, webhook config.pullpass.io: ";

#[tokio::test]
async fn it_is_ready_once_pods_can_be_reviewed_and_all_is_well_once_every_ca_bundle_verifies() {
    let cluster = Cluster::exclusive().await;
    let webhook = new(&cluster).await.start().await;
    // Nobody calls it yet.
    assert_eq!(verified(&webhook).await, Some(1.0));
    cluster.register("cluster-wide", &webhook).await;
    let stranger = Authority::new("stranger");
    let ours = webhook.authority().pem();

    publish::<MutatingWebhookConfiguration>(&cluster, "").await;
    publish::<ValidatingWebhookConfiguration>(&cluster, "").await;
    not_ready(&webhook, &format!("{MUTATING}its caBundle holds no certificate")).await;
    assert_eq!(verified(&webhook).await, Some(0.0));

    publish::<MutatingWebhookConfiguration>(&cluster, &stranger.pem()).await;
    not_ready(&webhook, &format!("{MUTATING}its caBundle does not verify")).await;

    publish::<MutatingWebhookConfiguration>(&cluster, &ours).await;
    ready(&webhook).await;
    let event = event_on_secret(&cluster, "CertificateNotVerified", VALIDATING).await;
    assert_eq!(verified(&webhook).await, Some(0.0));
    assert!(event.note.unwrap_or_default().starts_with("Calls fail: "));

    publish::<ValidatingWebhookConfiguration>(&cluster, &format!("{}{ours}", stranger.pem())).await;
    eventually("every caBundle to verify it", SOON, async || verified(&webhook).await == Some(1.0))
        .await;
    ready(&webhook).await;
    assert_eq!(verified(&webhook).await, Some(1.0));
    let namespace = cluster.namespace("team").create().await;
    let mut pods = (0..).map(|number| pod(&format!("pod-{number}")).image(IMAGE).build());
    eventually("a Pod with its pull secret", SOON, async || {
        let stored = namespace.create(&pods.next().unwrap()).await.unwrap();
        pull_secrets(&stored) == ["project"]
    })
    .await;
}

#[tokio::test]
async fn fault_25_somebody_elses_certificate_is_not_served_before_the_ca_bundles_verify_it() {
    let cluster = Cluster::exclusive().await;
    let webhook = registered(&cluster).await;
    let mut kept = connect(&webhook, webhook.authority()).await.unwrap();
    let good = kept.certificate();
    let stranger = Authority::new("stranger");
    let theirs = stranger.issue(&NAMES);

    cluster.write_tls_secret(&theirs, &stranger).await;
    let words = "does not verify the certificate: none of the trusted authorities";
    let event = event_on_secret(&cluster, "CertificateNotVerified", words).await;

    let note = event.note.unwrap_or_default();
    assert!(note.starts_with("The last good certificate stays in force: "), "{note}");
    assert!(event.regarding.is_some_and(|object| object.name.as_deref() == Some("pullpass-tls")));
    assert_eq!(refused(&webhook).await, Some(1.0));
    let log = webhook.log();
    let is_logged = log.lines().any(|line| {
        line.contains("the last good one stays in force") && line.contains("none of the trusted")
    });
    assert!(is_logged, "{log}");
    assert_eq!(connect(&webhook, webhook.authority()).await.unwrap().certificate(), good);
    assert_eq!((webhook.ready().await.status, verified(&webhook).await), (200, Some(1.0)));

    // As a rotation does it: old and new are published, and the Secret is not touched again.
    let both = format!("{}{}", webhook.authority().pem(), stranger.pem());
    publish::<MutatingWebhookConfiguration>(&cluster, &both).await;
    publish::<ValidatingWebhookConfiguration>(&cluster, &both).await;
    eventually("the new certificate", SOON, async || {
        Some(connect(&webhook, &stranger).await.ok()?.certificate() == theirs.der()).filter(|y| *y)
    })
    .await;
    assert_eq!((refused(&webhook).await, verified(&webhook).await), (Some(0.0), Some(1.0)));
    let answer = kept.review(&review("default")).await.unwrap();
    assert_eq!(additions(&answer).unwrap(), ["project"]);
    assert_eq!(webhook.ready().await.status, 200);
}

#[tokio::test]
async fn fault_26_a_wiped_ca_bundle_is_told_and_drops_no_connection() {
    let cluster = Cluster::exclusive().await;
    let webhook = registered(&cluster).await;
    let ours = webhook.authority().pem();
    let mut kept = connect(&webhook, webhook.authority()).await.unwrap();
    let served = kept.certificate();

    for _ in 0..2 {
        publish::<MutatingWebhookConfiguration>(&cluster, "").await;
        not_ready(&webhook, &format!("{MUTATING}its caBundle holds no certificate")).await;
        assert_eq!(verified(&webhook).await, Some(0.0));
        let answer = kept.review(&review("default")).await.unwrap();
        assert_eq!(additions(&answer).unwrap(), ["project"]);
        assert_eq!(connect(&webhook, webhook.authority()).await.unwrap().certificate(), served);

        publish::<MutatingWebhookConfiguration>(&cluster, &ours).await;
        ready(&webhook).await;
        let answer = kept.review(&review("default")).await.unwrap();
        assert_eq!(additions(&answer).unwrap(), ["project"]);
    }
    assert_eq!(webhook.log().matches("calls fail: ").count(), 2, "{}", webhook.log());
}

#[tokio::test]
async fn fault_26_nobody_calls_by_a_deleted_configuration() {
    let cluster = Cluster::exclusive().await;
    let webhook = registered(&cluster).await;
    publish::<MutatingWebhookConfiguration>(&cluster, "").await;
    not_ready(&webhook, MUTATING).await;

    let configurations: Api<MutatingWebhookConfiguration> = Api::all(cluster.client());
    configurations.delete("pullpass", &DeleteParams::default()).await.unwrap();
    ready(&webhook).await;

    cluster.register("cluster-wide", &webhook).await;
    ready(&webhook).await;
    publish::<MutatingWebhookConfiguration>(&cluster, "").await;
    not_ready(&webhook, MUTATING).await;
}

#[tokio::test]
async fn fault_25_a_certificate_for_other_names_is_refused_and_nothing_of_a_key_is_told() {
    let cluster = Cluster::exclusive().await;
    let webhook = registered(&cluster).await;
    let good = connect(&webhook, webhook.authority()).await.unwrap().certificate();
    // The API server of the tests connects to 127.0.0.1; that of a cluster to the Service.
    let other = webhook.authority().issue(&["127.0.0.1", "other.example"]);

    cluster.write_tls_secret(&other, webhook.authority()).await;
    let event = event_on_secret(&cluster, "CertificateRefused", "it is not for `").await;

    let note = event.note.clone().unwrap_or_default();
    assert!(note.contains(SERVICE) && note.contains("stays in force"), "{note}");
    assert_eq!(refused(&webhook).await, Some(1.0));
    let unparsable = Leaf { key: other.key.replace("-----END", "-----"), ..other.clone() };
    cluster.write_tls_secret(&unparsable, webhook.authority()).await;
    let broken = event_on_secret(&cluster, "CertificateRefused", "cannot be parsed").await;

    let secret_line = other.key.lines().nth(1).unwrap();
    for told in [format!("{event:?}"), format!("{broken:?}"), webhook.log()] {
        assert!(!told.contains(&secret_line[..16]), "{told}");
    }
    assert_eq!(connect(&webhook, webhook.authority()).await.unwrap().certificate(), good);
    assert_eq!(webhook.ready().await.status, 200);
}

#[tokio::test]
async fn a_certificate_that_expires_in_force_is_not_ready_until_there_is_a_new_one() {
    let cluster = Cluster::exclusive().await;
    let webhook = registered(&cluster).await;
    let end = OffsetDateTime::now_utc() + Duration::from_secs(8);
    let short = webhook.authority().issue_until(&NAMES, end);

    cluster.write_tls_secret(&short, webhook.authority()).await;
    eventually("the short-lived certificate", SOON, async || {
        let presented = connect(&webhook, webhook.authority()).await?.certificate();
        (presented == short.der()).then_some(()).ok_or("another one".to_string())
    })
    .await;
    not_ready(&webhook, "the certificate has expired").await;

    let next = webhook.authority().issue(&NAMES);
    cluster.write_tls_secret(&next, webhook.authority()).await;
    ready(&webhook).await;
}

#[tokio::test]
async fn files_are_checked_in_the_same_way() {
    let cluster = Cluster::exclusive().await;
    cluster.install("cluster-wide").await;
    let own = cluster.own_kubeconfig().await;
    let webhook = checked(cluster.webhook().config(&config("project")).kubeconfig(&own));
    let webhook = webhook.start().await;
    cluster.register("cluster-wide", &webhook).await;
    publish::<MutatingWebhookConfiguration>(&cluster, "").await;
    not_ready(&webhook, &format!("{MUTATING}its caBundle holds no certificate")).await;
    publish::<MutatingWebhookConfiguration>(&cluster, &webhook.authority().pem()).await;
    ready(&webhook).await;
}

/// The webhook as the Deployment has it.
async fn new(cluster: &Cluster) -> NewWebhook {
    let webhook = checked(cluster.deployed().await);
    cluster.configure(&config("project")).await.expect_success();
    webhook
}

fn checked(webhook: NewWebhook) -> NewWebhook {
    webhook
        .argument("--webhook-configuration=pullpass")
        .argument(&format!("--server-name={SERVICE}"))
}

async fn registered(cluster: &Cluster) -> WebhookProcess {
    let webhook = new(cluster).await.start().await;
    cluster.register("cluster-wide", &webhook).await;
    ready(&webhook).await;
    webhook
}

/// Writes the caBundle of every webhook in the configuration of a kind.
async fn publish<K>(cluster: &Cluster, pem: &str)
where
    K: Resource + Clone + std::fmt::Debug + DeserializeOwned,
    K::DynamicType: Default,
    K: Resource<Scope = k8s_openapi::ClusterResourceScope>,
{
    let value = json!(STANDARD.encode(pem));
    let patch: Value = json!([
        {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": value},
    ]);
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    Api::<K>::all(cluster.client())
        .patch("pullpass", &PatchParams::default(), &Patch::Json::<()>(patch))
        .await
        .unwrap();
}

async fn connect(
    webhook: &WebhookProcess,
    authority: &Authority,
) -> Result<KeptConnection, String> {
    KeptConnection::open(webhook.port(), authority).await
}

async fn verified(webhook: &WebhookProcess) -> Option<f64> {
    webhook.metric("pullpass_certificate_verified").await
}

async fn refused(webhook: &WebhookProcess) -> Option<f64> {
    webhook.metric("pullpass_certificate_refused").await
}

async fn ready(webhook: &WebhookProcess) {
    eventually("to be ready", SOON, async || {
        let answer = webhook.ready().await;
        (answer.status == 200).then_some(()).ok_or(answer.body)
    })
    .await;
}

async fn not_ready(webhook: &WebhookProcess, reason: &str) {
    eventually(&format!("not ready: {reason}"), SOON, async || {
        let answer = webhook.ready().await;
        let is_said = answer.status == 503 && answer.body.contains(reason);
        is_said.then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
}

async fn event_on_secret(cluster: &Cluster, reason: &str, words: &str) -> Event {
    let events: Api<Event> = Api::namespaced(cluster.client(), SYSTEM_NAMESPACE);
    eventually(&format!("an Event {reason}: {words}"), SOON, async || {
        let list = events.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let seen = format!("{:?}", list.items);
        let wanted = |event: &Event| {
            event.reason.as_deref() == Some(reason)
                && event.note.as_deref().is_some_and(|note| note.contains(words))
                && event.type_.as_deref() == Some("Warning")
        };
        list.items.into_iter().find(wanted).ok_or(seen)
    })
    .await
}
