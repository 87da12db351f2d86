//! `--sources`: the Secrets of pullpass-system, from manifests.

use super::{input, manifests::Manifests, usage_error};
use crate::{
    cluster::client,
    config::{Config, Entry, SecretKey},
    controller::request::bounded,
    credentials::{Hidden, compose},
    sources::{
        Finding, FindingKind, NAMESPACES_ANNOTATION, SHARE_LABEL, Share, Source, Sources, Wanted,
        findings, made, sharing,
    },
};
use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::ListParams};
use serde_json::Value;
use std::{
    borrow::Cow,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The namespace of the sources.
const HOME: &str = "pullpass-system";

/// `--sources`.
#[derive(Debug, Args)]
pub struct SourcesArgs {
    /// Manifests of the Secrets of pullpass-system: each source is then looked into; `-` reads standard input
    #[arg(long, value_name = "FILE", env = "PULLPASS_SOURCES")]
    sources: Option<PathBuf>,
}

/// A configuration together with the Secrets that its entries copy.
#[derive(Debug)]
pub struct Sourced {
    /// The written entries, and those of Secrets that are shared by label.
    pub config: Arc<Config>,
    /// The Secrets.
    pub sources: Sources,
    /// What is wrong with them.
    pub findings: Vec<Finding>,
    /// What the credentials of entries are made from.
    pub values: Values,
}

impl SourcesArgs {
    /// Whether the manifests come from standard input.
    pub fn is_stdin(&self) -> bool {
        self.sources.as_deref().is_some_and(input::is_stdin)
    }

    /// Refuses a second reader of standard input: the flag of the first, and whether it reads it.
    pub fn refuse_stdin_twice(&self, subcommand: &str, others: &[(&str, bool)]) -> Result<()> {
        let other = others.iter().find(|(_, is_stdin)| *is_stdin && self.is_stdin());
        match other {
            Some((flag, _)) => Err(usage_error(
                subcommand,
                &format!("{flag} and --sources cannot both come from standard input"),
            )),
            None => Ok(()),
        }
    }

    /// Reads the manifests, if there are any.
    pub fn load(&self, written: &Arc<Config>) -> Result<Option<Sourced>> {
        let Some(path) = &self.sources else { return Ok(None) };
        let text = input::read_text(path, "the Secrets", "--sources")?;
        let read = read(&text, written);
        read.map(Some).with_context(|| format!("failed to read `{}`", input::name_of(path)))
    }

    /// Reads the manifests, or without any the Secrets of the cluster.
    pub async fn load_or_list(
        &self,
        written: &Arc<Config>,
        kubeconfig: Option<&Path>,
    ) -> Result<Sourced> {
        if let Some(sourced) = self.load(written)? {
            return Ok(sourced);
        }
        let client = client::connect(kubeconfig).await?;
        let secrets: Api<Secret> = Api::namespaced(client, HOME);
        let params = ListParams::default();
        let listed = bounded("list", "Secrets of pullpass-system", secrets.list(&params));
        let items = listed.await?.items;
        let object = |secret: &Secret| {
            let mut object = serde_json::to_value(secret)?;
            // Within a list the API server names no kinds.
            object["kind"] = "Secret".into();
            anyhow::Ok(object)
        };
        let items: Vec<Value> = items.iter().map(object).collect::<Result<_>>()?;
        let list = serde_json::json!({"kind": "List", "items": items});
        read(&list.to_string(), written).context("failed to read the Secrets of the cluster")
    }
}

/// The values of Secrets by name and key; those that are not base64 are left out.
#[derive(Debug, Default)]
pub struct Values(HashMap<String, HashMap<String, Hidden>>);

impl Values {
    /// One of them.
    pub fn get(&self, key: &SecretKey) -> Option<&[u8]> {
        Some(self.0.get(&*key.secret)?.get(&*key.key)?.expose())
    }
}

fn read(text: &str, written: &Arc<Config>) -> Result<Sourced> {
    let (mut sources, values) = secrets_of(text)?;
    make(written, &values, &mut sources);
    Ok(sourced(written, sources, values))
}

fn secrets_of(text: &str) -> Result<(Sources, Values)> {
    let (mut sources, mut values) = (Sources::default(), Values::default());
    for document in Manifests::read(text)?.documents() {
        let secrets = secrets(&document.value);
        for secret in secrets {
            let name = &secret["metadata"]["name"];
            let name = name.as_str().ok_or_else(|| {
                anyhow!("document {}: a Secret has no metadata.name", document.number)
            })?;
            sources.set(name, source(secret), share(secret));
            values.0.insert(name.to_owned(), values_of(secret));
        }
    }
    Ok((sources, values))
}

fn values_of(secret: &Value) -> HashMap<String, Hidden> {
    let strings = |field: &str| secret[field].as_object().into_iter().flatten();
    let encoded = strings("data")
        .filter_map(|(key, value)| Some((key.clone(), STANDARD.decode(value.as_str()?).ok()?)));
    let plain = strings("stringData")
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.as_bytes().to_vec())));
    encoded.chain(plain).map(|(key, value)| (key, Hidden::new(value))).collect()
}

/// The Secrets that the controller would make.
fn make(config: &Config, values: &Values, sources: &mut Sources) {
    for entry in config.entries() {
        let made = made(entry, |key| values.get(key));
        let Some((source, made)) = entry.source.as_ref().zip(made) else { continue };
        let source_of = |content: Vec<u8>| {
            Source::read("", "kubernetes.io/dockerconfigjson", |_| Some(&content))
        };
        let content = made.map(|wanted| match wanted {
            Wanted::Content(content) => content,
            // What it will be for is known without it.
            Wanted::Token(request) => compose::placeholder(&request.source.registries()),
        });
        let made = content.map_or_else(Source::Broken, source_of);
        sources.set(&source.secret, made, None);
    }
}

/// The Secrets of a document, those of other namespaces left out.
fn secrets(document: &Value) -> Vec<&Value> {
    let items: Vec<&Value> = match document["items"].as_array() {
        Some(items) => items.iter().collect(),
        None => vec![document],
    };
    let is_ours = |object: &&Value| {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(HOME);
        object["kind"] == "Secret" && namespace == HOME
    };
    items.into_iter().filter(is_ours).collect()
}

fn source(secret: &Value) -> Source {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let secret_type = text(&secret["type"]).unwrap_or_else(|| "Opaque".to_owned());
    let uid = text(&secret["metadata"]["uid"]).unwrap_or_default();
    let Some(key) = Source::data_key(&secret_type) else {
        return Source::read(&uid, &secret_type, |_| None);
    };
    let plain = secret["stringData"][key].as_str().map(|text| Ok(Cow::from(text.as_bytes())));
    let encoded = || Some(STANDARD.decode(secret["data"][key].as_str()?).map(Cow::from));
    match plain.or_else(encoded).transpose() {
        Ok(data) => Source::read(&uid, &secret_type, |_| data.as_deref()),
        Err(_) => Source::Broken(format!("its key `{key}` is not base64")),
    }
}

fn share(secret: &Value) -> Option<Share> {
    let label = secret["metadata"]["labels"][SHARE_LABEL].as_str();
    Share::of(label, secret["metadata"]["annotations"][NAMESPACES_ANNOTATION].as_str())
}

fn sourced(written: &Arc<Config>, sources: Sources, values: Values) -> Sourced {
    let mut sharing = sharing(&sources, &[]);
    let config = sharing.join(written);
    let findings = sharing.findings.into_iter().chain(findings(&config, &sources));
    let findings = findings.filter(|finding| !is_told_by_the_settings(written, finding)).collect();
    Sourced { config, sources, findings, values }
}

/// Whether it is among the warnings about the configuration, where it has its line.
fn is_told_by_the_settings(written: &Config, finding: &Finding) -> bool {
    let is_of_settings = |entry: &Entry| {
        let source = entry.source.as_ref().filter(|source| source.secret == finding.source);
        source.and_then(|source| source.made.as_ref()?.registries()).is_some()
    };
    finding.kind == FindingKind::NotCovered && written.entries().iter().any(is_of_settings)
}
