//! The Pods of a cluster that cannot pull an image of an entry, for a person. Nothing is written.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::core::Request;
use kube::{Client, Resource};

use super::decide::Action;
use super::queue::Key;
use super::state::State;
use super::survey::PAGE;
use crate::config::{Config, Entry, is_never_served};
use crate::controller::request::{RequestError, bounded};
use crate::credentials::{DockerConfig, Keyring};
use crate::image::Reference;
use crate::inject::Namespace;
use crate::pulls::{Page, PullProblem, PullSecret, StuckPod, Tally, verdicts};
use crate::sources::Content;

/// Pods that may yet have to pull.
const RUNNING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// What was found.
pub enum Pods {
    /// Those that cannot pull.
    Listed(Vec<PullProblem>),
    /// Why they were not looked at.
    NotListed(String),
}

/// Looks at all Pods, one page at a time: of those before, only the counts are kept.
///
/// # Errors
/// Why they cannot be listed, if it is not that they may not be.
pub async fn look(
    client: &Client,
    state: &State,
    own_namespace: &str,
) -> Result<Pods, RequestError> {
    let mut tally = Tally::default();
    let mut look = Look { state, own_namespace, sources: HashMap::new() };
    let mut params = ListParams::default().fields(RUNNING).limit(PAGE);
    loop {
        let text = match bounded("list", "Pods", page(client, &params)).await {
            Err(error @ RequestError::Refused { code: 403, .. }) => {
                return Ok(Pods::NotListed(error.to_string()));
            }
            text => text?,
        };
        match look.at_page(&text, &mut tally).map_err(|error| unreadable(&error))? {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(Pods::Listed(tally.problems())),
        }
    }
}

/// As text, of which what is not needed is skipped.
async fn page(client: &Client, params: &ListParams) -> kube::Result<String> {
    let request = Request::new(Pod::url_path(&(), None)).list(params);
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await
}

fn unreadable(error: &serde_json::Error) -> RequestError {
    let reason = format!("the answer cannot be read: {error}");
    RequestError::Refused { act: "list", object: "Pods".to_owned(), code: 0, reason }
}

/// By what is known of the cluster.
struct Look<'a> {
    state: &'a State,
    own_namespace: &'a str,
    /// What the sources hold that were asked for.
    sources: HashMap<Arc<str>, Option<DockerConfig>>,
}

impl Look<'_> {
    /// Counts the Pods of one page. Gives the token of the next one.
    fn at_page(&mut self, text: &str, tally: &mut Tally) -> serde_json::Result<Option<String>> {
        let page = Page::read(text)?;
        if let Some(config) = self.state.grants.config() {
            for pod in page.pods {
                if let Some(pod) = StuckPod::read(pod)? {
                    self.at_pod(config, &pod, tally);
                }
            }
        }
        Ok(page.next)
    }

    fn at_pod(&mut self, config: &Config, pod: &StuckPod<'_>, tally: &mut Tally) {
        let name = &*pod.namespace;
        // What is in a namespace that goes, goes with it.
        let Some(labels) = self.state.labels(name) else { return };
        let is_never_served = is_never_served(name) || name == self.own_namespace;
        let namespace = Namespace { name, labels: Some(labels) };
        let found = verdicts(config, pod, namespace, is_never_served, |entry, image| {
            self.pull_secret(name, entry, image)
        });
        tally.add(pod, found);
    }

    fn pull_secret(&mut self, namespace: &str, entry: &Entry, image: &str) -> PullSecret {
        let (Some(own), Some(name)) = (&entry.source, entry.pull_secrets.first()) else {
            return PullSecret::OfOthers;
        };
        let key = Key { namespace: namespace.into(), name: (&**name).into() };
        // Another entry may give the same pull secret from another source.
        let wanted = self.state.wanted(&key);
        let source = wanted.map_or_else(|| (&*own.secret).into(), |it| Arc::clone(&it.source));
        let title = match *source == *own.secret {
            true => own.secret_of_password(),
            false => &source,
        };
        let title = format!("{}/{title}", self.own_namespace);
        match self.state.action(&key) {
            Action::InPlace if self.covers(&source, image) => PullSecret::InPlace(title),
            Action::InPlace => PullSecret::NotCovering(title),
            Action::Update(_) => PullSecret::Outdated(title),
            Action::Foreign => PullSecret::InTheWay,
            Action::NoSource(_) => PullSecret::SourceUnusable(title),
            Action::Absent
            | Action::Retained
            | Action::Terminating
            | Action::Create(_)
            | Action::Delete => PullSecret::Missing(title),
        }
    }

    /// Whether the kubelet finds a credential for the image in a source.
    fn covers(&mut self, source: &Arc<str>, image: &str) -> bool {
        let held = self.sources.entry(Arc::clone(source)).or_insert_with(|| {
            self.state.grants.sources().content(source).and_then(Content::docker_config)
        });
        let Ok(image) = Reference::parse(image) else { return false };
        held.as_ref().is_some_and(|held| Keyring::new(held).serves(&image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OnRemoval;
    use crate::controller::copies::copy::{Copy, Wanted};
    use crate::sources::Source;
    use rstest::rstest;

    // user:pass
    const GOOD: &str = r#"{"auths": {"a.example": {"auth": "dXNlcjpwYXNz"}}}"#;
    const OTHER: &str = r#"{"auths": {"b.example": {"auth": "dXNlcjpwYXNz"}}}"#;

    fn pull_secret(source: Option<&str>, copy: Option<&str>) -> PullSecret {
        let mut state = State::of_teams();
        let source = match source {
            Some(content) => Source::good("uid", content.as_bytes()),
            None => Source::Broken("it is broken".into()),
        };
        state.grants.set_source("source", source, None);
        state.set_namespace("team-a", kube::core::ObjectMeta::default());
        state.recheck(&"team-a".into());
        let key = Key { namespace: "team-a".into(), name: "a".into() };
        let wanted = state.wanted(&key).cloned();
        match copy {
            None => {}
            Some("foreign") => assert!(state.set_foreign(&key)),
            Some("old") => state.confirm_copy(&key, Copy::marked("old", wanted)),
            Some(_) => {
                let mark = state.grants.sources().content("source").unwrap().mark();
                state.confirm_copy(&key, Copy::marked(mark, wanted));
            }
        }
        let config = Arc::clone(state.grants.config().unwrap());
        let mut look = Look { state: &state, own_namespace: "own", sources: HashMap::new() };
        look.pull_secret("team-a", &config.entries()[0], "a.example/app:1")
    }

    #[rstest]
    #[case(Some(GOOD), Some("new"), PullSecret::InPlace("own/source".into()))]
    #[case(Some(OTHER), Some("new"), PullSecret::NotCovering("own/source".into()))]
    #[case(Some(GOOD), Some("old"), PullSecret::Outdated("own/source".into()))]
    #[case(Some(GOOD), Some("foreign"), PullSecret::InTheWay)]
    #[case(Some(GOOD), None, PullSecret::Missing("own/source".into()))]
    #[case(None, None, PullSecret::SourceUnusable("own/source".into()))]
    #[case(None, Some("old"), PullSecret::SourceUnusable("own/source".into()))]
    fn a_pull_secret_stands_as_its_copy_does(
        #[case] source: Option<&str>,
        #[case] copy: Option<&str>,
        #[case] expected: PullSecret,
    ) {
        assert_eq!(pull_secret(source, copy), expected);
    }

    #[test]
    fn the_credential_is_that_of_the_entry_whose_copy_it_is() {
        let wanted =
            Wanted { entry: "b".into(), source: "other".into(), on_removal: OnRemoval::Delete };
        let mut state = State::of_teams();
        let config = r#"{apiVersion: pullpass.io/v1, kind: Config, registries: [
            {name: a, images: ["a.example/*"], namespaces: {names: ["*"]}, source: {secret: absent}},
            {name: b, images: ["a.example/*"], namespaces: {names: ["*"]}, pullSecrets: [a], source: {secret: other}}]}"#;
        let config = crate::config::parse(config).unwrap().config;
        state.grants.set_written(Arc::clone(&config));
        state.grants.set_source("other", Source::good("uid", GOOD.as_bytes()), None);
        state.set_namespace("team-a", kube::core::ObjectMeta::default());
        state.recheck(&"team-a".into());
        let key = Key { namespace: "team-a".into(), name: "a".into() };
        let mark = state.grants.sources().content("other").unwrap().mark();
        state.confirm_copy(&key, Copy::marked(mark, Some(wanted)));
        let mut look = Look { state: &state, own_namespace: "own", sources: HashMap::new() };
        let found = look.pull_secret("team-a", &config.entries()[0], "a.example/app:1");
        assert_eq!(found, PullSecret::InPlace("own/other".into()));
    }
}
