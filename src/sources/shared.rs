//! Which Secrets are shared by label, for which images and namespaces.

use super::{Finding, FindingKind, Share, Sources};
use crate::config::{Config, SharedNamespaces, SharedSecret, SharedSecrets};
use crate::credentials::Derived;
use std::{collections::HashMap, mem, sync::Arc};

/// The longest text of all that is shared: a little less than a ConfigMap holds, 1 MiB.
const MAX_PUBLISHED_BYTES: usize = 1_000_000;

/// What is shared by label.
#[derive(Debug, Default)]
pub struct Sharing {
    /// The Secrets, in the order of their names.
    pub secrets: Vec<SharedSecret>,
    /// What was asked for and is not shared.
    pub findings: Vec<Finding>,
}

impl Sharing {
    /// Of Secrets that were deleted, what they stand for stays.
    pub fn keep<'s>(&mut self, deleted: impl Iterator<Item = &'s SharedSecret>) {
        for secret in deleted {
            let name = secret.name();
            let note = format!(
                "the Secret {name}, which was shared by its label, does not exist any more; what was shared stays for a while: create it again, or wait until its copies are deleted"
            );
            self.findings.push(Finding {
                kind: FindingKind::SharedDeleted,
                source: name.into(),
                note,
            });
            self.secrets.push(secret.clone());
        }
        self.secrets.sort_by(|a, b| a.name().cmp(b.name()));
    }

    /// The written entries, and those that the shared Secrets stand for. What does not fit is left out
    /// and found, the last by name first: written entries never depend on what is shared.
    pub fn join(&mut self, written: &Arc<Config>) -> Arc<Config> {
        self.refuse_invalid();
        let fit = |count: usize| joined(written, self.secrets.get(..count)?).ok();
        if let Some(config) = fit(self.secrets.len()) {
            return config;
        }
        // As many as there can be: `few` fit, `many` do not.
        let (mut few, mut many) = (0, self.secrets.len());
        let mut best = Arc::clone(written);
        while many - few > 1 {
            let count = usize::midpoint(few, many);
            match fit(count) {
                Some(config) => (few, best) = (count, config),
                None => many = count,
            }
        }
        for left_out in self.secrets.split_off(few) {
            self.refuse(left_out.name(), "all that is shared is too much; share fewer Secrets");
        }
        best
    }

    /// Leaves out each that is no entry by itself.
    fn refuse_invalid(&mut self) {
        if SharedSecrets::new(self.secrets.clone()).entries().is_ok() {
            return;
        }
        for secret in mem::take(&mut self.secrets) {
            match SharedSecrets::new(vec![secret.clone()]).entries() {
                Ok(_) => self.secrets.push(secret),
                Err(error) => self.refuse(secret.name(), &error.brief()),
            }
        }
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        let note = format!(
            "the Secret {name} is labelled to be shared, but cannot join the configuration: {reason}; it is not shared"
        );
        self.findings.push(Finding { kind: FindingKind::NotShared, source: name.into(), note });
    }
}

fn joined(written: &Arc<Config>, shared: &[SharedSecret]) -> Result<Arc<Config>, String> {
    let shared = SharedSecrets::new(shared.to_vec());
    let entries = shared.entries().map_err(|error| error.brief())?;
    let published = shared.to_yaml()?.len();
    if published > MAX_PUBLISHED_BYTES {
        return Err(format!("{published} bytes are more than a ConfigMap holds"));
    }
    written.with(&entries).map_err(|error| error.to_string())
}

/// Which Secrets are shared by their labels. Of one that is broken now, that which was in force last goes
/// on: its patterns, or the namespaces that it is for.
pub fn sharing(sources: &Sources, last: &[SharedSecret]) -> Sharing {
    let mut sharing = Sharing::default();
    let last: HashMap<_, _> = last.iter().map(|last| (last.name(), last)).collect();
    for (name, share) in sources.shares() {
        let last = last.get(&**name).copied();
        let mut asked = Asked { name, last, findings: &mut sharing.findings };
        let namespaces = asked.namespaces(share);
        let images = asked.images(sources.derived(name));
        if let (Some(images), Some(namespaces)) = (images, namespaces) {
            sharing.secrets.push(SharedSecret::new(name, images, namespaces));
        }
    }
    sharing
}

/// One Secret that asks to be shared.
struct Asked<'a> {
    name: &'a str,
    last: Option<&'a SharedSecret>,
    findings: &'a mut Vec<Finding>,
}

impl Asked<'_> {
    fn find(&mut self, what: &str) {
        let stays = match self.last {
            Some(_) => "what was shared before stays",
            None => "it is not shared",
        };
        let note =
            format!("the Secret {} is labelled to be shared, but {what}; {stays}", self.name);
        self.findings.push(Finding {
            kind: FindingKind::NotShared,
            source: self.name.into(),
            note,
        });
    }

    /// The namespaces that it is for; none if that is not known.
    #[expect(clippy::option_option, reason = "not known, and all in scope, are two things")]
    fn namespaces(&self, share: &Share) -> Option<Option<SharedNamespaces>> {
        share.namespaces().ok().or_else(|| self.last.map(SharedSecret::namespaces))
    }

    /// The patterns that it serves; none if that is not known.
    fn images(&mut self, derived: Result<Arc<Derived>, String>) -> Option<Vec<String>> {
        let derived = match derived {
            Ok(derived) => derived,
            Err(reason) => {
                self.find(&reason);
                return self.last_images();
            }
        };
        for registry in &derived.not_derived {
            self.findings.push(Finding {
                kind: FindingKind::NotShared,
                source: self.name.into(),
                note: format!("of the shared Secret {}, {registry}", self.name),
            });
        }
        if derived.patterns.is_empty() {
            self.find("no image follows from the keys of its auths");
            return self.last_images();
        }
        Some(derived.patterns.iter().map(ToString::to_string).collect())
    }

    fn last_images(&self) -> Option<Vec<String>> {
        Some(self.last?.images().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, sources::Source};
    use rstest::rstest;
    use serde_json::json;

    // user:pass
    const HUB: &str = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dXNlcjpwYXNz"}}}"#;
    const TWO: &str = r#"{"auths": {"gcr.io/team": {"auth": "dXNlcjpwYXNz"}, "quay.io": {}}}"#;
    const NONE: &str = r#"{"auths": {"registry": {"auth": "dXNlcjpwYXNz"}}}"#;

    fn of(content: Option<&str>, annotation: Option<&str>, last: &[SharedSecret]) -> Sharing {
        let mut sources = Sources::default();
        let source = match content {
            Some(content) => Source::good("uid", content.as_bytes()),
            None => Source::Broken("it is broken".into()),
        };
        sources.set("pull", source, Share::of(Some("true"), annotation));
        sources.set("other", Source::good("uid", HUB.as_bytes()), Share::of(Some("false"), None));
        sharing(&sources, last)
    }

    fn told(sharing: &Sharing) -> Vec<String> {
        let one = |secret: &SharedSecret| {
            let images: Vec<_> = secret.images().collect();
            let everywhere = if secret.namespaces().is_none() { "" } else { " narrowed" };
            format!("{} {}{everywhere}", secret.name(), images.join(" "))
        };
        sharing.secrets.iter().map(one).collect()
    }

    fn last() -> Vec<SharedSecret> {
        vec![SharedSecret::new("pull", ["old.example/*".to_owned()], None)]
    }

    const TEAMS: &str = "{names: ['team-*']}";

    #[rstest]
    #[case::whole(Some(HUB), None, "pull docker.io/*", &[])]
    #[case::narrowed(Some(HUB), Some(TEAMS), "pull docker.io/* narrowed", &[])]
    #[case::in_part(Some(TWO), None, "pull gcr.io/team gcr.io/team/*", &["quay.io"])]
    #[case::rule_broken(Some(HUB), Some("{name: a}"), "", &["unknown field `name`"])]
    #[case::content_broken(None, None, "", &["it is broken; it is not shared"])]
    #[case::nothing_follows(Some(NONE), None, "", &["registry", "no image follows"])]
    fn what_is_labelled_is_shared(
        #[case] content: Option<&str>,
        #[case] annotation: Option<&str>,
        #[case] shared: &str,
        #[case] found: &[&str],
    ) {
        let sharing = of(content, annotation, &[]);
        assert_eq!(told(&sharing).join(", "), shared);
        assert_eq!(sharing.findings.len(), found.len(), "{:?}", sharing.findings);
        for (finding, text) in sharing.findings.iter().zip(found) {
            assert!(finding.note.contains(text), "{}", finding.note);
            assert!(!finding.note.contains("dXNlcjpwYXNz"), "{}", finding.note);
        }
    }

    #[test]
    fn one_with_too_many_entries_is_not_shared() {
        let of_auths = |count: usize| {
            let one = |i: usize| (format!("r{i}.example.com"), json!({"auth": "dXNlcjpwYXNz"}));
            let auths: serde_json::Map<_, _> = (0..count).map(one).collect();
            of(Some(&json!({ "auths": auths }).to_string()), None, &[])
        };
        let sharing = of_auths(1_000);
        assert_eq!((sharing.secrets[0].images().count(), sharing.findings), (1_000, vec![]));
        let sharing = of_auths(1_001);
        let words = "more than 1000 entries; share several Secrets, or write an entry";
        assert_eq!((told(&sharing), sharing.findings.len()), (vec![], 1));
        assert!(sharing.findings[0].note.contains(words), "{:?}", sharing.findings);
    }

    #[rstest]
    #[case::content(None, None, "pull old.example/*")]
    #[case::content_but_narrowed(None, Some(TEAMS), "pull old.example/* narrowed")]
    #[case::rule(Some(HUB), Some("{name: a}"), "pull old.example/*")]
    #[case::nothing_follows(Some(NONE), None, "pull old.example/*")]
    fn fault_45_of_one_that_breaks_the_last_good_stays(
        #[case] content: Option<&str>,
        #[case] annotation: Option<&str>,
        #[case] shared: &str,
    ) {
        let sharing = of(content, annotation, &last());
        assert_eq!(told(&sharing), [shared]);
        let notes: Vec<_> = sharing.findings.iter().map(|found| &*found.note).collect();
        assert!(
            notes.iter().any(|note| note.contains("what was shared before stays")),
            "{notes:?}"
        );
    }

    fn joined_with(secrets: Vec<SharedSecret>) -> (Vec<String>, Vec<String>, Vec<String>) {
        let text = r#"
apiVersion: pullpass.io/v1
kind: Config
registries: [{name: written, images: ["a.example/*"]}]
"#;
        let written = config::parse(text).unwrap().config;
        let mut sharing = Sharing { secrets, findings: vec![] };
        let joined = sharing.join(&written);
        let entries = joined.entries().iter().map(|entry| entry.name.to_string()).collect();
        let shared = sharing.secrets.iter().map(|shared| shared.name().to_owned()).collect();
        let notes = sharing.findings.into_iter().map(|found| found.note).collect();
        (entries, shared, notes)
    }

    #[test]
    fn one_that_cannot_join_is_left_out_alone() {
        let of = |name, image: &str| SharedSecret::new(name, [image.to_owned()], None);
        let secrets = vec![of("a", "a.io/*"), of("b", "gcr.io"), of("c", "c.io/*")];
        let (entries, shared, notes) = joined_with(secrets);
        assert_eq!(entries, ["written", "shared:a", "shared:c"]);
        assert_eq!(shared, ["a", "c"]);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("the Secret b is labelled to be shared, but"), "{notes:?}");
    }

    #[rstest]
    #[case::text(30, 1_000)]
    #[case::entries(10_002, 1)]
    fn of_too_many_the_last_are_left_out(#[case] secrets: usize, #[case] images: usize) {
        let image = |secret, i| format!("r{secret}.of-a-rather-long-name.example.com/p{i}/*");
        let of = |secret| {
            let images = (0..images).map(move |i| image(secret, i));
            SharedSecret::new(&format!("s{secret:05}"), images, None)
        };
        let all: Vec<_> = (0..secrets).map(of).collect();
        let (entries, shared, notes) = joined_with(all.clone());
        let fit = shared.len();
        assert!((1..secrets).contains(&fit), "{fit}");
        assert!(shared.iter().map(String::as_str).eq(all.iter().take(fit).map(SharedSecret::name)));
        assert_eq!((entries.len(), &*entries[0], notes.len()), (fit + 1, "written", secrets - fit));
        let (_, one_more, _) = joined_with(all[..=fit].to_vec());
        assert_eq!(one_more.len(), fit, "as many as there can be");
    }

    #[test]
    fn what_is_not_labelled_any_more_is_not_shared() {
        let mut sources = Sources::default();
        sources.set("pull", Source::good("uid", HUB.as_bytes()), None);
        assert_eq!(told(&sharing(&sources, &last())), Vec::<String>::new());
    }
}
