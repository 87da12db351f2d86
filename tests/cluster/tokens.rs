//! Tokens that the controller fetches of an issuer, here of a metadata server of Google's: they open a real
//! registry, are asked for once, and are renewed in place.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt, api::ListParams};
use pullpass::{
    cluster::ObjectName,
    controller::{CopyOptions, copies, credentials},
    server::Liveness,
    telemetry::{Component, Metrics, credentials::TokenKind},
    tokens::{Endpoint, Endpoints, Reason, Tokens},
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    cluster::{Cluster, SYSTEM_NAMESPACE},
    copying::{Copying, data},
    docker_config::docker_config_of,
    eventually::eventually,
    forwarder::Forwarder,
    issuer::Issuer,
    managed::SOON,
    moto::{ACCOUNT, Moto},
    oci_layout::Content,
    registry::{Auth, Registry},
};

/// As the registry knows whoever has a token.
const USER: &str = "oauth2accesstoken";
const FIRST: &str = "first-token";
const SECOND: &str = "second-token";
const EXPIRY: &str = "pullpass_token_expiry_timestamp_seconds{entry=\"a\"}";

async fn registry() -> Registry {
    let hello = Content { name: "hello", bytes: b"hello from the registry\n", config: json!({}) };
    Registry::start_for(&Auth::User(USER, FIRST), &hello).await
}

/// Two entries that ask in the same way, for other namespaces.
fn table(host: &str) -> String {
    format!(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n\
         - {{name: a, images: [\"{host}/*\"], namespaces: {{names: [team-*]}}, source: &s {{gcp: {{registries: [\"{host}\"]}}}}}}\n\
         - {{name: b, images: [\"{host}/team/*\"], namespaces: {{names: [job-*]}}, source: *s}}\n"
    )
}

/// The Secrets that hold credentials of entries.
async fn made(cluster: &Cluster) -> Vec<Secret> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), SYSTEM_NAMESPACE);
    let of_entries = ListParams::default().labels("pullpass.io/credential=true");
    secrets.list(&of_entries).await.expect("they are listed").items
}

#[tokio::test]
async fn one_token_opens_the_registry_for_all_namespaces_and_a_restart_asks_for_none() {
    let registry = registry().await;
    let issuer = Issuer::start(FIRST).await;
    let cluster = installed(&table(&registry.host())).await;
    let endpoint = format!("--token-endpoint=gcp-metadata={}", issuer.url());
    let start = async |cluster: &Cluster| {
        cluster.copying_controller().await.argument(&endpoint).start().await
    };
    let copying = Copying { controller: start(&cluster).await, cluster };
    let cluster = &copying.cluster;
    let namespaces = [
        cluster.namespace("team").create().await,
        cluster.namespace("team").create().await,
        cluster.namespace("job").create().await,
    ];
    let content = docker_config_of(&registry.host(), USER, FIRST);

    for (namespace, name) in namespaces.iter().zip(["a", "a", "b"]) {
        let copy = copying.copied(&namespace.name, name, &content).await;
        registry.pull(data(&copy)).expect("it opens the registry");
    }

    assert_eq!(issuer.asked(), 1, "one request for two entries and three namespaces");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let expiry = copying.controller.metric(EXPIRY).await.expect("it is exposed");
    assert!((now + 3000.0..now + 3700.0).contains(&expiry), "{expiry} at {now}");
    let before = made(cluster).await;
    assert_eq!(before.len(), 2);

    let Copying { controller, cluster } = copying;
    assert_eq!(controller.terminate().await.code(), Some(0));
    let copying = Copying { controller: start(&cluster).await, cluster };
    // All has been looked at: a namespace that is new has its copy.
    let late = copying.cluster.namespace("job").create().await;
    copying.copied(&late.name, "b", &content).await;
    eventually("the token to be known", SOON, async || copying.controller.metric(EXPIRY).await)
        .await;
    assert_eq!(issuer.asked(), 1, "a restart asks for none");
    let versions = |secrets: &[Secret]| -> BTreeSet<_> {
        secrets.iter().map(|secret| (secret.name_any(), secret.resource_version())).collect()
    };
    assert_eq!(versions(&before), versions(&made(&copying.cluster).await), "and writes nothing");

    // Whatever somebody puts into it.
    let name = before[0].name_any();
    let patch = json!({"metadata": {"name": name, "namespace": SYSTEM_NAMESPACE}, "apiVersion": "v1", "kind": "Secret", "stringData": {".dockerconfigjson": "{\"auths\": {}}"}});
    copying.cluster.apply(&patch).await;
    eventually("the Secret to be put right", SOON, async || {
        let found = copying.secrets(SYSTEM_NAMESPACE).get(&name).await;
        let found = found.map_err(|error| error.to_string())?;
        (data(&found) == content.as_bytes()).then_some(()).ok_or_else(|| copying.controller.log())
    })
    .await;
}

/// What the clock of the controller in a test is ahead of the machine's, in seconds.
static AHEAD: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// One for each test: they may run at the same time.
fn clock<const TEST: usize>() -> SystemTime {
    SystemTime::now() + Duration::from_secs(AHEAD[TEST].load(Ordering::SeqCst))
}

/// The loops of the controller that tokens go through.
async fn controller<const TEST: usize>(
    cluster: &Cluster,
    (issuer, url): (Endpoint, &str),
) -> (JoinHandle<()>, Arc<Metrics>) {
    let client = cluster.controllers_client().await;
    let options = CopyOptions {
        namespace: SYSTEM_NAMESPACE.into(),
        config_map: ObjectName { namespace: SYSTEM_NAMESPACE.into(), name: "pullpass".into() },
        shared_grace: Duration::ZERO,
    };
    let metrics = Arc::new(Metrics::new("0.0.0", Component::Controller));
    let at = url.parse().expect("it is a URL");
    let endpoints: Endpoints = [(issuer, at)].into_iter().collect();
    let tokens = Tokens::new(endpoints, b"").expect("there is no authority to refuse");
    let observed = (Arc::clone(&metrics), Liveness::new());
    let of_copies = (Arc::clone(&metrics), Liveness::new());
    let work = async move {
        let credentials =
            credentials::run(client.clone(), options.clone(), tokens, clock::<TEST>, observed);
        tokio::join!(credentials, copies::run(client, options, of_copies.0, of_copies.1));
    };
    (tokio::spawn(work), metrics)
}

#[tokio::test]
async fn fault_48_a_token_is_renewed_in_place_and_the_last_good_one_outlasts_its_issuer() {
    let registry = registry().await;
    let issuer = Issuer::start(FIRST).await;
    let cluster = installed(&table(&registry.host())).await;
    let team = cluster.namespace("team").create().await;
    let (work, metrics) = controller::<0>(&cluster, (Endpoint::GcpMetadata, &issuer.url())).await;
    let copies: Api<Secret> = Api::namespaced(cluster.client(), &team.name);
    let opens = async |what: &str| {
        eventually(what, SOON, async || {
            let copy = copies.get("a").await.map_err(|error| error.to_string())?;
            registry.pull(data(&copy)).map(|()| copy)
        })
        .await
    };
    let first = opens("a copy that opens the registry").await;

    // Two thirds of the hour are over, and all there is of the first token is refused.
    issuer.gives(SECOND);
    registry.change_password(SECOND);
    registry.refuses(data(&first));
    passes::<0>(&cluster, 45 * 60).await;
    let second = opens("a copy with the next token").await;
    assert_eq!(first.uid(), second.uid(), "in place");
    assert_eq!(issuer.asked(), 2);

    // A day without the issuer.
    issuer.fails();
    passes::<0>(&cluster, 24 * 3600).await;
    let words = ["pullpass-system", "TokenNotFetched", "pullpass", "the entry a, and of 1 more"];
    cluster.told(&[&words[..], &["status 503"]].concat()).await;
    let failed = &metrics.credentials.token_failures;
    assert!(failed.get(TokenKind::Gcp, Reason::Server) > 0);
    let stays = copies.get("a").await.expect("it stays");
    assert_eq!(data(&stays), data(&second));

    // And back.
    issuer.gives(FIRST);
    registry.change_password(FIRST);
    passes::<0>(&cluster, 3600).await;
    let back = opens("a copy with a token of the issuer that is back").await;
    assert_eq!(back.uid(), first.uid());
    work.abort();
}

const ECR: &str = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- name: a\n  images: [123456789012.dkr.ecr.eu-central-1.amazonaws.com/*]\n  namespaces: {names: [team-*]}\n  source: {ecr: {accounts: ['123456789012'], region: eu-central-1, accessKeyIdFrom: {secret: aws, key: id}, secretAccessKeyFrom: {secret: aws, key: secret}}}\n";

#[tokio::test]
async fn a_token_of_ecr_opens_the_registry_under_the_name_of_ecr_and_is_renewed_in_place() {
    let host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    let other_account = "210987654321";
    // As moto makes them.
    let token = |account: &str| format!("{account}-auth-token");
    let hello = Content { name: "hello", bytes: b"hello from the registry\n", config: json!({}) };
    let first_token = token(ACCOUNT);
    let registry = Registry::start_for(&Auth::User("AWS", &first_token), &hello).await;
    let (moto, next) = (Moto::start().await, Moto::of_account(other_account).await);
    let port = |moto: &Moto| moto.url.rsplit_once(':').unwrap().1.parse().unwrap();
    let aws = Forwarder::to(&[port(&moto)]).await;
    let cluster = installed(ECR).await;
    let key = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws", "namespace": SYSTEM_NAMESPACE},
        "stringData": {"id": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"},
    });
    cluster.apply(&key).await;
    let team = cluster.namespace("team").create().await;
    let url = format!("http://127.0.0.1:{}", aws.port());
    let (work, _) = controller::<1>(&cluster, (Endpoint::Ecr, &url)).await;
    let copies: Api<Secret> = Api::namespaced(cluster.client(), &team.name);
    let opens = async |what: &str| {
        eventually(what, SOON, async || {
            let copy = copies.get("a").await.map_err(|error| error.to_string())?;
            registry.pull_as(host, data(&copy)).map(|()| copy)
        })
        .await
    };
    let first = opens("a copy that opens the registry").await;
    // It says that its tokens ended in 2015.
    cluster.told(&["pullpass-system", "TokenExpiryAssumed", "pullpass", "the entry a"]).await;

    aws.direct_to(&[port(&next)]);
    registry.change_password(&token(other_account));
    passes::<1>(&cluster, 45 * 60).await;
    let second = opens("a copy with the next token").await;

    assert_eq!(first.uid(), second.uid(), "in place");
    let refusal = registry.pull_as(host, data(&first)).expect_err("the first one is over");
    assert!(refusal.contains("authentication required"), "{refusal}");
    work.abort();
}

/// Lets so many seconds pass on the clock of a test. It is looked at now and then, and at once whenever something
/// happens.
async fn passes<const TEST: usize>(cluster: &Cluster, seconds: u64) {
    let before = AHEAD[TEST].fetch_add(seconds, Ordering::SeqCst);
    let bell = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bell", "namespace": SYSTEM_NAMESPACE},
        "stringData": {"rung": (before + seconds).to_string()},
    });
    cluster.apply(&bell).await;
}

/// A cluster with this table, in which the controller has its rights.
async fn installed(table: &str) -> Cluster {
    let cluster = Cluster::exclusive().await;
    cluster.apply_default_overlay(1).await;
    cluster.apply_rights_to_copy().await;
    cluster.configure(table).await.expect_success();
    cluster
}
