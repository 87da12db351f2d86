//! Fault 51: nothing secret in any log line, Event, metric, object or output. Canaries are planted in every
//! source, issuers repeat what they are sent, and all that was emitted is searched for all of them.

mod issuers;
mod search;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use crate::{
    cluster::Cluster, controller::ControllerProcess, copying::data, endpoint::Endpoint,
    eventually::eventually, forwarder::Forwarder, managed::SOON, namespace::Namespace, pods::pod,
    registry::Registry, upkeep::SHORT_DELAYS, webhook::WebhookProcess,
};
use issuers::{Issuers, SERVICE_ACCOUNT_TOKEN, moods};
use search::{Canaries, Search};
use table::{Certificate, Hosts, Table, registry_password, secret};

/// A policy that repeats the Secret in its refusal, and in its warnings.
const POLICY: &str = "repeats-secrets";

/// Pullpass with every kind of source.
struct Aviary {
    cluster: Cluster,
    service: Forwarder,
    registry: Registry,
    certificate: Certificate,
    issuers: Vec<Issuers>,
    /// Its entries are granted to all of them; in the second there is a Secret in the way, the third has a
    /// quota, and writes to the fourth are refused.
    teams: [Namespace; 4],
    /// All that was emitted, and by whom.
    emitted: Vec<(String, Vec<u8>)>,
    round: u32,
}

/// Both processes.
struct Processes {
    webhook: WebhookProcess,
    controller: ControllerProcess,
}

impl Aviary {
    async fn new() -> Self {
        let cluster = Cluster::exclusive().await;
        let service = Forwarder::to(&[]).await;
        cluster.apply_default_overlay(service.port()).await;
        cluster.apply_rights_to_copy().await;
        let mut teams = vec![];
        for _ in 0..4 {
            teams.push(cluster.namespace("team").create().await);
        }
        let teams: [Namespace; 4] = teams.try_into().unwrap_or_else(|_| unreachable!("four"));
        let foreign = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "secret", "namespace": teams[1].name},
            "stringData": {"password": secret("foreign", 0)},
        });
        cluster.apply(&foreign).await;
        let quota = json!({
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "none", "namespace": teams[2].name},
            "spec": {"hard": {"secrets": "0"}},
        });
        cluster.apply(&quota).await;
        for (name, namespace, action) in
            [(POLICY, &teams[3], "Deny"), ("warns-of-secrets", &teams[0], "Warn")]
        {
            repeats_secrets(&cluster, name, &namespace.name, action).await;
        }
        let registry = Registry::start(&registry_password()).await;
        let issuers = vec![];
        let certificate = Certificate::new();
        let emitted = vec![];
        Self { cluster, service, registry, certificate, issuers, teams, emitted, round: 0 }
    }

    fn issuers(&self) -> &Issuers {
        self.issuers.last().expect("they are started")
    }

    fn table(&self) -> Table {
        let registry = self.registry.host();
        let hosts = Hosts { good: &registry, echoing: self.issuers().registry() };
        Table::of(self.round, &hosts, &self.certificate)
    }

    /// Puts this into what is searched.
    fn emit(&mut self, by: impl Into<String>, text: impl Into<Vec<u8>>) {
        self.emitted.push((by.into(), text.into()));
    }

    /// Other values of all Secrets.
    async fn next_round(&mut self) -> Table {
        self.round += 1;
        let table = self.table();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": table.secrets}).to_string();
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        let applied = self.cluster.kubectl(&apply, Some(&list)).await;
        applied.expect_success();
        table
    }

    /// Starts both, with issuers that give tokens.
    async fn start(&mut self, format: &str) -> Processes {
        self.issuers.push(Issuers::start().await);
        self.certificate.upload(self.issuers());
        let table = self.next_round().await;
        self.issuers().give(self.round);
        let logs = ["--log-level=trace".to_owned(), format!("--log-format={format}")];
        let mut webhook = self.cluster.managed_webhook().await;
        let own = self.cluster.controllers_kubeconfig().await;
        let mut controller = self.cluster.controller().kubeconfig(&own);
        for argument in &logs {
            webhook = webhook.argument(argument);
            controller = controller.argument(argument);
        }
        for endpoint in self.issuers().endpoints() {
            controller = controller.argument(&format!("--token-endpoint={endpoint}"));
        }
        for argument in SHORT_DELAYS.iter().chain(&["--certificate-name=127.0.0.1"]) {
            controller = controller.argument(argument);
        }
        for (name, value) in self.environment() {
            controller = controller.environment(name, &value);
        }
        let controller = controller.start().await;
        let webhook = webhook.start().await;
        self.service.direct_to(&[webhook.port()]);
        let answer = self.cluster.configure(&table.text()).await;
        self.emit("kubectl", format!("{answer:?}"));
        answer.expect_success();
        Processes { webhook, controller }
    }

    /// Of the controller, and of whoever tries credentials.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let folder = self.cluster.control_plane().folder();
        let token = folder.write("token-of-the-service-account", SERVICE_ACCOUNT_TOKEN);
        let token = token.display().to_string();
        vec![
            ("AZURE_FEDERATED_TOKEN_FILE", token.clone()),
            ("PULLPASS_GCP_TOKEN_FILE", token.clone()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pull".to_owned()),
            ("HTTPS_PROXY", self.issuers().proxy()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
            ("RUST_BACKTRACE", "full".to_owned()),
            ("RUST_LOG", "trace".to_owned()),
        ]
    }

    fn copies(&self, team: usize) -> Api<Secret> {
        Api::namespaced(self.cluster.client(), &self.teams[team].name)
    }

    /// Waits until the first namespace has other copies than before.
    async fn copied(&self, table: &Table, before: &BTreeMap<String, Vec<u8>>) {
        let copies = self.copies(0);
        for name in &table.good {
            eventually(&format!("the copy {name} of round {}", self.round), SOON, async || {
                let copy = copies.get(name).await.map_err(|error| error.to_string())?;
                let is_other = before.get(*name).is_none_or(|before| before != data(&copy));
                is_other.then_some(()).ok_or("it is as it was".to_owned())
            })
            .await;
        }
    }

    /// The copies of the first namespace.
    async fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let copies = self.copies(0).list(&ListParams::default()).await.expect("they are listed");
        let name = |copy: &Secret| copy.metadata.name.clone().unwrap_or_default();
        copies.items.iter().map(|copy| (name(copy), data(copy).to_vec())).collect()
    }

    /// Whatever can be had of both while they run.
    async fn ask(&mut self, processes: &Processes) {
        for path in ["/metrics", "/readyz", "/livez", "/none"] {
            let answers = [
                ("webhook", processes.webhook.admin(path).await),
                ("controller", processes.controller.admin(path).await),
            ];
            for (by, answer) in answers {
                self.emit(format!("{path} of the {by}"), format!("{answer:?}"));
            }
        }
    }

    /// Ends both, and takes their logs.
    async fn end(&mut self, processes: Processes, format: &str) {
        let Processes { mut webhook, mut controller } = processes;
        assert_eq!(webhook.ends().await.code(), Some(0));
        assert_eq!(controller.ends().await.code(), Some(0));
        for (by, log) in [("webhook", webhook.log()), ("controller", controller.log())] {
            let level = if format == "json" { "\"level\":\"TRACE\"" } else { "TRACE " };
            assert!(log.contains(level), "all that there is to log was logged by the {by}");
            self.emit(format!("the {format} log of the {by}"), log);
        }
    }

    /// Every object of the cluster, without the data of Secrets; and that data.
    async fn objects(&mut self) -> String {
        let kinds = ["api-resources", "--verbs=list", "-o", "name"];
        let kinds = self.cluster.kubectl(&kinds, None).await.expect_success();
        let kinds = kinds.lines().collect::<Vec<_>>().join(",");
        let get = ["get", &kinds, "-A", "-o", "json", "--show-managed-fields"];
        let objects = self.cluster.kubectl(&get, None).await.expect_success();
        let mut objects: Value = serde_json::from_str(&objects).expect("it is JSON");
        let mut all_data = String::new();
        for object in objects["items"].as_array_mut().expect("it is a list") {
            if object["kind"] == "Secret" {
                all_data.push_str(&object["data"].take().to_string());
            }
        }
        self.emit("the objects", objects.to_string());
        all_data
    }
}

/// Refuses Secrets of a namespace, or warns of them, in words that hold all of them.
async fn repeats_secrets(cluster: &Cluster, name: &str, namespace: &str, action: &str) {
    let (version, labels) =
        ("admissionregistration.k8s.io/v1", json!({"app.kubernetes.io/part-of": "pullpass"}));
    let namespace = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}]);
    let message = "string(object.data['.dockerconfigjson'])";
    cluster
        .apply(&json!({
            "apiVersion": version, "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "matchConstraints": {"resourceRules": rules, "namespaceSelector": namespace},
                "validations": [{"expression": "false", "messageExpression": message}],
            },
        }))
        .await;
    cluster
        .apply(&json!({
            "apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name, "labels": labels},
            "spec": {"policyName": name, "validationActions": [action]},
        }))
        .await;
}

/// How many tokens were not fetched, for any reason.
async fn not_fetched(controller: &ControllerProcess) -> f64 {
    let metrics = controller.admin("/metrics").await.body;
    let samples = metrics.lines().filter(|line| line.starts_with("pullpass_token_failures_total{"));
    samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_51_nothing_secret_is_emitted() {
    let mut aviary = Aviary::new().await;
    let mut planted_in = String::new();
    for format in ["json", "text"] {
        let before = aviary.contents().await;
        let processes = aviary.start(format).await;
        let table = aviary.table();
        aviary.copied(&table, &before).await;
        for name in &table.broken {
            eventually(&format!("{name} to be told"), SOON, async || {
                let log = processes.controller.log();
                let told = [format!("the entry {name}"), format!("the Secret {name}")];
                told.iter().any(|told| log.contains(told))
            })
            .await;
        }
        planted_in.push_str(&aviary.objects().await);
        for mood in moods() {
            aviary.issuers().turn_bad(&mood);
            let (asked, failures) =
                (aviary.issuers().asked(), not_fetched(&processes.controller).await);
            aviary.next_round().await;
            eventually(&format!("failures because of {mood:?}"), SOON, async || {
                let now = aviary.issuers().asked();
                let all_asked = asked.iter().zip(now).all(|(before, now)| now > *before);
                let failed = not_fetched(&processes.controller).await - failures;
                (all_asked && failed >= 9.0)
                    .then_some(())
                    .ok_or(format!("{asked:?} {now:?} {failed}"))
            })
            .await;
        }
        aviary.ask(&processes).await;
        aviary.end(processes, format).await;
    }
    let _ = (Command::new("true"), BTreeSet::<u8>::new(), fs::read(""), pod("a"));
    let mut canaries = Canaries::default();
    Table::plant(&mut canaries, &aviary.certificate);
    for issuers in &aviary.issuers {
        issuers.plant(&mut canaries, 1..2);
        planted_in.push_str(&issuers.traffic());
    }
    let search = canaries.search();
    report(&search, &canaries, &aviary, &planted_in);
}

fn report(search: &Search, canaries: &Canaries, aviary: &Aviary, planted_in: &str) {
    let planted = search.found(planted_in.as_bytes());
    let unseen: Vec<_> = canaries.places().filter(|place| !planted.contains_key(place)).collect();
    println!("not seen where it may be: {unseen:#?}");
    for (by, text) in &aviary.emitted {
        println!("{by}: {} bytes", text.len());
        fs::write(format!("/tmp/canary-out/{}", by.replace(['/', ' '], "_")), text).unwrap();
        let found = search.found(text);
        println!("{found:#?}");
    }
    panic!("looked");
}
