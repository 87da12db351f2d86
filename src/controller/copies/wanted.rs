//! Which copies a namespace is to have. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::copy::Wanted;
use crate::config::{Config, Labels};
use crate::sources::Sources;

/// The copies of one namespace, by the name of the pull secret.
pub type WantedCopies = BTreeMap<Arc<str>, Arc<Wanted>>;

/// The copies that a namespace is to have. Of entries that give the same pull secret the first whose
/// source can be used wins, and if there is none, the first.
pub fn wanted(
    config: &Config,
    sources: &Sources,
    own_namespace: &str,
    namespace: &str,
    labels: &Labels,
) -> WantedCopies {
    let mut wanted = WantedCopies::new();
    if namespace == own_namespace {
        return wanted;
    }
    for granted in config.granted_copies(namespace, labels) {
        let is_good = |source: &str| sources.content(source).is_some();
        let is_taken = wanted
            .get(granted.pull_secret)
            .is_some_and(|first| is_good(&first.source) || !is_good(&granted.source.secret));
        if !is_taken {
            let copy = Wanted {
                entry: (*granted.entry.name).into(),
                source: (*granted.source.secret).into(),
                on_removal: granted.source.on_removal,
            };
            wanted.insert(granted.pull_secret.into(), Arc::new(copy));
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::sources::Source;

    const CONFIG: &str = r#"
apiVersion: pullpass.io/v1
kind: Config
registries:
- {name: a, images: ["a.example/*"], namespaces: {names: ["*"]}, source: {secret: one}}
- {name: b, images: ["b.example/*"], namespaces: {names: ["team-*"]}, pullSecrets: [a], source: {secret: two}}
- {name: c, images: ["c.example/*"], namespaces: {selector: {matchLabels: {tier: paid}}}, source: {secret: two}}
- {name: d, images: ["d.example/*"]}
"#;

    fn entries(
        sources: &Sources,
        namespace: &str,
        labels: &[(&str, &str)],
    ) -> Vec<(String, String)> {
        let config = config::parse(CONFIG).unwrap().config;
        let labels = labels.iter().copied().collect();
        let wanted = wanted(&config, sources, "pullpass-system", namespace, &labels);
        wanted.iter().map(|(name, copy)| (name.to_string(), copy.entry.to_string())).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, entry)| ((*name).to_owned(), (*entry).to_owned())).collect()
    }

    #[test]
    fn a_namespace_gets_what_its_name_and_labels_are_granted() {
        let none = Sources::default();
        assert_eq!(entries(&none, "shop", &[]), pairs(&[("a", "a")]));
        assert_eq!(entries(&none, "shop", &[("tier", "paid")]), pairs(&[("a", "a"), ("c", "c")]));
        assert_eq!(entries(&none, "shop", &[("pullpass.io/inject", "disabled")]), pairs(&[]));
        for never in ["kube-system", "kube-public", "kube-node-lease", "pullpass-system"] {
            assert_eq!(entries(&none, never, &[("tier", "paid")]), pairs(&[]), "{never}");
        }
    }

    #[test]
    fn of_entries_with_the_same_pull_secret_the_first_with_a_good_source_wins() {
        let broken = Source::Broken("broken".into());
        let good = Source::good("uid", b"{}");
        for (one, two, entry) in [
            (None, None, "a"),
            (Some(&good), Some(&good), "a"),
            (Some(&broken), Some(&good), "b"),
            (None, Some(&good), "b"),
            (Some(&broken), Some(&broken), "a"),
            (Some(&good), None, "a"),
        ] {
            let mut sources = Sources::default();
            for (name, source) in [("one", one), ("two", two)] {
                if let Some(source) = source {
                    sources.set(name, source.clone(), None);
                }
            }
            assert_eq!(entries(&sources, "team-x", &[]), pairs(&[("a", entry)]));
        }
    }
}
