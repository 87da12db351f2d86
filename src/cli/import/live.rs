//! Secrets of one namespace, from manifests or from a cluster, which is only read.

use super::super::{connected, input, manifests::Manifests};
use crate::{
    config::is_dns_label,
    controller::request::{RequestError, bounded},
    import::{Items, LeftOut, ReadSecret},
};
use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Client, Resource,
    api::{GetParams, ListParams},
    core::Request,
};
use serde_json::Value;
use std::{fmt, path::PathBuf};

/// Secrets of one answer: each may hold 1 MiB.
const SECRETS_OF_A_PAGE: u32 = 100;

/// Where the Secrets are.
#[derive(Debug, Args)]
pub struct SecretsArgs {
    /// The namespace that the Secrets are in
    #[arg(short, long, value_name = "NS", env = "PULLPASS_NAMESPACE", value_parser = parse_namespace)]
    namespace: String,
    /// Manifests of the Secrets, instead of the cluster; `-` reads standard input
    #[arg(short, long, value_name = "FILE", env = "PULLPASS_FILENAME")]
    filename: Option<PathBuf>,
    /// The kubeconfig of the cluster [default: KUBECONFIG, ~/.kube/config, or the Pod's ServiceAccount]
    #[arg(long, value_name = "FILE", env = "PULLPASS_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub secrets: Vec<ReadSecret>,
    pub left_out: Vec<LeftOut>,
}

/// A label that a Secret must have, with this value or with any.
#[derive(Debug, Clone)]
pub struct Label {
    key: String,
    value: Option<String>,
}

impl Label {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.trim_start_matches('=').to_owned())),
            None => (text, None),
        };
        match key.is_empty() || key.contains(['!', ' ', '(']) {
            true => Err(format!("`{text}` is no label; write KEY=VALUE, or KEY")),
            false => Ok(Self { key: key.to_owned(), value }),
        }
    }

    fn holds(&self, secret: &ReadSecret) -> bool {
        let found = secret.labels.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

impl SecretsArgs {
    /// The Secrets of these names; those that do not exist are left out.
    pub fn named(&self, names: &[String]) -> Result<Found> {
        let mut all = match &self.filename {
            Some(_) => self.manifests()?,
            None => self.run(async |client| {
                let mut secrets = Vec::new();
                for name in names {
                    secrets.extend(self.get(&client, name).await?);
                }
                anyhow::Ok(secrets)
            })?,
        };
        let mut found = Found::default();
        for (position, name) in names.iter().enumerate() {
            let what = format!("the Secret {}/{name}", self.namespace);
            if names.iter().take(position).any(|earlier| earlier == name) {
                let reason = "the list names it twice; once does".to_owned();
                found.left_out.push(LeftOut { what, reason, instead: None });
                continue;
            }
            match all.iter().position(|secret| secret.name == *name) {
                Some(at) => found.secrets.push(all.swap_remove(at)),
                None => {
                    let reason = "there is none of this name".to_owned();
                    found.left_out.push(LeftOut { what, reason, instead: None });
                }
            }
        }
        Ok(found)
    }

    /// The Secrets that have all these labels.
    pub fn labelled(&self, labels: &[Label]) -> Result<Found> {
        let mut secrets = match &self.filename {
            Some(_) => self.manifests()?,
            None => self.run(async |client| self.list(&client, labels).await)?,
        };
        secrets.retain(|secret| labels.iter().all(|label| label.holds(secret)));
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        let mut found = Found { secrets, ..Found::default() };
        if found.secrets.is_empty() {
            let labels: Vec<_> = labels.iter().map(ToString::to_string).collect();
            found.left_out.push(LeftOut {
                what: format!("Secrets labelled {} in {}", labels.join(","), self.namespace),
                reason: "there are none".into(),
                instead: None,
            });
        }
        Ok(found)
    }

    fn manifests(&self) -> Result<Vec<ReadSecret>> {
        let Some(path) = &self.filename else { return Ok(Vec::new()) };
        let text = input::read_text(path, "the Secrets", "-f")?;
        let read = || {
            let mut secrets = Vec::new();
            for document in Manifests::read(&text)?.documents() {
                for object in objects(&document.value) {
                    let mut secret = ReadSecret::read(&object.to_string())
                        .with_context(|| format!("document {}: a Secret", document.number))?;
                    if secret.name.is_empty() {
                        return Err(anyhow!(
                            "document {}: a Secret has no metadata.name",
                            document.number
                        ));
                    }
                    if secret.namespace.is_empty() {
                        secret.namespace.clone_from(&self.namespace);
                    }
                    secrets.extend((secret.namespace == self.namespace).then_some(secret));
                }
            }
            Ok(secrets)
        };
        read().with_context(|| format!("failed to read `{}`", input::name_of(path)))
    }

    fn run<T>(&self, work: impl AsyncFnOnce(Client) -> Result<T>) -> Result<T> {
        connected::run(self.kubeconfig.as_deref(), work)
    }

    async fn get(&self, client: &Client, name: &str) -> Result<Option<ReadSecret>> {
        let object = format!("Secret {}/{name}", self.namespace);
        let request = Request::new(Secret::url_path(&(), Some(&self.namespace)));
        let request =
            request.get(name, &GetParams::default()).map_err(kube::Error::BuildRequest)?;
        match bounded("get", &object, client.request_text(request)).await {
            Ok(text) => Ok(Some(ReadSecret::read(&text).context(object)?)),
            Err(RequestError::Refused { code: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self, client: &Client, labels: &[Label]) -> Result<Vec<ReadSecret>> {
        let labels: Vec<_> = labels.iter().map(ToString::to_string).collect();
        let params = ListParams::default().labels(&labels.join(","));
        let mut secrets = Vec::new();
        let namespace = Some(&*self.namespace);
        pages::<Secret>(client, namespace, "Secrets", params, SECRETS_OF_A_PAGE, |items| {
            for item in items.items {
                secrets.push(ReadSecret::read(item.get())?);
            }
            Ok(())
        })
        .await?;
        Ok(secrets)
    }
}

/// Lists objects page by page, each as text: an error about it tells no value. Of a page, nothing stays but
/// what `each` keeps.
pub async fn pages<K: Resource<DynamicType = ()>>(
    client: &Client,
    namespace: Option<&str>,
    what: &str,
    params: ListParams,
    limit: u32,
    mut each: impl FnMut(Items<'_>) -> Result<(), crate::import::ObjectError>,
) -> Result<(), RequestError> {
    let unreadable = |error: crate::import::ObjectError| RequestError::Refused {
        act: "list",
        object: what.to_owned(),
        code: 0,
        reason: error.to_string(),
    };
    let mut params = params.limit(limit);
    loop {
        let request = Request::new(K::url_path(&(), namespace)).list(&params);
        let page = async {
            let request = request.map_err(kube::Error::BuildRequest)?;
            client.request_text(request).await
        };
        let text = bounded("list", what, page).await?;
        let items = Items::read(&text).map_err(unreadable)?;
        let next = items.next.clone();
        each(items).map_err(unreadable)?;
        match next {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(()),
        }
    }
}

/// The Secrets of a document.
fn objects(document: &Value) -> Vec<&Value> {
    let items: Vec<&Value> = match document["items"].as_array() {
        Some(items) => items.iter().collect(),
        None => vec![document],
    };
    items.into_iter().filter(|object| object["kind"] == "Secret").collect()
}

pub fn parse_namespace(text: &str) -> Result<String, String> {
    match is_dns_label(text) {
        true => Ok(text.to_owned()),
        false => Err("no namespace can have this name: use up to 63 of a-z, 0-9 and `-`".into()),
    }
}
