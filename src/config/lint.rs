//! Warnings: what is allowed, but seldom meant.

use super::{
    compile::Config,
    entry::Entry,
    problem::{Place, Problem},
    schema::{Document, Registry},
    selector::Selector,
};
use crate::image::{DOCKER_HUB, Pattern};
use serde_saphyr::Spanned;

/// All warnings about a configuration that is in order.
pub fn lint(document: &Document, config: &Config) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (position, (registry, entry)) in
        document.registries.value.iter().zip(config.entries()).enumerate()
    {
        let mut lint =
            Lint { base: format!("registries[{position}]"), entry, warnings: &mut warnings };
        lint.images(registry);
        lint.except_images(registry);
        lint.twice(&registry.images.value, "images");
        if let Some(list) = &registry.except_images {
            lint.twice(&list.value, "exceptImages");
        }
        if let Some(list) = &registry.pull_secrets {
            lint.twice(&list.value, "pullSecrets");
        }
        lint.trust_in_labels(registry);
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
        let entry = self.entry;
        for (i, (written, pattern)) in registry.images.value.iter().zip(&entry.images).enumerate() {
            let field = format!("images[{i}]");
            if let Some((reason, hint)) = odd_pattern(pattern) {
                self.warn(written, &field, reason, hint);
            }
            if let Some(by) = entry.except_images.iter().find(|except| covers(except, pattern)) {
                let reason = format!(
                    "`{pattern}` can never match: `{by}` of `exceptImages` leaves out all that it includes"
                );
                self.warn(written, &field, reason, "remove one of the two".into());
            }
        }
    }

    fn except_images(&mut self, registry: &Registry) {
        let written = registry.except_images.iter().flat_map(|list| &list.value);
        for (i, (written, pattern)) in written.zip(&self.entry.except_images).enumerate() {
            if pattern.parts().is_some_and(|parts| parts.tag.is_some()) {
                let reason =
                    format!("`{pattern}` has a tag: the same image by its digest gets round it");
                self.warn(
                    written,
                    &format!("exceptImages[{i}]"),
                    reason,
                    "leave out images without a tag".into(),
                );
            }
        }
    }

    fn twice(&mut self, list: &[Spanned<String>], field: &str) {
        for (i, item) in list.iter().enumerate() {
            if list[..i].iter().any(|earlier| earlier.value == item.value) {
                let reason = format!("`{}` is written twice", item.value);
                self.warn(item, &format!("{field}[{i}]"), reason, "remove one".into());
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
        let (Some(source), false) = (&registry.source, keys.is_empty()) else { return };
        let reason = format!(
            "whoever may set {} on a Namespace decides who gets the secret",
            keys.join(" and ")
        );
        let hint = "reserve the label to admins, or grant by `names`".into();
        self.warn(source, "namespaces.selector", reason, hint);
    }
}

fn odd_pattern(pattern: &Pattern) -> Option<(String, String)> {
    let Some(parts) = pattern.parts() else {
        return Some((
            "`*` puts the secret on Pods with public images too: the kubelet tries it, and then has no anonymous fallback".into(),
            "name the registries that need the secret".into(),
        ));
    };
    let stem = parts.path.strip_suffix('*')?;
    if stem.contains('*') || stem.is_empty() || stem.ends_with('/') {
        return None;
    }
    if parts.domain == Some(DOCKER_HUB) && !stem.contains('/') {
        return Some((
            format!("`{pattern}` misses the official images, whose path begins with `library/`"),
            format!(
                "write `docker.io/library/{stem}*`, or `docker.io/{stem}/*` for an organisation"
            ),
        ));
    }
    // Within an organisation a shared prefix is a matter of taste; of a whole first part it is a risk.
    (!stem.contains('/')).then(|| {
        let registry = pattern.as_str().split('/').next().unwrap_or_default();
        (
            format!("`{pattern}` matches `{registry}/{stem}-evil/x` too"),
            format!("write `{registry}/{stem}/*`"),
        )
    })
}

/// Whether every image that `pattern` matches is matched by `except`, as far as can be told
/// from the text: it is equal, or `*`, or the same with a path or tag that is cut by `*`.
fn covers(except: &Pattern, pattern: &Pattern) -> bool {
    if except.is_any() {
        return true;
    }
    let (Some(outer), Some(inner)) = (except.parts(), pattern.parts()) else {
        return false;
    };
    let glob_covers =
        |outer: &str, inner: &str| outer == inner || crate::glob::Glob::new(outer).matches(inner);
    let same_domain = match (outer.domain, inner.domain) {
        (Some(outer), Some(inner)) => outer == inner,
        _ => except.as_str().split('/').next() == pattern.as_str().split('/').next(),
    };
    let tag_covered = match (outer.tag, inner.tag) {
        (None, _) => true,
        (Some(outer), Some(inner)) => glob_covers(outer, inner),
        (Some(_), None) => false,
    };
    same_domain && glob_covers(outer.path, inner.path) && tag_covered
}
