//! Warnings: what is allowed, but seldom meant.

mod coverage;

use super::{
    compile::Config,
    entry::Entry,
    problem::{Place, Problem},
    schema::{Document, Registry},
    selector::Selector,
    source::is_google_host,
};
use crate::credentials::Steps;
use crate::image::{DOCKER_HUB, Pattern, PatternIndex, PatternParts, Scratch};
use serde_saphyr::Spanned;
use std::collections::HashMap;

type List = Spanned<Vec<Spanned<String>>>;

/// All warnings about a configuration that is in order.
pub fn lint(document: &Document, config: &Config) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut copies = HashMap::new();
    let mut steps = Steps::new(coverage::MAX_STEPS);
    for (position, (registry, entry)) in
        document.registries.value.iter().zip(config.entries()).enumerate()
    {
        let base = format!("registries[{position}]");
        let mut lint = Lint { base, entry, warnings: &mut warnings };
        lint.images(registry);
        lint.never(registry);
        lint.patterns_twice(&registry.images, &entry.images, "images");
        if let Some(list) = &registry.except_images {
            lint.except_images(list);
            lint.patterns_twice(list, &entry.except_images, "exceptImages");
        }
        if let Some(list) = &registry.pull_secrets {
            let names = list.value.iter().map(|name| name.value.clone());
            lint.twice(list, names, "pullSecrets");
        }
        lint.trust_in_labels(registry);
        lint.copies_of_one_name(registry, &mut copies);
        lint.tokens_of_google(registry);
        lint.coverage(registry, &mut steps);
    }
    warnings.sort();
    warnings
}

struct Lint<'a> {
    base: String,
    entry: &'a Entry,
    warnings: &'a mut Vec<Problem>,
}

impl Lint<'_> {
    fn warn<T>(&mut self, at: &Spanned<T>, field: &str, reason: String, hint: String) {
        self.warnings.push(Problem {
            place: Place::of(at),
            field: format!("{}.{field}", self.base),
            entry: Some(self.entry.name.to_string()),
            reason,
            hint,
        });
    }

    fn images(&mut self, registry: &Registry) {
        for (i, (written, pattern)) in
            registry.images.value.iter().zip(&self.entry.images).enumerate()
        {
            if let Some((reason, hint)) = odd_pattern(pattern) {
                self.warn(written, &format!("images[{i}]"), reason, hint);
            }
        }
    }

    /// Patterns of which `exceptImages` leaves nothing.
    fn never(&mut self, registry: &Registry) {
        let entry = self.entry;
        if entry.except_images.is_empty() {
            return;
        }
        let Ok(excepts) = PatternIndex::new(entry.except_images.clone()) else { return };
        let mut scratch = Scratch::default();
        for (i, (written, pattern)) in registry.images.value.iter().zip(&entry.images).enumerate() {
            if let Some(by) = excepts.first_covering(pattern, &mut scratch) {
                let reason = format!(
                    "`{pattern}` can never match: `{by}` of `exceptImages` leaves out all that it includes"
                );
                self.warn(written, &format!("images[{i}]"), reason, "remove one of the two".into());
            }
        }
    }

    fn except_images(&mut self, list: &List) {
        for (i, (written, pattern)) in list.value.iter().zip(&self.entry.except_images).enumerate()
        {
            let field = format!("exceptImages[{i}]");
            if pattern.parts().is_some_and(|parts| parts.tag.is_some()) {
                let reason =
                    format!("`{pattern}` has a tag: the same image by its digest gets round it");
                self.warn(written, &field, reason, "leave out images without a tag".into());
            }
            if let Some((reason, hint)) = misses_official_images(pattern) {
                self.warn(written, &field, reason, hint);
            }
        }
    }

    fn patterns_twice(&mut self, list: &List, patterns: &[Pattern], field: &str) {
        let texts = patterns.iter().map(|p| p.normalized().unwrap_or_else(|| p.to_string()));
        self.twice(list, texts, field);
    }

    /// Items that mean the same as an earlier one; `meanings` stands beside the list.
    fn twice(&mut self, list: &List, meanings: impl Iterator<Item = String>, field: &str) {
        let mut first = HashMap::new();
        for (i, (item, meaning)) in list.value.iter().zip(meanings).enumerate() {
            let earlier: &Spanned<String> = first.entry(meaning).or_insert(item);
            if !std::ptr::eq(earlier, item) {
                let reason = match earlier.value == item.value {
                    true => format!("`{}` is written twice", item.value),
                    false => format!("`{}` means the same as `{}`", item.value, earlier.value),
                };
                self.warn(item, &format!("{field}[{i}]"), reason, "remove one".into());
            }
        }
    }

    /// Of two copies of one name a namespace has one.
    fn copies_of_one_name<'a>(
        &mut self,
        registry: &'a Registry,
        copies: &mut HashMap<Box<str>, (Box<str>, &'a str)>,
    ) {
        let Some((written, source)) = registry.source.as_ref().zip(self.entry.source.as_ref())
        else {
            return;
        };
        let Some(pull_secret) = self.entry.pull_secrets.first() else { return };
        let this = || (source.secret.clone(), registry.name.value.as_str());
        let (first, earlier) = copies.entry(pull_secret.clone()).or_insert_with(this);
        if *first == source.secret {
            return;
        }
        let reason = format!(
            "the entry {earlier} brings the same pull secret `{pull_secret}` from the Secret {first}: where both are granted, only one of the two is there"
        );
        let hint = "give each its own name in `pullSecrets`".to_owned();
        match &written.value.secret {
            Some(secret) => self.warn(secret, "source.secret", reason, hint),
            None => self.warn(written, "source", reason, hint),
        }
    }

    /// Whoever is asked for an image gets the token: it should be Google.
    fn tokens_of_google(&mut self, registry: &Registry) {
        let Some(gcp) = registry.source.as_ref().and_then(|source| source.value.gcp.as_ref())
        else {
            return;
        };
        for written in &gcp.value.registries.value {
            if !is_google_host(&written.value) {
                let reason = format!(
                    "`{}` is no host of Artifact Registry, and is shown Google's credential",
                    written.value
                );
                let hint = "write `LOCATION-docker.pkg.dev` or a host of gcr.io, unless this one is your own name for it".to_owned();
                self.warn(written, "source.gcp.registries", reason, hint);
            }
        }
    }

    /// A grant by label is as good as the rule on who may set that label.
    fn trust_in_labels(&mut self, registry: &Registry) {
        let keys: Vec<_> = self
            .entry
            .namespaces
            .selector()
            .into_iter()
            .flat_map(Selector::trusted_keys)
            .map(|key| format!("`{key}`"))
            .collect();
        let selector = registry.namespaces.as_ref().and_then(|rule| rule.value.selector.as_ref());
        let Some(selector) = selector.filter(|_| registry.source.is_some() && !keys.is_empty())
        else {
            return;
        };
        let reason = format!(
            "whoever may set {} on a Namespace decides who gets the secret",
            keys.join(" and ")
        );
        let hint = "reserve the label to admins, or grant by `names`".into();
        self.warn(selector, "namespaces.selector", reason, hint);
    }
}

fn odd_pattern(pattern: &Pattern) -> Option<(String, String)> {
    let Some(parts) = pattern.parts() else {
        return Some((
            "`*` puts the secret on Pods with public images too: the kubelet tries it, and then has no anonymous fallback".into(),
            "name the registries that need the secret".into(),
        ));
    };
    misses_official_images(pattern).or_else(|| {
        // Within an organisation a shared prefix is a matter of taste; of a whole first part it is a risk.
        let stem = open_first_component(&parts)?;
        let registry = pattern.as_str().split('/').next().unwrap_or_default();
        let tag = parts.tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        Some((
            format!("`{pattern}` matches `{registry}/{stem}-evil/x` too"),
            format!("write `{registry}/{stem}/*{tag}`"),
        ))
    })
}

fn misses_official_images(pattern: &Pattern) -> Option<(String, String)> {
    let parts = pattern.parts().filter(|parts| parts.domain == Some(DOCKER_HUB))?;
    let stem = open_first_component(&parts)?;
    let tag = parts.tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    Some((
        format!("`{pattern}` misses the official images, whose path begins with `library/`"),
        format!(
            "write `docker.io/library/{stem}*{tag}`, or `docker.io/{stem}/*{tag}` for an organisation"
        ),
    ))
}

/// `p` of the path `p*`, which goes on across the `/`.
fn open_first_component<'a>(parts: &PatternParts<'a>) -> Option<&'a str> {
    parts.path.strip_suffix('*').filter(|stem| !stem.is_empty() && !stem.contains(['*', '/']))
}
