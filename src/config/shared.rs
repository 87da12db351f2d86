//! Secrets that are shared by label, as the controller publishes them for the webhook: names,
//! patterns and namespaces, and nothing of what the Secrets hold.

use super::{
    API_VERSION,
    compile::check_constant,
    entry::{Check, Entry, MAX_ENTRIES, SHARED_PREFIX},
    kubernetes_names::shortened,
    parse::{MAX_CONFIG_BYTES, deserialize},
    problem::{ConfigError, Place, Problem},
    schema::{self, Namespaces, OnRemoval},
    source::Source,
    text,
};
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use std::collections::HashSet;

/// The key of the ConfigMap under which they are published.
pub const SHARED_KEY: &str = "shared.yaml";
/// The `kind` of the document.
const KIND: &str = "SharedSecrets";

/// All of them.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SharedSecrets {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    secrets: Spanned<Vec<SharedSecret>>,
}

/// One.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SharedSecret {
    /// The Secret of pullpass-system, which is the name of the pull secret too.
    pub(super) secret: Spanned<String>,
    /// The patterns of the images that it serves.
    pub(super) images: Spanned<Vec<Spanned<String>>>,
    /// The namespaces that it is for; all in scope if nothing is written.
    #[serde(
        default,
        deserialize_with = "schema::written",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) namespaces: Option<Spanned<Namespaces>>,
}

/// The namespaces that a shared Secret is for, as its annotation says it: what an entry has under
/// `namespaces`.
#[derive(Debug, Clone)]
pub struct SharedNamespaces(Spanned<Namespaces>);

impl SharedNamespaces {
    /// Reads the annotation.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn parse(annotation: &str) -> Result<Self, String> {
        let problems = match deserialize::<Spanned<Namespaces>>(annotation) {
            Ok(written) => match problems_of(&written) {
                problems if problems.is_empty() => return Ok(Self(written)),
                problems => problems,
            },
            Err(problem) => vec![problem],
        };
        let all = problems.iter().map(|problem| {
            let field = problem.field.trim_start_matches('.').trim_start_matches("namespaces.");
            let colon = if field.is_empty() { "" } else { ": " };
            format!("{field}{colon}{} ({})", problem.reason, problem.hint)
        });
        Err(all.collect::<Vec<_>>().join("; "))
    }
}

impl SharedSecret {
    /// A Secret of this name, for images of these patterns, in these namespaces.
    pub fn new(
        secret: &str,
        images: impl IntoIterator<Item = String>,
        namespaces: Option<SharedNamespaces>,
    ) -> Self {
        let images = images.into_iter().map(spanned).collect();
        Self {
            secret: spanned(secret.to_owned()),
            images: spanned(images),
            namespaces: namespaces.map(|SharedNamespaces(written)| written),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.secret.value
    }

    /// The patterns of the images that it serves.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.images.value.iter().map(|image| image.value.as_str())
    }

    /// The namespaces that it is for.
    pub fn namespaces(&self) -> Option<SharedNamespaces> {
        self.namespaces.clone().map(SharedNamespaces)
    }
}

impl SharedSecret {
    fn compile(&self, position: usize, problems: &mut Vec<Problem>) -> Entry {
        let name = self.name();
        let base = format!("secrets[{position}]");
        let mut check = Check { base, entry: shortened(name), problems };
        check.secret_name(&self.secret, "secret");
        Entry {
            name: format!("{SHARED_PREFIX}{name}").into(),
            images: check.patterns(&self.images, "images"),
            except_images: Vec::new(),
            namespaces: self.namespaces.as_ref().map(|n| check.namespaces(n)).unwrap_or_default(),
            pull_secrets: vec![name.into()],
            source: Some(Source { secret: name.into(), made: None, on_removal: OnRemoval::Delete }),
        }
    }
}

impl SharedSecrets {
    /// Of these Secrets.
    pub fn new(secrets: Vec<SharedSecret>) -> Self {
        Self {
            api_version: spanned(API_VERSION.to_owned()),
            kind: spanned(KIND.to_owned()),
            secrets: spanned(secrets),
        }
    }

    /// Reads what was published.
    ///
    /// # Errors
    /// Every problem with its place.
    pub fn parse(yaml: &str) -> Result<Self, ConfigError> {
        let refuse = |problem| ConfigError { problems: vec![problem] };
        if yaml.len() > MAX_CONFIG_BYTES {
            return Err(refuse(text::too_large(yaml.len())));
        }
        deserialize(yaml).map_err(refuse)
    }

    /// What is published.
    ///
    /// # Errors
    /// If it cannot be written as YAML, and why.
    pub fn to_yaml(&self) -> Result<String, String> {
        serde_saphyr::to_string(self).map_err(|error| error.to_string())
    }

    /// Each of them.
    pub fn secrets(&self) -> &[SharedSecret] {
        &self.secrets.value
    }

    /// The entries that they stand for, in their order.
    ///
    /// # Errors
    /// Every problem with its place.
    pub fn entries(&self) -> Result<Vec<Entry>, ConfigError> {
        let mut problems = Vec::new();
        check_constant(&self.api_version, "apiVersion", API_VERSION, &mut problems);
        check_constant(&self.kind, "kind", KIND, &mut problems);
        self.check_names(&mut problems);
        let secrets = self.secrets.value.iter().enumerate();
        let entries =
            secrets.map(|(position, shared)| shared.compile(position, &mut problems)).collect();
        match problems.is_empty() {
            true => Ok(entries),
            false => Err(ConfigError { problems }),
        }
    }

    fn check_names(&self, problems: &mut Vec<Problem>) {
        let mut problem = |place, field, reason: &str, hint: &str| {
            problems.push(Problem {
                place,
                field,
                entry: None,
                reason: reason.into(),
                hint: hint.into(),
            });
        };
        if self.secrets.value.len() > MAX_ENTRIES {
            let reason = format!("there are more than {MAX_ENTRIES}");
            problem(Place::of(&self.secrets), "secrets".into(), &reason, "share fewer Secrets");
        }
        let mut names = HashSet::new();
        for (position, shared) in self.secrets.value.iter().enumerate() {
            if !names.insert(shared.name()) {
                let field = format!("secrets[{position}].secret");
                let place = Place::of(&shared.secret);
                problem(place, field, "it stands here twice", "leave one of the two");
            }
        }
    }
}

fn problems_of(rule: &Spanned<Namespaces>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut check = Check { base: String::new(), entry: String::new(), problems: &mut problems };
    check.namespaces(rule);
    problems
}

fn spanned<T>(value: T) -> Spanned<T> {
    let nowhere = serde_saphyr::Location::UNKNOWN;
    Spanned { value, referenced: nowhere, defined: nowhere }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Labels};
    use rstest::rstest;

    fn shared(namespaces: Option<&str>) -> SharedSecret {
        let namespaces = namespaces.map(|text| SharedNamespaces::parse(text).unwrap());
        SharedSecret::new("hub.creds", ["docker.io/*".to_owned()], namespaces)
    }

    /// Published, and read again by the webhook.
    fn entries(secrets: Vec<SharedSecret>) -> Vec<Entry> {
        let text = SharedSecrets::new(secrets).to_yaml().unwrap();
        SharedSecrets::parse(&text).and_then(|shared| shared.entries()).unwrap_or_else(|error| {
            panic!("{text}: {error}");
        })
    }

    #[test]
    fn a_shared_secret_is_an_entry_for_all_namespaces() {
        let entry = &entries(vec![shared(None)])[0];
        assert_eq!((&*entry.name, &*entry.pull_secrets[0]), ("shared:hub.creds", "hub.creds"));
        assert_eq!(entry.images[0].as_str(), "docker.io/*");
        let source = entry.source.as_ref().unwrap();
        assert_eq!((&*source.secret, source.on_removal), ("hub.creds", OnRemoval::Delete));
        assert!(entry.namespaces.decide("any", Some(&Labels::new())).is_ok());
        assert_eq!(entries(vec![]).len(), 0);
    }

    #[rstest]
    #[case(r#"{names: ["team-*"], except: ["team-x"]}"#, ["team-a"], ["team-x", "shop"])]
    #[case("names: ['007', 'on', 'null']", ["on"], ["007x", "shop"])]
    #[case("selector: {matchExpressions: [{key: tier, operator: Exists}]}", ["paid"], ["shop", "a"])]
    #[case(r#"{except: ["shop"]}"#, ["team-a"], ["shop", "shop"])]
    fn its_annotation_narrows_them(
        #[case] annotation: &str,
        #[case] granted: [&str; 1],
        #[case] denied: [&str; 2],
    ) {
        let entry = &entries(vec![shared(Some(annotation))])[0];
        let is_granted = |name: &&str| {
            let labels = (*name == "paid").then(|| ("tier".to_owned(), "1".to_owned()));
            entry.namespaces.decide(name, Some(&labels.into_iter().collect())).is_ok()
        };
        assert!(granted.iter().all(is_granted), "{annotation}");
        assert!(!denied.iter().any(is_granted), "{annotation}");
    }

    #[rstest]
    #[case("", "nothing is written in it")]
    #[case("{}", "nothing is written in it")]
    #[case("team-a", "expected")]
    #[case("{names: []}", "names: the list is empty")]
    #[case("{names: ['Team']}", "names[0]: `Team`")]
    #[case("{name: [a]}", "unknown field")]
    #[case("names:", "nothing is written here")]
    fn an_annotation_that_is_no_rule_is_refused(#[case] annotation: &str, #[case] reason: &str) {
        let error = SharedNamespaces::parse(annotation).unwrap_err();
        assert!(error.contains(reason), "{annotation}: {error}");
    }

    #[test]
    fn what_is_no_such_document_is_refused() {
        for (text, reason) in [
            ("", "line 1"),
            ("apiVersion: pullpass.io/v1\nkind: Config\nsecrets: []\n", "`Config` is not known"),
            (
                "{apiVersion: pullpass.io/v1, kind: SharedSecrets, secrets: [{secret: A_, images: [gcr.io]}]}",
                "secrets[0].images[0]",
            ),
            (
                "{apiVersion: pullpass.io/v1, kind: SharedSecrets, secrets: [{secret: a, images: ['*']}, {secret: a, images: ['*']}]}",
                "it stands here twice",
            ),
        ] {
            let error = SharedSecrets::parse(text).and_then(|shared| shared.entries()).unwrap_err();
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn they_come_after_what_is_written() {
        let written = r#"{apiVersion: pullpass.io/v1, kind: Config, scope: optIn, registries: [{name: a, images: ["gcr.io/a/*"]}]}"#;
        let written = config::parse(written).unwrap().config;
        let both = written.with(&entries(vec![shared(None)])).unwrap();
        let names: Vec<_> = both.entries().iter().map(|entry| &*entry.name).collect();
        assert_eq!((names, both.scope), (vec!["a", "shared:hub.creds"], config::Scope::OptIn));
    }
}
