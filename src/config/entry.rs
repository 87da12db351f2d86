//! The checks of one entry.

use super::{
    kubernetes_names as names,
    namespaces::NamespaceRule,
    problem::{Place, Problem},
    schema::{LabelSelector, MatchExpression, Namespaces, Operator, Registry},
    selector::{Requirement, Selector, Test},
    source::Source,
};
use crate::{glob::Glob, image::Pattern};
use serde_saphyr::Spanned;

/// One checked entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its unique name.
    pub name: Box<str>,
    /// The patterns of its images.
    pub images: Vec<Pattern>,
    /// The patterns of images that it leaves out.
    pub except_images: Vec<Pattern>,
    /// The namespaces that it is granted to; the default rule grants all in scope.
    pub namespaces: NamespaceRule,
    /// The names of its pull secrets; never empty.
    pub pull_secrets: Vec<Box<str>>,
    /// Where the content of its pull secret comes from.
    pub source: Option<Source>,
}

impl Entry {
    /// Whether it stands for a Secret that is shared by label.
    pub fn is_shared(&self) -> bool {
        self.name.starts_with(SHARED_PREFIX)
    }
}

/// How the name of an entry begins that stands for a shared Secret. No written entry can be called so.
pub const SHARED_PREFIX: &str = "shared:";

/// Most entries of a configuration.
pub const MAX_ENTRIES: usize = 10_000;
/// Most items of one list of an entry.
const MAX_ITEMS: usize = 10_000;

/// Checks one entry; what is wrong goes to `problems`.
pub fn compile(registry: &Registry, position: usize, problems: &mut Vec<Problem>) -> Entry {
    let mut check = Check {
        base: format!("registries[{position}]"),
        entry: names::shortened(&registry.name.value),
        problems,
    };
    check.name(&registry.name);
    let images = check.patterns(&registry.images, "images");
    let except_images = match &registry.except_images {
        Some(list) => check.patterns(list, "exceptImages"),
        None => Vec::new(),
    };
    check.source_needs_grant(registry);
    Entry {
        source: check.source(registry, &images),
        name: registry.name.value.as_str().into(),
        images,
        except_images,
        namespaces: registry.namespaces.as_ref().map(|n| check.namespaces(n)).unwrap_or_default(),
        pull_secrets: check.pull_secrets(registry),
    }
}

/// Collects the problems of one entry, each with its field.
pub(super) struct Check<'a> {
    /// The field of the entry, for example `registries[3]`.
    pub base: String,
    /// Its name.
    pub entry: String,
    /// What is wrong so far.
    pub problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    pub(super) fn problem<T>(
        &mut self,
        at: &Spanned<T>,
        field: &str,
        reason: String,
        hint: impl Into<String>,
    ) {
        self.problems.push(Problem {
            place: Place::of(at),
            field: format!("{}.{field}", self.base),
            entry: Some(self.entry.clone()),
            reason,
            hint: hint.into(),
        });
    }

    fn name(&mut self, name: &Spanned<String>) {
        if !names::is_dns_label(&name.value) {
            let reason =
                format!("`{}` is no valid name for an entry", names::shortened(&name.value));
            self.problem(name, "name", reason, names::DNS_LABEL_HINT);
        }
    }

    /// Whether a list may be used: neither empty nor over the cap.
    fn list<T>(&mut self, list: &Spanned<Vec<T>>, field: &str) {
        match list.value.len() {
            0 => {
                let hint = match field {
                    "images" => "write at least one pattern",
                    _ => "write an item, or remove the field",
                };
                self.problem(list, field, "the list is empty".into(), hint);
            }
            1..=MAX_ITEMS => {}
            n => self.problem(
                list,
                field,
                format!("the list has {n} items; at most {MAX_ITEMS} are allowed"),
                "use wildcards, or split the entry",
            ),
        }
    }

    pub fn patterns(&mut self, list: &Spanned<Vec<Spanned<String>>>, field: &str) -> Vec<Pattern> {
        self.list(list, field);
        let mut patterns = Vec::with_capacity(list.value.len());
        for (i, text) in list.value.iter().enumerate() {
            match Pattern::parse(&text.value) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => {
                    let reason = format!("pattern `{}`: {error}", names::shortened(&text.value));
                    self.problem(text, &format!("{field}[{i}]"), reason, error.hint());
                }
            }
        }
        patterns
    }

    pub fn namespaces(&mut self, written: &Spanned<Namespaces>) -> NamespaceRule {
        let Namespaces { names, selector, except } = &written.value;
        if names.is_none() && selector.is_none() && except.is_none() {
            let hint = "write `names: [\"*\"]` for all, or remove the field";
            self.problem(written, "namespaces", "nothing is written in it".into(), hint);
        }
        NamespaceRule {
            names: names.as_ref().map(|list| self.globs(list, "namespaces.names")),
            selector: selector.as_ref().map(|s| self.selector(s)),
            except: except
                .as_ref()
                .map(|list| self.globs(list, "namespaces.except"))
                .unwrap_or_default(),
        }
    }

    fn globs(&mut self, list: &Spanned<Vec<Spanned<String>>>, field: &str) -> Box<[Glob]> {
        self.list(list, field);
        for (i, text) in list.value.iter().enumerate() {
            if let Err(reason) = names::check_namespace_glob(&text.value) {
                let reason = format!("`{}`: {reason}", names::shortened(&text.value));
                self.problem(text, &format!("{field}[{i}]"), reason, names::NAMESPACE_GLOB_HINT);
            }
        }
        list.value.iter().map(|text| Glob::new(&text.value)).collect()
    }

    fn selector(&mut self, written: &Spanned<LabelSelector>) -> Selector {
        let mut requirements = Vec::new();
        for (key, value) in written.value.match_labels.iter().flatten() {
            let field = format!("namespaces.selector.matchLabels.{}", names::shortened(key));
            self.label_key(value, &field, key);
            self.label_value(value, &field);
            let values = [value.value.as_str().into()].into();
            requirements.push(Requirement { key: key.as_str().into(), test: Test::In(values) });
        }
        for (i, expression) in written.value.match_expressions.iter().flatten().enumerate() {
            requirements.push(self.expression(expression, i));
        }
        if requirements.is_empty() {
            let hint = "write a label, or `names: [\"*\"]` for every namespace";
            self.problem(written, "namespaces.selector", "the selector is empty".into(), hint);
        }
        Selector::new(requirements)
    }

    fn expression(&mut self, expression: &MatchExpression, position: usize) -> Requirement {
        let field = format!("namespaces.selector.matchExpressions[{position}]");
        self.label_key(&expression.key, &format!("{field}.key"), &expression.key.value);
        let operator = expression.operator.value;
        let written = expression.values.as_ref().map_or(&[][..], |list| &list.value);
        for (i, value) in written.iter().enumerate() {
            self.label_value(value, &format!("{field}.values[{i}]"));
        }
        let takes_values = matches!(operator, Operator::In | Operator::NotIn);
        if takes_values == written.is_empty() {
            let (reason, hint) = match takes_values {
                true => ("needs values", "write `values: [...]`"),
                false => ("takes no values", "remove `values`"),
            };
            self.problem(
                &expression.operator,
                &format!("{field}.values"),
                format!("`{operator:?}` {reason}"),
                hint,
            );
        }
        let values = || written.iter().map(|v| v.value.as_str().into()).collect();
        let test = match operator {
            Operator::In => Test::In(values()),
            Operator::NotIn => Test::NotIn(values()),
            Operator::Exists => Test::Exists,
            Operator::DoesNotExist => Test::DoesNotExist,
        };
        Requirement { key: expression.key.value.as_str().into(), test }
    }

    fn label_key<T>(&mut self, at: &Spanned<T>, field: &str, key: &str) {
        if !names::is_label_key(key) {
            let reason = format!("`{}` is no valid label key", names::shortened(key));
            self.problem(at, field, reason, names::LABEL_KEY_HINT);
        }
    }

    fn label_value(&mut self, value: &Spanned<String>, field: &str) {
        if !names::is_label_value(&value.value) {
            let reason = format!("`{}` is no valid label value", names::shortened(&value.value));
            self.problem(value, field, reason, names::LABEL_VALUE_HINT);
        }
    }

    fn pull_secrets(&mut self, registry: &Registry) -> Vec<Box<str>> {
        let Some(list) = &registry.pull_secrets else {
            return vec![registry.name.value.as_str().into()];
        };
        self.list(list, "pullSecrets");
        for (i, name) in list.value.iter().enumerate() {
            self.secret_name(name, &format!("pullSecrets[{i}]"));
        }
        list.value.iter().map(|name| name.value.as_str().into()).collect()
    }

    pub fn secret_name(&mut self, name: &Spanned<String>, field: &str) {
        if !names::is_dns_subdomain(&name.value) {
            let reason =
                format!("`{}` is no valid name for a Secret", names::shortened(&name.value));
            self.problem(name, field, reason, names::DNS_SUBDOMAIN_HINT);
        }
    }

    /// Copying a secret is disclosing it, so the grant must be written.
    fn source_needs_grant(&mut self, registry: &Registry) {
        let Some(source) = &registry.source else { return };
        let reason = || "with `source` it must be written who gets the secret".to_owned();
        let hint = "write `namespaces: {names: [...]}`; `names: [\"*\"]` says all";
        match &registry.namespaces {
            None => self.problem(source, "namespaces", reason(), hint),
            Some(rule) if rule.value.names.is_none() && rule.value.selector.is_none() => {
                self.problem(rule, "namespaces", reason(), hint);
            }
            Some(_) => {}
        }
    }
}
