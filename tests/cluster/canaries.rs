//! Fault 51: nothing secret in any log line, Event, metric, object or output. Canaries are planted in every
//! source, issuers repeat what they are sent, and all that was emitted is searched for all of them.

mod issuers;
mod search;
mod table;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    controller::ControllerProcess,
    copying::data,
    endpoint::Endpoint,
    eventually::eventually,
    forwarder::Forwarder,
    managed::SOON,
    namespace::Namespace,
    pods::{pod, pull_secrets},
    registry::Registry,
    upkeep::SHORT_DELAYS,
    webhook::WebhookProcess,
};
use issuers::{Issuers, SERVICE_ACCOUNT_TOKEN, moods};
use search::Canaries;
use table::{Certificate, Hosts, Table, registry_password, secret};

/// A policy that repeats the Secret in its refusal, and in its warnings.
const POLICY: &str = "repeats-secrets";

/// Of the tokens whose Secrets are good, and of those whose never are.
const FAILURES_OF_A_MOOD: f64 = 9.0;

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
    /// Of the processes, for the API server.
    tokens: Vec<String>,
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
        Self {
            cluster,
            service,
            registry,
            certificate,
            issuers,
            teams,
            emitted,
            round: 0,
            tokens: vec![],
        }
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
        let mut issuers = Issuers::start().await;
        issuers.give(self.round + 1);
        self.certificate.upload(&issuers);
        self.issuers.push(issuers);
        let table = self.next_round().await;
        let logs = ["--log-level=trace".to_owned(), format!("--log-format={format}")];
        let mut webhook = self.cluster.managed_webhook().await;
        let own = self.cluster.controllers_kubeconfig().await;
        let mut controller = self.cluster.controller().kubeconfig(&own);
        for name in ["webhook", "controller"] {
            let folder = self.cluster.control_plane().folder().path();
            let kubeconfig = format!("pullpass-system.pullpass-{name}.kubeconfig");
            self.tokens.push(token_of(&folder.join(kubeconfig)));
        }
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

    /// A Pod of all images, and a table that is refused.
    async fn use_it(&mut self, table: &Table) {
        let name = format!("pod-{}", self.round);
        let images = [self.image(), "registry.example.com/a".to_owned(), "x.io/a".to_owned()];
        let pod = images.iter().fold(pod(&name), |pod, image| pod.image(image)).build();
        let stored = self.teams[0].create(&pod).await.expect("the Pod is made");
        let secrets = pull_secrets(&stored);
        assert!(secrets.contains(&"basic".to_owned()), "{secrets:?}");
        let answer = self.cluster.configure(&written_into_the_table()).await;
        assert!(!answer.success, "{answer:?}");
        self.emit("kubectl, of a table that is refused", format!("{answer:?}"));
        let again = self.cluster.configure(&table.text()).await;
        again.expect_success();
    }

    fn image(&self) -> String {
        format!("{}/team/app:1", self.registry.host())
    }

    /// Runs a command, with the variables of the controller, and takes what it writes.
    async fn run(&mut self, when: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pullpass"));
        command.args(arguments).envs(self.environment());
        // It may ask servers of this test.
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("the command runs").expect("pullpass runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.len() > 1, "{arguments:?} says nothing");
        self.emit(format!("{when}: pullpass {}", arguments.join(" ")), said.clone());
        said
    }

    fn kubeconfig(&self) -> String {
        self.cluster.control_plane().admin_kubeconfig().display().to_string()
    }

    /// `pullpass check --credentials`, with images of a registry that is good and of one that repeats.
    async fn try_credentials(&mut self, when: &str, more: &[&str]) -> String {
        let folder = self.cluster.control_plane().folder();
        let config = folder.write("config.yaml", self.table().text()).display().to_string();
        let echoing = self.issuers().registry().to_owned();
        let images = format!("{},{echoing}/team/app:1", self.image());
        let plain = format!("{},{echoing}", self.registry.host());
        let endpoints = self.issuers().endpoints().join(",");
        let kubeconfig = self.kubeconfig();
        let arguments = [
            &["check", "--config", &config, "--credentials", "--image", &images][..],
            &["--plain-http", &plain, "--token-endpoint", &endpoints],
            more,
        ]
        .concat();
        let own = ["--kubeconfig", &*kubeconfig];
        let is_given = more.contains(&"--sources");
        let arguments = if is_given { arguments } else { [&arguments[..], &own].concat() };
        self.run(when, &arguments).await
    }

    /// Every command that reads a Secret.
    async fn commands(&mut self, table: &Table, when: &str) {
        let get = ["-n", "pullpass-system", "get", "secrets", "-o", "json"];
        let secrets = self.cluster.kubectl(&get, None).await.expect_success();
        let folder = tempfile::tempdir().expect("there is room");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("the file is written");
            path.display().to_string()
        };
        let config = write("config.yaml", &table.text());
        let refused = write("refused.yaml", &written_into_the_table());
        let sources = write("secrets.json", &secrets);
        let pod = pod("a").image(&self.image()).image("registry.example.com/a").image("x.io/a");
        let pod = write("pod.json", &json!(pod.build()).to_string());
        let team = self.teams[0].name.clone();
        let kubeconfig = self.kubeconfig();
        let names: Vec<_> =
            table.secrets.iter().map(|secret| &secret["metadata"]["name"]).collect();
        let names: Vec<_> = names.into_iter().filter_map(Value::as_str).collect();
        let names = names.join(",");
        for output in ["text", "json"] {
            let more = ["-o", output];
            for command in [
                &["check", "--config", &*refused][..],
                &["check", "--config", &config, "--sources", &sources],
                &["explain", "--config", &config, "--sources", &sources, "-f", &pod, "-n", &team],
                &["status", "--kubeconfig", &kubeconfig],
                &["import", "cluster", "--kubeconfig", &kubeconfig],
                &[
                    "import",
                    "secrets",
                    &names,
                    "-n",
                    "pullpass-system",
                    "--names",
                    "*",
                    "--kubeconfig",
                    &kubeconfig,
                ],
                &[
                    "import",
                    "secrets",
                    &names,
                    "-n",
                    "pullpass-system",
                    "--names",
                    "*",
                    "-f",
                    &sources,
                ],
                &[
                    "import",
                    "labelled",
                    "pullpass.io/share=true",
                    "-n",
                    "pullpass-system",
                    "--names",
                    "*",
                    "--kubeconfig",
                    &kubeconfig,
                ],
            ] {
                self.run(when, &[command, &more].concat()).await;
            }
            self.try_credentials(when, &["--sources", &sources, "-o", output]).await;
            self.try_credentials(when, &more).await;
            for (number, config) in docker_configs(table).into_iter().enumerate() {
                let file = write(&format!("docker-{number}.json"), &config);
                let import = ["import", "docker-config", &file, "--names", "team-*", "-o", output];
                self.run(when, &import).await;
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

    /// All that must be found nowhere.
    async fn canaries(&self) -> Canaries {
        let mut canaries = Canaries::default();
        Table::plant(&mut canaries, &self.certificate);
        for issuers in &self.issuers {
            issuers.plant(&mut canaries);
        }
        for name in ["pullpass-ca", "pullpass-tls"] {
            let secret = self.cluster.secrets().get(name).await.expect("the controller made it");
            let key = secret.data.as_ref().and_then(|data| data.get("tls.key"));
            let key = String::from_utf8_lossy(&key.expect("it has a key").0).into_owned();
            canaries.plant_key(&format!("the key of {name}"), &key);
        }
        for (number, token) in self.tokens.iter().enumerate() {
            canaries.plant(format!("token of a ServiceAccount {number}"), token);
        }
        canaries
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

/// Those of a table, broken ones too.
fn docker_configs(table: &Table) -> Vec<String> {
    let keys = [".dockerconfigjson", "config"];
    let values = table.secrets.iter().flat_map(|secret| keys.map(|key| &secret["stringData"][key]));
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The token of a kubeconfig.
fn token_of(kubeconfig: &Path) -> String {
    let text = fs::read_to_string(kubeconfig).expect("the kubeconfig is there");
    let value: Value = serde_saphyr::from_str(&text).expect("it is YAML");
    let token = value["users"][0]["user"]["token"].as_str();
    token.expect("it has a token").to_owned()
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

/// A password in the place of where it is.
fn written_into_the_table() -> String {
    format!(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {{name: a, images: [x.io/*], namespaces: {{names: [team-*]}}, source: {{basic: {{registry: x.io, username: user, passwordFrom: {0}, password: {0}}}}}}}\n",
        Value::from(secret("table", 0))
    )
}

/// How many tokens were not fetched, for any reason.
async fn not_fetched(controller: &ControllerProcess) -> f64 {
    let metrics = controller.admin("/metrics").await.body;
    let samples = metrics.lines().filter(|line| line.starts_with("pullpass_token_failures_total{"));
    samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Both ways of writing a log, and all that befalls the sources meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_51_nothing_secret_is_emitted() {
    let mut aviary = Aviary::new().await;
    let mut planted_in = String::new();
    for format in ["json", "text"] {
        let before = aviary.contents().await;
        let processes = aviary.start(format).await;
        let table = aviary.table();
        let log = || processes.controller.log();
        eventually("the tokens of all issuers", SOON, async || {
            let fetched = log().matches("fetched a token").count();
            (fetched >= table.tokens).then_some(()).ok_or(format!("{fetched}: {}", log()))
        })
        .await;
        aviary.copied(&table, &before).await;
        for name in &table.broken {
            eventually(&format!("{name} to be told"), SOON, async || {
                let told = [format!("the entry {name}"), format!("the Secret {name}")];
                told.iter().any(|told| log().contains(told))
            })
            .await;
        }
        for told in ["repeats-secrets' denied request: its words are left out", "exceeded quota"] {
            eventually(told, SOON, async || log().contains(told)).await;
        }
        aviary.use_it(&table).await;
        planted_in.push_str(&aviary.objects().await);
        aviary.commands(&table, "while issuers are good").await;
        assert!(aviary.issuers().registry_was_shown_credentials());
        for (number, mood) in moods().iter().enumerate() {
            aviary.issuers().turn_bad(mood);
            let asked = aviary.issuers().asked();
            let failures = not_fetched(&processes.controller).await;
            aviary.next_round().await;
            eventually(&format!("failures because of {mood:?}"), SOON, async || {
                let now = aviary.issuers().asked();
                let are_all_asked = asked.iter().zip(now).all(|(before, now)| now > *before);
                let failed = not_fetched(&processes.controller).await - failures;
                let are_told = are_all_asked && failed >= FAILURES_OF_A_MOOD;
                are_told.then_some(()).ok_or(format!("{asked:?} {now:?} {failed}"))
            })
            .await;
            if format == "text" {
                aviary.try_credentials(&format!("in mood {number}"), &["-o", "json"]).await;
            }
        }
        aviary.commands(&table, "while issuers are bad").await;
        planted_in.push_str(&aviary.objects().await);
        aviary.ask(&processes).await;
        aviary.end(processes, format).await;
    }
    let log = fs::read_to_string(aviary.cluster.control_plane().audit_log()).expect("it is text");
    // The API server notes the words of the policy there by itself.
    let lines: Vec<_> = log.lines().filter(|line| !line.contains(POLICY)).collect();
    aviary.emit("the audit log", lines.join("\n"));
    planted_in.push_str(aviary.issuers.iter().map(Issuers::traffic).collect::<String>().as_str());
    planted_in.push_str(&written_into_the_table());
    planted_in.push_str(&aviary.tokens.concat());

    let canaries = aviary.canaries().await;
    let search = canaries.search();
    let planted = search.found(planted_in.as_bytes());
    let missed: Vec<_> = canaries.places().filter(|place| !planted.contains_key(place)).collect();
    assert!(missed.is_empty(), "the search does not find where they must be: {missed:#?}");
    let found = aviary.emitted.iter().map(|(by, text)| (by, search.found(text)));
    let found: Vec<_> = found.filter(|(_, found)| !found.is_empty()).collect();
    assert!(found.is_empty(), "{found:#?}");
}
