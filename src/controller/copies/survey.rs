//! The copies of a cluster at one moment, and the Pods that cannot pull, for a person. Nothing is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use serde::Serialize;

use super::copy::{Copy, SELECTOR};
use super::decide::Action;
use super::options::CopyOptions;
use super::publication::Published;
use super::pulls::{self, Pods};
use super::queue::Key;
use super::state::State;
use crate::cluster::ObjectName;
use crate::cluster::source_secret::{share_of, source_of};
use crate::config::{self, CONFIG_KEY, Config, SHARED_KEY};
use crate::controller::request::{RequestError, bounded};
use crate::pulls::PullProblem;

/// Objects of one answer.
pub(super) const PAGE: u32 = 500;
/// Looks at once at what may be in the way.
const PARALLEL: usize = 8;

/// What there is, entry by entry.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// The entries with a source, in the order of the configuration; then those that are gone and have
    /// left copies.
    pub entries: Vec<EntryStatus>,
    /// What is wrong, and what to do.
    pub problems: Vec<String>,
    /// Of these, the Pods that cannot pull an image of an entry.
    pub pulls: Vec<PullProblem>,
    /// Why the Pods were not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods_not_listed: Option<String>,
}

/// The copies of one entry.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryStatus {
    /// Its name.
    pub entry: String,
    /// The Secret that is copied; empty if the entry is gone.
    pub source: String,
    /// The name of the copies.
    pub pull_secret: String,
    /// Namespaces that are granted it.
    pub namespaces: usize,
    /// Copies as they should be.
    pub in_place: usize,
    /// Copies that are not there.
    pub missing: usize,
    /// Copies of another content than the source's, or changed by somebody else.
    pub outdated: usize,
    /// Where a Secret that is not ours has the name.
    pub in_the_way: usize,
    /// Copies that are no longer granted, and stay or are about to go.
    pub not_granted: usize,
}

/// Why there is no survey.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// Something could not be read.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The configuration does not exist, or is broken.
    #[error("ConfigMap {name}: {reason}")]
    Config {
        /// The ConfigMap.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// Looks at the cluster; at its Pods, unless `no_pods` says why not.
///
/// # Errors
/// What could not be read.
pub async fn survey(
    client: &Client,
    options: &CopyOptions,
    no_pods: Option<String>,
) -> Result<Survey, SurveyError> {
    let now = Instant::now();
    let mut state = State::new(options);
    state.grants.set_written(read_config(client, options).await?);
    let published = published(client, &options.shared()).await?;
    let unreadable = state.grants.set_published(published, now).err();
    let sources: Api<Secret> = Api::namespaced(client.clone(), &options.namespace);
    for secret in all(&sources, "Secrets", ListParams::default()).await? {
        state.grants.set_source(&secret.name_any(), source_of(&secret), share_of(&secret));
    }
    state.grants.keep_sources(|_| true, now);
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    for namespace in all(&namespaces, "Namespaces", ListParams::default()).await? {
        state.set_namespace(&namespace.name_any(), namespace.metadata);
    }
    let copies: Api<PartialObjectMeta<Secret>> = Api::all(client.clone());
    for copy in all(&copies, "Secrets", ListParams::default().labels(SELECTOR)).await? {
        let key = state.once.key(&copy.namespace().unwrap_or_default(), &copy.name_any());
        state.set_copy(&key, Copy::of(&copy.metadata));
    }
    let mut absent = Vec::new();
    for namespace in state.namespaces() {
        let due = state.recheck(&namespace).work.into_iter();
        absent.extend(due.filter(|key| state.is_absent(key)));
    }
    for key in in_the_way(client, absent).await? {
        state.set_foreign(&key);
    }
    let mut survey = tallied(&state);
    let shared = options.shared();
    if let Some(reason) = unreadable {
        survey.problems.push(format!("the ConfigMap {shared} cannot be read: {reason}"));
    } else if state.grants.to_publish().is_some() {
        survey.problems.push(format!(
            "the ConfigMap {shared} does not say what is shared by label; see the controller's log"
        ));
    }
    let pods = match no_pods {
        Some(reason) => Pods::NotListed(reason),
        None => pulls::look(client, &state, &options.namespace).await?,
    };
    match pods {
        Pods::Listed(problems) => survey.pulls = problems,
        Pods::NotListed(reason) => survey.pods_not_listed = Some(reason),
    }
    let now = Timestamp::now();
    survey.problems.extend(survey.pulls.iter().map(|problem| problem.text(now)));
    Ok(survey)
}

async fn config_map(client: &Client, name: &ObjectName) -> Result<Option<ConfigMap>, RequestError> {
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), &name.namespace);
    bounded("get", &format!("ConfigMap {name}"), config_maps.get_opt(&name.name)).await
}

async fn published(client: &Client, name: &ObjectName) -> Result<Published, RequestError> {
    Ok(match config_map(client, name).await? {
        None => Published::Absent,
        Some(found) => Published::Text(found.data.and_then(|mut data| data.remove(SHARED_KEY))),
    })
}

async fn read_config(client: &Client, options: &CopyOptions) -> Result<Arc<Config>, SurveyError> {
    let name = &options.config_map;
    let found = config_map(client, name).await?;
    let data =
        found.as_ref().map(|found| found.data.as_ref().and_then(|data| data.get(CONFIG_KEY)));
    let parsed = match data {
        None => Err("it does not exist; create it".to_owned()),
        Some(text) => config::config_text(text.map(String::as_str))
            .and_then(|text| config::parse(text).map_err(|error| error.brief())),
    };
    let broken = |reason| SurveyError::Config { name: name.to_string(), reason };
    parsed.map(|parsed| parsed.config).map_err(broken)
}

/// Every object, page by page.
async fn all<K>(api: &Api<K>, what: &str, params: ListParams) -> Result<Vec<K>, RequestError>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut objects = Vec::new();
    let mut params = params.limit(PAGE);
    loop {
        let page = bounded("list", what, api.list(&params)).await?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}

/// Of places without a copy those that have another Secret.
async fn in_the_way(client: &Client, places: Vec<Key>) -> Result<Vec<Key>, RequestError> {
    let look = async |key: Key| {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &key.namespace);
        let object = format!("Secret {}/{}", key.namespace, key.name);
        let found = bounded("get", &object, secrets.get_metadata_opt(&key.name)).await?;
        Ok::<_, RequestError>(found.map(|_| key))
    };
    let mut looks = stream::iter(places).map(look).buffer_unordered(PARALLEL);
    let mut taken = Vec::new();
    while let Some(look) = looks.next().await {
        taken.extend(look?);
    }
    Ok(taken)
}

fn tallied(state: &State) -> Survey {
    let config = state.grants.config();
    let mut entries: Vec<EntryStatus> = config
        .into_iter()
        .flat_map(|config| config.entries())
        .filter_map(|entry| {
            Some(EntryStatus {
                entry: entry.name.to_string(),
                source: entry.source.as_ref()?.secret.to_string(),
                pull_secret: entry.pull_secrets.first()?.to_string(),
                ..EntryStatus::default()
            })
        })
        .collect();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        places.entry(entry.entry.clone()).or_insert(place);
    }
    let mut gone: BTreeMap<String, EntryStatus> = BTreeMap::new();
    let mut in_the_way = BTreeSet::new();
    state.each(|key, wanted, found, action| {
        let Some(of) = wanted.or_else(|| found.and_then(|found| found.wanted.as_deref())) else {
            return;
        };
        let place = places.get(&*of.entry).copied();
        let entry = match place.and_then(|place| entries.get_mut(place)) {
            Some(entry) => entry,
            None => gone.entry(of.entry.to_string()).or_insert_with(|| EntryStatus {
                entry: of.entry.to_string(),
                pull_secret: key.name.to_string(),
                ..EntryStatus::default()
            }),
        };
        if wanted.is_none() {
            // What goes with its namespace is nobody's.
            let is_left = matches!(action, Action::Retained | Action::Delete);
            entry.not_granted += usize::from(is_left);
            return;
        }
        entry.namespaces += 1;
        match action {
            Action::InPlace => entry.in_place += 1,
            Action::Foreign => {
                entry.in_the_way += 1;
                in_the_way.insert(format!(
                    "the Secret {}/{} is not a copy of Pullpass's, and is left as it is",
                    key.namespace, key.name
                ));
            }
            Action::Update(_) => entry.outdated += 1,
            Action::NoSource(_) if found.is_some() => entry.outdated += 1,
            _ => entry.missing += 1,
        }
    });
    entries.extend(gone.into_values());
    let findings = state.grants.findings()().into_iter().map(|finding| finding.note);
    Survey { entries, problems: findings.chain(in_the_way).collect(), ..Survey::default() }
}
