//! An API server that presents a client certificate, by the files that `docs/security.md` shows.

use std::{fs, path::PathBuf, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::PostParams};
use rcgen::date_time_ymd;
use serde_json::json;

use crate::{
    cluster::Cluster,
    control_plane,
    deployed::{IMAGE, config},
    eventually::eventually,
    forwarder::Forwarder,
    pki::{Authority, Leaf},
    pods::{pod, pull_secrets},
    webhook::WebhookProcess,
};

const SOON: Duration = Duration::from_secs(30);
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md");
const FOLDER: &str = "/etc/kubernetes/pullpass/";
const NAME: &str = "kube-apiserver";
const NO_CERTIFICATE: &str = "no_client_certificate";
const REFUSED: &str = "client_certificate_refused";

/// A way to the webhook on which the API server presents a certificate of its own.
struct Way {
    network: Forwarder,
    client: Leaf,
}

#[tokio::test]
async fn fault_20_only_an_api_server_with_the_right_client_certificate_has_its_pods_injected() {
    let cluster = Cluster::exclusive().await;
    let (clients, strangers) = (Authority::new("clients"), Authority::new("strangers"));
    let folder = cluster.control_plane().folder();
    let ca = folder.write("client-ca.crt", clients.pem());
    let webhook = cluster
        .webhook()
        .config(&config("project"))
        .argument(&format!("--client-ca={}", ca.display()))
        .argument(&format!("--client-name={NAME}"))
        // Each request shakes hands anew, also after an exchange.
        .argument("--connection-max-requests=1")
        .start()
        .await;
    cluster.register("cluster-wide", &webhook).await;
    let namespace = cluster.namespace("team").create().await;
    let far = date_time_ymd(4096, 1, 1);
    let right = way(&webhook, clients.issue_client(NAME, far)).await;
    let wrong = [
        way(&webhook, strangers.issue_client(NAME, far)).await,
        way(&webhook, clients.issue_client("other", far)).await,
        way(&webhook, clients.issue_client(NAME, date_time_ymd(2020, 1, 1))).await,
    ];
    let admission = admission_config(&cluster, wrong.iter().chain([&right]));
    let server = cluster.control_plane().another_api_server("with-certificates", &admission).await;
    let through = control_plane::client(&server.kubeconfig).await.unwrap();
    let injected = async |client: &Client| {
        let stored = create(client, &namespace.name).await;
        pull_secrets(&stored) == ["project"]
    };

    // The ordinary API server presents none. Its Pods are created all the same.
    let before = failures(&webhook, NO_CERTIFICATE).await;
    assert!(!injected(&cluster.client()).await);
    assert!(failures(&webhook, NO_CERTIFICATE).await > before);

    direct(&cluster, &right).await;
    eventually("an injected Pod", SOON, async || injected(&through).await).await;
    // The ordinary one goes the same way, and is refused there too.
    assert!(!injected(&cluster.client()).await);

    for way in &wrong {
        direct(&cluster, way).await;
        let before = failures(&webhook, REFUSED).await;
        eventually("the refusal of the client", SOON, async || {
            let is_injected = injected(&through).await;
            !is_injected && failures(&webhook, REFUSED).await > before
        })
        .await;
        assert!(way.network.accepted() > 0);
    }

    direct(&cluster, &right).await;
    eventually("an injected Pod again", SOON, async || injected(&through).await).await;
    fs::write(&ca, strangers.pem()).unwrap();
    eventually("the clients of the old authority to be refused", SOON, async || {
        !injected(&through).await
    })
    .await;
    direct(&cluster, &wrong[0]).await;
    eventually("the clients of the new one to be served", SOON, async || injected(&through).await)
        .await;

    fs::write(&ca, "no certificate").unwrap();
    let refused = async || webhook.metric("pullpass_client_ca_refused").await == Some(1.0);
    eventually("the broken file to be refused", SOON, refused).await;
    assert!(injected(&through).await);
    assert_eq!(webhook.ready().await.status, 200);
    assert!(webhook.log().contains("--client-ca refused; the last good one stays in force"));
}

#[tokio::test]
async fn before_there_are_authorities_it_is_not_ready_and_says_why() {
    let cluster = Cluster::exclusive().await;
    let ca = cluster.control_plane().folder().path().join("not-there-yet.crt");
    let webhook = cluster
        .webhook()
        .config(&config("project"))
        .argument(&format!("--client-ca={}", ca.display()))
        .spawn();
    eventually("the reason in /readyz", SOON, async || {
        let answer = webhook.admin_if_up("/readyz").await?;
        let is_said = answer.status == 503 && answer.body.contains("client-ca: file ");
        is_said.then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
    fs::write(&ca, Authority::new("clients").pem()).unwrap();
    eventually("to be ready", SOON, async || webhook.ready().await.status == 200).await;
}

async fn way(webhook: &WebhookProcess, client: Leaf) -> Way {
    use crate::endpoint::Endpoint as _;
    Way { network: Forwarder::to(&[webhook.port()]).await, client }
}

/// The files of the documentation, in a folder of this test: the user is named after each way in turn.
fn admission_config<'a>(cluster: &Cluster, ways: impl Iterator<Item = &'a Way>) -> PathBuf {
    let folder = cluster.control_plane().folder();
    let mut shown: serde_json::Value =
        serde_saphyr::from_str(&documented("kubeconfig.yaml")).expect("a kubeconfig");
    let user = &shown["users"][0];
    assert_eq!(user["name"], "pullpass-webhook.pullpass-system.svc");
    let user = user.to_string();
    let users = ways.map(|way| {
        let port = way.network.port();
        let certificate = folder.write(&format!("client-{port}.crt"), &way.client.certificate);
        let key = folder.write(&format!("client-{port}.key"), &way.client.key);
        let user = user
            .replace("pullpass-webhook.pullpass-system.svc", &format!("127.0.0.1:{port}"))
            .replace(&format!("{FOLDER}client.crt"), certificate.to_str().unwrap())
            .replace(&format!("{FOLDER}client.key"), key.to_str().unwrap());
        serde_json::from_str(&user).expect("a user")
    });
    shown["users"] = users.collect::<Vec<serde_json::Value>>().into();
    let kubeconfig = folder.write("kubeconfig.yaml", shown.to_string());
    let admission = documented("admission.yaml")
        .replace(&format!("{FOLDER}kubeconfig.yaml"), kubeconfig.to_str().unwrap());
    folder.write("admission.yaml", admission)
}

/// The file that the documentation shows under this name.
fn documented(name: &str) -> String {
    let docs = fs::read_to_string(DOCS).unwrap();
    let title = format!("   # {FOLDER}{name}\n");
    let (_, text) = docs.split_once(&title).unwrap_or_else(|| panic!("no {name} in {DOCS}"));
    let (text, _) = text.split_once("```").expect("a code block has an end");
    let lines = text.lines().map(|line| line.strip_prefix("   ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Has the API servers call the webhook by this way.
async fn direct(cluster: &Cluster, way: &Way) {
    let url = format!("https://127.0.0.1:{}/mutate", way.network.port());
    let path = "/webhooks/0/clientConfig/url";
    cluster.change_registration(json!([{"op": "replace", "path": path, "value": url}])).await;
}

async fn create(client: &Client, namespace: &str) -> Pod {
    let mut pod = pod("").image(IMAGE).build();
    pod.metadata.name = None;
    pod.metadata.generate_name = Some("pod-".into());
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    pods.create(&PostParams::default(), &pod).await.expect("the Pod is created, injected or not")
}

async fn failures(webhook: &WebhookProcess, reason: &str) -> Option<f64> {
    let sample = format!("pullpass_handshake_failures_total{{reason=\"{reason}\"}}");
    webhook.metric(&sample).await
}
