//! A table with every kind of source, and the Secrets that it names: good ones, and ones broken in every way.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, PublicKeyData};
use serde_json::{Value, json};
use std::fmt::Write;

use super::issuers::{CLIENT, Issuers, OTHER_ACCOUNT, PROVIDER, SECRET, TENANT, google_key};
use super::search::Canaries;

/// The host of a source whose registry nobody asks.
const HOST: &str = "registry.example.com";

/// The certificate of an application.
pub struct Certificate {
    pem: String,
    key: String,
    thumbprint: String,
    public_key: Vec<u8>,
}

impl Certificate {
    pub fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key is made");
        let parameters = CertificateParams::new(vec![]).expect("there are no names");
        let certificate = parameters.self_signed(&key).expect("the key signs");
        Self {
            pem: certificate.pem(),
            key: key.serialize_pem(),
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.der())),
            public_key: key.der_bytes().to_vec(),
        }
    }

    /// The application has it from now on.
    pub fn upload(&self, issuers: &Issuers) {
        issuers.upload(self.thumbprint.clone(), self.public_key.clone());
    }
}

/// The hosts of real registries, for [`Table`].
pub struct Hosts<'a> {
    /// It takes `user` with [`registry_password`].
    pub good: &'a str,
    /// It repeats what it was sent.
    pub echoing: &'a str,
}

/// Entries, and what they are made from.
#[derive(Default)]
pub struct Table {
    text: String,
    /// The entries that have copies, of other content in each round.
    pub good: Vec<&'static str>,
    /// How many tokens are fetched of good issuers.
    pub tokens: usize,
    /// The entries that have none, or not for long.
    pub broken: Vec<&'static str>,
    /// Secrets of `pullpass-system`.
    pub secrets: Vec<Value>,
}

/// A secret with all that has to be escaped somewhere. Its beginning and its end are the same in all rounds.
pub fn secret(place: &str, round: u32) -> String {
    let mark = STANDARD.encode(digest(&SHA256, place.as_bytes()));
    format!("{}\"{place}\\ä %{round:02}&+~/{}", &mark[..12], &mark[20..32])
}

/// The same of what stands in tokens and keys.
fn token(place: &str, round: u32) -> String {
    let text = secret(place, round);
    text.chars().filter(char::is_ascii_graphic).filter(|c| !"\"\\&%~".contains(*c)).collect()
}

/// The password of the real registry.
pub fn registry_password() -> String {
    token("registry", 0)
}

fn auth(user: &str, password: &str) -> Value {
    json!({"auth": STANDARD.encode(format!("{user}:{password}"))})
}

impl Table {
    /// Every kind of source, in this round.
    pub fn of(round: u32, hosts: &Hosts<'_>, certificate: &Certificate) -> Self {
        let mut table = Self::default();
        table.copied(round);
        table.made(round, hosts);
        table.fetched(round, certificate);
        table.broken_docker_configs(round);
        table.broken_values(round, certificate);
        table
    }

    /// The configuration.
    pub fn text(&self) -> String {
        format!("apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n{}", self.text)
    }

    /// Remembers what stands in its Secrets.
    #[rustfmt::skip]
    pub fn plant(canaries: &mut Canaries, certificate: &Certificate) {
        for place in [
            "secret", "shared", "basic user", "basic", "echoing", "docker", "shape", "text", "auth",
            "no colon", "identity token", "header", "cut", "line break", "control", "google text",
            "google type", "google uri", "google key", "azure text", "azure pem", "aws space", "big", "foreign", "table",
        ] {
            canaries.plant(place, secret(place, 0));
        }
        for place in ["key of auths", "query of auths", "static key", "aws"] {
            canaries.plant(place, token(place, 0));
        }
        canaries.plant("registry", registry_password());
        canaries.plant_key("key of the certificate", &certificate.key);
    }

    fn entry(&mut self, name: &'static str, host: &str, source: &str) {
        writeln!(
            self.text,
            "- {{name: {name}, images: [\"{host}/*\"], namespaces: {{names: [team-*]}}, source: {source}}}"
        )
        .expect("a text grows");
    }

    fn write(&mut self, name: &str, secret_type: &str, values: &Value) {
        self.secrets.push(json!({
            "apiVersion": "v1", "kind": "Secret", "type": secret_type,
            "metadata": {"name": name, "namespace": "pullpass-system"},
            "stringData": values,
        }));
    }

    fn docker(&mut self, name: &'static str, config: &Value) {
        let values = json!({".dockerconfigjson": config.to_string()});
        self.write(name, "kubernetes.io/dockerconfigjson", &values);
    }

    fn good(&mut self, name: &'static str, host: &str, source: &str) {
        self.entry(name, host, source);
        self.good.push(name);
    }

    fn broken(&mut self, name: &'static str, host: &str, source: &str) {
        self.entry(name, host, source);
        self.broken.push(name);
    }

    fn copied(&mut self, round: u32) {
        self.good("secret", HOST, "{secret: secret}");
        self.docker("secret", &json!({"auths": {HOST: auth("user", &secret("secret", round))}}));
        let shared = secret("shared", round);
        let keys = token("key of auths", round);
        // Patterns are made of these keys.
        let auths = json!({
            "shared.example.com": auth("user", &shared),
            format!("https://user:{keys}@user.example.com/p"): auth("user", &shared),
            format!("user:{}@name.example.com", keys.replace(['/', '+'], "")): auth("user", &shared),
            format!("query.example.com/?x={keys}"): auth("user", &shared),
        });
        self.docker(
            "shared",
            &json!({"auths": auths, "HttpHeaders": {"X-Token": secret("header", round)}}),
        );
        let last = self.secrets.last_mut().expect("it was made");
        last["metadata"]["labels"] = json!({"pullpass.io/share": "true"});
        last["metadata"]["annotations"] = json!({"pullpass.io/namespaces": "{names: [team-*]}"});
    }

    fn made(&mut self, round: u32, hosts: &Hosts<'_>) {
        let basic = |host: &str, name: &str| {
            format!(
                "{{basic: {{registry: \"{host}\", username: user, passwordFrom: {{secret: {name}, key: password}}}}}}"
            )
        };
        self.good("basic", HOST, &format!("{{basic: {{registry: {HOST}, usernameFrom: {{secret: basic, key: user}}, passwordFrom: {{secret: basic, key: password}}}}}}"));
        let values =
            json!({"user": secret("basic user", round), "password": secret("basic", round)});
        self.write("basic", "Opaque", &values);
        self.entry("registry", hosts.good, &basic(hosts.good, "registry"));
        self.write("registry", "Opaque", &json!({"password": registry_password()}));
        self.good("echoing", hosts.echoing, &basic(hosts.echoing, "echoing"));
        self.write("echoing", "Opaque", &json!({"password": secret("echoing", round)}));
        self.good("docker", HOST, "{dockerConfig: {secret: docker, key: config}}");
        let docker = secret("docker", round);
        let config = json!({
            "auths": {HOST: auth("user", &docker), "quay.io": {"username": docker, "password": docker}},
            "credHelpers": {format!("u:{docker}@helper.io"): docker},
            "credsStore": docker,
        });
        self.write("docker", "Opaque", &json!({"config": config.to_string()}));
        self.good("static-key", "static.pkg.dev", "{gcp: {registries: [static.pkg.dev], keyFrom: {secret: static-key, key: json}, keyAsPassword: true}}");
        let mut key = google_key(round);
        key["private_key_id"] = token("static key", round).into();
        self.write("static-key", "Opaque", &json!({"json": key.to_string()}));
    }

    fn fetched(&mut self, round: u32, certificate: &Certificate) {
        // A token is kept while what it is fetched with stays the same.
        self.tokens = if round == 1 { 8 } else { 3 };
        self.entry(
            "google",
            "europe-docker.pkg.dev",
            "{gcp: {registries: [europe-docker.pkg.dev], keyFrom: {secret: google, key: json}}}",
        );
        self.write("google", "Opaque", &json!({"json": google_key(round).to_string()}));
        self.entry(
            "google-machine",
            "us-docker.pkg.dev",
            "{gcp: {registries: [us-docker.pkg.dev]}}",
        );
        self.entry(
            "google-federated",
            "asia-docker.pkg.dev",
            &format!(
                "{{gcp: {{registries: [asia-docker.pkg.dev], workloadIdentity: '{PROVIDER}'}}}}"
            ),
        );
        // It is asked for through the proxy, which refuses.
        self.broken("google-other", "gcr.io", &format!("{{gcp: {{registries: [gcr.io], impersonate: {OTHER_ACCOUNT}, keyFrom: {{secret: google, key: json}}}}}}"));
        let azure = |registry: &str, identity: &str| {
            format!(
                "{{acr: {{registries: [{registry}], tenantId: {TENANT}, clientId: {CLIENT}{identity}}}}}"
            )
        };
        let from = |field: &str| format!(", {field}: {{secret: azure, key: {field}}}");
        self.entry(
            "azure-secret",
            "secret.azurecr.io",
            &azure("secret.azurecr.io", &from("clientSecretFrom")),
        );
        self.good(
            "azure-certificate",
            "certificate.azurecr.io",
            &azure("certificate.azurecr.io", &from("clientCertificateFrom")),
        );
        self.entry("azure-workload", "workload.azurecr.io", &azure("workload.azurecr.io", ""));
        let Certificate { pem, key, .. } = certificate;
        // As OpenSSL writes what it is of.
        let pem = format!("Bag Attributes\n    friendlyName: {round}\n{pem}{key}");
        // White space at the end is none of it.
        let client = format!("{SECRET}{}", "\n".repeat(round as usize));
        self.write(
            "azure",
            "Opaque",
            &json!({"clientSecretFrom": client, "clientCertificateFrom": pem}),
        );
        let ecr = |region: &str, identity: &str| {
            format!("{{ecr: {{accounts: ['123456789012'], region: {region}{identity}}}}}")
        };
        let host = |region: &str| format!("123456789012.dkr.ecr.{region}.amazonaws.com");
        self.good("aws", &host("eu-central-1"), &ecr("eu-central-1", ", accessKeyIdFrom: {secret: aws, key: id}, secretAccessKeyFrom: {secret: aws, key: secret}"));
        self.write(
            "aws",
            "Opaque",
            &json!({"id": "AKIAIOSFODNN7EXAMPLE", "secret": token("aws", round)}),
        );
        self.entry("aws-role", &host("eu-west-1"), &ecr("eu-west-1", ""));
    }

    /// The API server takes what is JSON.
    fn broken_docker_configs(&mut self, round: u32) {
        let key = token("key of auths", round);
        let query = token("query of auths", round);
        let of =
            |auth: Value| json!({"auths": {"x.io": auth, format!("https://u:{key}@y.io"): auth}});
        for (name, config) in [
            ("shape", of(json!(secret("shape", round)))),
            ("text", json!({"auths": secret("text", round)})),
            ("auth", of(json!({"auth": secret("auth", round)}))),
            ("no-colon", of(json!({"auth": STANDARD.encode(secret("no colon", round))}))),
            ("identity-token", of(json!({"identitytoken": secret("identity token", round)}))),
            (
                "key-of-auths",
                json!({"auths": {format!("u:{key}@z.io?x={query}#{query}"): {"auth": 7}}}),
            ),
            (
                "header",
                json!({"auths": {}, "HttpHeaders": {secret("header", round): [secret("header", round)]}}),
            ),
        ] {
            self.broken(name, "x.io", &format!("{{secret: {name}}}"));
            self.docker(name, &config);
        }
        let cut = format!("{{\"auths\": {{\"x.io\": {{\"password\": \"{}", secret("cut", round));
        self.broken("cut", "x.io", "{dockerConfig: {secret: cut, key: config}}");
        self.write("cut", "Opaque", &json!({"config": cut}));
    }

    fn broken_values(&mut self, round: u32, Certificate { pem, .. }: &Certificate) {
        let basic = "basic: {registry: x.io, username: user, passwordFrom";
        let google = "gcp: {registries: [x.pkg.dev], keyFrom";
        let azure = format!(
            "acr: {{registries: [x.azurecr.io], tenantId: {TENANT}, clientId: {CLIENT}, clientCertificateFrom"
        );
        let aws = "ecr: {accounts: ['123456789012'], region: eu-north-1, accessKeyIdFrom: {secret: aws, key: id}, secretAccessKeyFrom";
        let of = |place: &str| secret(place, round);
        let mut google_type = google_key(round);
        google_type["type"] = of("google type").into();
        let mut google_uri = google_key(round);
        google_uri["token_uri"] = format!("https://x.example.com/{}", of("google uri")).into();
        let mut no_key = google_key(round);
        no_key["private_key"] = of("google key").into();
        for (name, kind, host, value) in [
            ("line-break", basic, "x.io", format!("two\n{}", of("line break"))),
            ("control", basic, "x.io", format!("{}\u{1}", of("control"))),
            // The API server refuses what is made of it.
            ("big", basic, "x.io", of("big").repeat(25_000)),
            ("google-text", google, "x.pkg.dev", of("google text")),
            ("google-type", google, "x.pkg.dev", google_type.to_string()),
            ("google-uri", google, "x.pkg.dev", google_uri.to_string()),
            ("google-key", google, "x.pkg.dev", no_key.to_string()),
            ("azure-text", &*azure, "x.azurecr.io", of("azure text")),
            (
                "azure-pem",
                &*azure,
                "x.azurecr.io",
                format!(
                    "{pem}-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                    of("azure pem")
                ),
            ),
            ("aws-space", aws, "123456789012.dkr.ecr.eu-north-1.amazonaws.com", of("aws space")),
        ] {
            self.broken(name, host, &format!("{{{kind}: {{secret: {name}, key: value}}}}}}"));
            self.write(name, "Opaque", &json!({"value": value}));
        }
    }
}
