//! The entries in force: those of the configuration, then those that stand for Secrets shared by label.
//! No I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::basis::Basis;
use super::gone::Gone;
use super::publication::Published;
use crate::config::{Config, SharedSecret, SharedSecrets};
use crate::sources::{Finding, Share, Sharing, Source, Sources, findings, sharing};

/// What is written, what is shared, and what is known of the Secrets.
#[derive(Default)]
pub struct Grants {
    basis: Basis,
    is_text_known: bool,
    written: Option<Arc<Config>>,
    sources: Sources,
    /// Whether all of them are known: what is not yet would look as if it were shared no more.
    are_sources_known: bool,
    /// The shared Secrets that were deleted.
    gone: Gone,
    /// What is shared; until it was looked at, what was published by then.
    sharing: Option<Sharing>,
    /// Both kinds of entries.
    in_force: Option<Arc<Config>>,
    /// What is to be published.
    text: Option<String>,
    published: Published,
}

impl Grants {
    /// Nothing is known yet. What a shared Secret stands for outlasts its deletion by `grace`.
    pub fn new(grace: Duration) -> Self {
        Self { gone: Gone::new(grace), ..Self::default() }
    }

    /// The entries in force; without any nothing is done.
    pub fn config(&self) -> Option<&Arc<Config>> {
        self.in_force.as_ref()
    }

    /// The Secrets of our own namespace.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Takes a configuration.
    pub fn set_written(&mut self, config: Arc<Config>) {
        self.written = Some(config);
        self.refresh();
    }

    /// Takes a Secret as it is now. Whether that changes anything.
    pub fn set_source(&mut self, name: &str, source: Source, share: Option<Share>) -> bool {
        let is_shared = share.is_some() || self.sources.share(name).is_some();
        let is_new = self.sources.set(name, source, share);
        self.gone.remove(name);
        self.changed(is_new, is_shared)
    }

    /// A Secret is gone. Whether there was one.
    pub fn remove_source(&mut self, name: &str, now: Instant) -> bool {
        let is_shared = self.sources.share(name).is_some();
        let is_new = self.sources.remove(name);
        self.note_gone(now);
        self.changed(is_new, is_shared)
    }

    /// All Secrets are known: those that are listed, and no others. Whether that changes anything.
    pub fn keep_sources(&mut self, is_listed: impl Fn(&str) -> bool, now: Instant) -> bool {
        let is_new = self.sources.keep_only(is_listed) || !self.are_sources_known;
        self.are_sources_known = true;
        self.note_gone(now);
        self.changed(is_new, true)
    }

    /// Takes note of the shared Secrets that do not exist any more.
    fn note_gone(&mut self, now: Instant) {
        let shared = self.sharing.iter().filter(|_| self.are_sources_known);
        let names = shared.flat_map(|sharing| &sharing.secrets).map(SharedSecret::name);
        self.gone.note(names.filter(|name| self.sources.get(name).is_none()), now);
    }

    /// Forgets what has been gone for long. Whether that changes anything.
    pub fn forget_gone(&mut self, now: Instant) -> bool {
        let is_new = self.gone.forget(now);
        self.changed(is_new, true)
    }

    fn changed(&mut self, is_new: bool, is_shared: bool) -> bool {
        if is_new {
            self.basis.version += 1;
        }
        if is_new && is_shared {
            self.refresh();
        }
        is_new
    }

    /// What the watches have told of the configuration and the sources.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// A watch of the configuration or of the sources failed: what it has told may be old.
    pub fn doubt(&mut self) {
        self.basis.version += 1;
    }

    /// Takes the text of the ConfigMap, whatever it is. Whether it is another one.
    pub fn set_text(&mut self, text: Option<&str>) -> bool {
        let is_new = !self.is_text_known || self.basis.text.as_deref() != text;
        self.is_text_known = true;
        if is_new {
            self.basis.version += 1;
            self.basis.text = text.map(Into::into);
        }
        is_new
    }

    /// Takes what is published. Whether that changes anything: only what is read first counts, by which
    /// the good state of a Secret that is broken now outlasts a restart.
    ///
    /// # Errors
    /// Why what is read first cannot be used.
    pub fn set_published(&mut self, published: Published, now: Instant) -> Result<bool, String> {
        let is_first = self.sharing.is_none();
        let last = match &published {
            Published::Text(Some(text)) if is_first => parse(text),
            _ => Ok(Vec::new()),
        };
        self.published = published;
        if is_first {
            let secrets = last.clone().unwrap_or_default();
            self.sharing = Some(Sharing { secrets, findings: Vec::new() });
            self.note_gone(now);
            self.refresh();
        }
        last.map(|_| is_first)
    }

    fn refresh(&mut self) {
        let (Some(written), Some(last), true) =
            (&self.written, &self.sharing, self.are_sources_known)
        else {
            return;
        };
        let mut sharing = sharing(&self.sources, &last.secrets);
        sharing.keep(last.secrets.iter().filter(|secret| self.gone.contains(secret.name())));
        self.in_force = Some(sharing.join(written));
        self.text = SharedSecrets::new(sharing.secrets.clone()).to_yaml().ok();
        self.sharing = Some(sharing);
    }

    /// What is to be published, if it is not what stands there.
    pub fn to_publish(&self) -> Option<String> {
        let (sharing, text) = (self.sharing.as_ref()?, self.text.as_ref()?);
        self.published.lacks(text, sharing.secrets.is_empty()).then(|| text.clone())
    }

    /// All that an administrator should know: a look that may take a while.
    pub fn findings(&self) -> impl FnOnce() -> Vec<Finding> + Send + use<> {
        let (config, sources) = (self.in_force.clone(), self.sources.clone());
        let shared = self.sharing.iter().flat_map(|sharing| sharing.findings.clone());
        let mut found: Vec<_> = shared.collect();
        move || {
            found.extend(config.into_iter().flat_map(|config| findings(&config, &sources)));
            found
        }
    }
}

fn parse(text: &str) -> Result<Vec<SharedSecret>, String> {
    let shared = SharedSecrets::parse(text).map_err(|error| error.brief())?;
    Ok(shared.secrets().to_vec())
}

#[cfg(test)]
impl Grants {
    /// There are no sources but those that were set, and nothing is published.
    pub fn all_known(&mut self) {
        self.keep_sources(|_| true, Instant::now());
        let _ = self.set_published(Published::Absent, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries: [{name: a, images: ["a.example/*"]}]
"#;
    // user:pass
    const HUB: &str = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dXNlcjpwYXNz"}}}"#;

    fn shared(source: Source) -> Grants {
        let mut grants = Grants::default();
        grants.set_written(config::parse(CONFIG).unwrap().config);
        grants.set_source("hub", source, Share::of(Some("true"), None));
        grants
    }

    fn now() -> Instant {
        Instant::now()
    }

    fn names(grants: &Grants) -> Vec<&str> {
        let entries = grants.config().into_iter().flat_map(|config| config.entries());
        entries.map(|entry| &*entry.name).collect()
    }

    fn good() -> Source {
        Source::good("uid", HUB.as_bytes())
    }

    #[test]
    fn nothing_is_in_force_until_all_is_known() {
        let mut grants = shared(good());
        assert_eq!((names(&grants), grants.to_publish()), (vec![], None));
        assert_eq!(grants.set_published(Published::Absent, now()), Ok(true));
        assert_eq!((names(&grants), grants.to_publish()), (vec![], None));
        assert!(grants.keep_sources(|_| true, now()));
        assert_eq!(names(&grants), ["a", "shared:hub"]);
        assert!(!grants.keep_sources(|_| true, now()));
    }

    #[test]
    fn too_much_that_is_shared_holds_up_no_written_entry() {
        let auth = serde_json::json!({"auth": "dXNlcjpwYXNz"});
        let auths = |secret: usize| -> serde_json::Map<_, _> {
            let host = |i| format!("r{i}.of-{secret}.with-a-rather-long-name.example.com");
            (0..1_000).map(|i| (host(i), auth.clone())).collect()
        };
        let mut grants = shared(good());
        for secret in 0..20 {
            let content = serde_json::json!({"auths": auths(secret)}).to_string();
            let source = Source::good("uid", content.as_bytes());
            grants.set_source(&format!("s{secret:02}"), source, Share::of(Some("true"), None));
        }
        grants.all_known();
        assert!(names(&grants).contains(&"shared:hub"), "{:?}", names(&grants));
        assert!(!names(&grants).contains(&"shared:s19"), "{:?}", names(&grants));
        assert!(!grants.to_publish().unwrap().contains("secret: s19"), "as the webhook has it");
        let found = grants.findings()();
        assert!(found.iter().any(|found| &*found.source == "s19"), "{found:?}");

        grants.set_written(config::parse(&CONFIG.replace("name: a", "name: b")).unwrap().config);
        assert_eq!(names(&grants)[0], "b", "what was withdrawn is withdrawn");
    }

    #[test]
    fn what_is_shared_is_published_once() {
        let mut grants = shared(good());
        grants.keep_sources(|_| true, now());
        grants.set_published(Published::Text(None), now()).unwrap();
        let text = grants.to_publish().unwrap();
        assert!(text.contains("docker.io/*") && !text.contains("dXNlcjpwYXNz"), "{text}");
        assert_eq!(grants.set_published(Published::Text(Some(text)), now()), Ok(false));
        assert_eq!(grants.to_publish(), None);
        grants.set_published(Published::Text(Some("other".into())), now()).unwrap();
        assert!(grants.to_publish().is_some(), "what somebody wrote is put right");
        assert!(grants.remove_source("hub", now()));
        assert!(grants.to_publish().is_some(), "and nothing shared is published too");
        assert_eq!(names(&grants), ["a"]);
    }

    #[test]
    fn fault_45_what_is_broken_at_the_start_goes_on_as_published() {
        let mut before = shared(good());
        before.keep_sources(|_| true, now());
        before.set_published(Published::Absent, now()).unwrap();
        let text = before.to_publish().unwrap();

        let mut grants = shared(Source::Broken("it is broken".into()));
        grants.keep_sources(|_| true, now());
        assert_eq!(grants.set_published(Published::Text(Some(text)), now()), Ok(true));
        assert_eq!((names(&grants), grants.to_publish()), (vec!["a", "shared:hub"], None));
        let found = grants.findings()();
        assert!(found[0].note.contains("it is broken; what was shared before stays"), "{found:?}");

        // Without its label it is shared no more.
        grants.set_source("hub", Source::Broken("it is broken".into()), None);
        assert_eq!(names(&grants), ["a"]);
    }

    #[test]
    fn what_was_published_and_cannot_be_read_is_told_and_written_anew() {
        let mut grants = shared(good());
        grants.keep_sources(|_| true, now());
        let error = grants.set_published(Published::Text(Some("a: b".into())), now()).unwrap_err();
        assert!(error.contains("unknown field"), "{error}");
        assert_eq!(names(&grants), ["a", "shared:hub"]);
        assert!(grants.to_publish().is_some());
    }

    #[test]
    fn what_was_shared_outlasts_the_deletion_of_its_secret_for_a_while() {
        let (start, grace) = (now(), Duration::from_secs(60));
        let mut grants = Grants { gone: Gone::new(grace), ..shared(good()) };
        grants.keep_sources(|_| true, start);
        grants.set_published(Published::Absent, start).unwrap();
        assert!(grants.remove_source("hub", start));
        assert_eq!(names(&grants), ["a", "shared:hub"]);
        assert!(grants.findings()()[0].note.contains("does not exist any more"));
        let text = grants.to_publish().unwrap();

        // Made anew, with its label or without.
        grants.set_source("hub", good(), Share::of(Some("true"), None));
        assert!(!grants.forget_gone(start + grace));
        assert_eq!(names(&grants), ["a", "shared:hub"]);
        grants.set_source("hub", good(), None);
        assert_eq!(names(&grants), ["a"]);

        // Gone for good, over a restart too.
        let mut grants = Grants::new(grace);
        grants.set_written(config::parse(CONFIG).unwrap().config);
        grants.keep_sources(|_| true, start);
        grants.set_published(Published::Text(Some(text)), start).unwrap();
        assert_eq!(names(&grants), ["a", "shared:hub"]);
        assert!(!grants.forget_gone(start + grace / 2));
        assert!(grants.forget_gone(start + grace));
        assert_eq!(names(&grants), ["a"]);
    }

    #[test]
    fn the_basis_is_another_one_with_each_news_and_each_doubt() {
        let mut grants = shared(good());
        let mut last = grants.basis().version;
        let mut is_new = |grants: &Grants| {
            let version = grants.basis().version;
            std::mem::replace(&mut last, version) != version
        };
        assert!(grants.set_text(None) && is_new(&grants));
        assert!(!grants.set_text(None) && !is_new(&grants));
        assert!(grants.set_text(Some("a")) && is_new(&grants));
        grants.set_source("hub", good(), Share::of(Some("true"), None));
        assert!(!is_new(&grants));
        grants.set_source("hub", good(), None);
        assert!(is_new(&grants));
        grants.doubt();
        assert!(is_new(&grants));
    }
}
