//! [`Document`] -> [`Config`]: every check, every problem at once, and the compiled table.

use super::{
    API_VERSION, KIND,
    entry::{self, Entry, MAX_ENTRIES},
    kubernetes_names::shortened,
    problem::{ConfigError, Place, Problem},
    schema::{Document, Mode, Scope},
};
use crate::image::{IndexError, Pattern, PatternIndex, Reference, Scratch};
use serde_saphyr::Spanned;
use std::{collections::HashMap, sync::Arc};

/// A checked and compiled configuration. Immutable: a new version is a new value.
#[derive(Debug)]
pub struct Config {
    /// Whether Pods are changed.
    pub mode: Mode,
    /// Which namespaces are considered.
    pub scope: Scope,
    entries: Box<[Entry]>,
    index: PatternIndex,
    /// For each pattern of the index, where it is written.
    owners: Box<[Owner]>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    entry: u32,
    role: HitRole,
}

/// On which list of its entry a pattern stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitRole {
    /// `images`.
    Image,
    /// `exceptImages`.
    ExceptImage,
}

/// A pattern that matches an image.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'c> {
    /// The position of the pattern's entry.
    pub entry: usize,
    /// The list that the pattern stands on.
    pub role: HitRole,
    /// The pattern.
    pub pattern: &'c Pattern,
}

impl Config {
    fn new(mode: Mode, scope: Scope, entries: Vec<Entry>) -> Result<Self, IndexError> {
        let (index, owners) = index(&entries)?;
        Ok(Self { mode, scope, entries: entries.into(), index, owners: owners.into() })
    }

    /// The same with further entries, which apply after those that are written.
    ///
    /// # Errors
    /// If the patterns are too many, or too long in all.
    pub fn with(self: &Arc<Self>, further: &[Entry]) -> Result<Arc<Self>, IndexError> {
        if further.is_empty() {
            return Ok(Arc::clone(self));
        }
        let entries = self.entries.iter().chain(further).cloned().collect();
        Self::new(self.mode, self.scope, entries).map(Arc::new)
    }

    /// The entries, in the order in which they apply.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every pattern that matches a reference, ordered by entry and, within one, as written.
    pub fn hits<'c, 's>(
        &'c self,
        reference: &Reference<'_>,
        scratch: &'s mut Scratch,
    ) -> impl Iterator<Item = Hit<'c>> + use<'c, 's> {
        self.index.matches(reference, scratch).iter().filter_map(|id| {
            let owner = self.owners.get(*id as usize)?;
            let pattern = self.index.get(*id)?;
            Some(Hit { entry: owner.entry as usize, role: owner.role, pattern })
        })
    }

    /// Whether some rule can be decided only with the labels of namespaces. The label
    /// `pullpass.io/inject: disabled` counts for every configuration and is not meant here.
    pub fn needs_labels(&self) -> bool {
        self.scope == Scope::OptIn || self.entries.iter().any(|e| e.namespaces.needs_labels())
    }
}

/// Checks and compiles a document.
pub(super) fn compile(document: &Document) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    check_constant(&document.api_version, "apiVersion", API_VERSION, &mut problems);
    check_constant(&document.kind, "kind", KIND, &mut problems);
    check_count(document, &mut problems);
    check_unique_names(document, &mut problems);
    let entries: Vec<_> = document
        .registries
        .value
        .iter()
        .enumerate()
        .map(|(position, registry)| entry::compile(registry, position, &mut problems))
        .collect();
    if !problems.is_empty() {
        problems.sort();
        return Err(ConfigError { problems });
    }
    Config::new(document.mode, document.scope, entries).map_err(|error| ConfigError {
        problems: vec![Problem {
            place: Place::of(&document.registries),
            field: "registries".into(),
            entry: None,
            reason: error.to_string(),
            hint: "use wildcards to write fewer patterns".into(),
        }],
    })
}

fn index(entries: &[Entry]) -> Result<(PatternIndex, Vec<Owner>), IndexError> {
    let mut owners = Vec::new();
    let mut patterns = Vec::new();
    for (position, entry) in (0..).zip(entries) {
        let lists = [(&entry.images, HitRole::Image), (&entry.except_images, HitRole::ExceptImage)];
        for (list, role) in lists {
            owners.extend(list.iter().map(|_| Owner { entry: position, role }));
            patterns.extend(list.iter().cloned());
        }
    }
    Ok((PatternIndex::new(patterns)?, owners))
}

pub(super) fn check_constant(
    written: &Spanned<String>,
    field: &str,
    expected: &str,
    problems: &mut Vec<Problem>,
) {
    if written.value != expected {
        problems.push(Problem {
            place: Place::of(written),
            field: field.into(),
            entry: None,
            reason: format!("`{}` is not known", shortened(&written.value)),
            hint: format!("write `{field}: {expected}`"),
        });
    }
}

fn check_count(document: &Document, problems: &mut Vec<Problem>) {
    let count = document.registries.value.len();
    let (reason, hint) = match count {
        0 => ("the list is empty".to_owned(), "write at least one entry".to_owned()),
        1..=MAX_ENTRIES => return,
        _ => (
            format!("there are {count} entries; at most {MAX_ENTRIES} are allowed"),
            "join entries that have the same pull secret and namespaces".to_owned(),
        ),
    };
    let place = Place::of(&document.registries);
    problems.push(Problem { place, field: "registries".into(), entry: None, reason, hint });
}

fn check_unique_names(document: &Document, problems: &mut Vec<Problem>) {
    let mut first_place = HashMap::new();
    for (position, registry) in document.registries.value.iter().enumerate() {
        let place = Place::of(&registry.name);
        if let Some(first) = first_place.get(&registry.name.value) {
            let Place { line, .. } = first;
            let name = shortened(&registry.name.value);
            problems.push(Problem {
                place,
                field: format!("registries[{position}].name"),
                reason: format!("the name `{name}` is taken by the entry of line {line}"),
                entry: Some(name),
                hint: "give each entry a name of its own".into(),
            });
        } else {
            first_place.insert(&registry.name.value, place);
        }
    }
}
