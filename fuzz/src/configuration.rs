//! The configuration, and what is shared by label: every text is taken or refused in words, and what is taken decides as
//! its entries say one by one.

use pullpass::{
    config::{
        Config, ConfigError, HitRole, Labels, Problem, SharedNamespaces, SharedSecrets, parse,
    },
    image::{Pattern, Reference, Scratch},
};
use std::{collections::HashSet, str};

/// Longest reason or hint of a problem, in bytes: what is quoted of a text is shortened.
const MAX_WORDS: usize = 4 * 1024;

/// Checks one text.
pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match parse(text) {
        Ok(parsed) => {
            parsed.warnings.iter().for_each(|warning| in_words(warning, text));
            assert_eq!(parse(text).unwrap().warnings, parsed.warnings, "the same every time");
            decides_as_written(&parsed.config);
        }
        Err(error) => {
            refused_in_words(&error, text);
            assert_eq!(parse(text).unwrap_err(), error, "the same every time");
        }
    }
    shared(text);
}

fn refused_in_words(error: &ConfigError, text: &str) {
    assert!(!error.problems.is_empty());
    assert!(error.problems.is_sorted_by_key(|problem| problem.place), "{error}");
    error.problems.iter().for_each(|problem| in_words(problem, text));
    assert_eq!(error.to_string().lines().count(), 1 + error.problems.len());
    assert!(error.brief().len() < 17 * 1024);
}

/// One line that forges nothing, with a place within the text.
fn in_words(problem: &Problem, text: &str) {
    assert!(!problem.reason.is_empty() && !problem.hint.is_empty(), "{problem}");
    assert!(problem.reason.len() < MAX_WORDS && problem.hint.len() < MAX_WORDS, "{problem}");
    assert!(!problem.to_string().contains(char::is_control), "{problem:?}");
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() as u64;
    assert!((1..=lines + 1).contains(&problem.place.line), "{problem}: there are {lines} lines");
    assert!(problem.place.column >= 1, "{problem}");
}

fn decides_as_written(config: &Config) {
    let entries = config.entries();
    assert!(!entries.is_empty());
    let names: HashSet<_> = entries.iter().map(|entry| &entry.name).collect();
    assert_eq!(names.len(), entries.len(), "names are unique");
    for entry in entries {
        assert!(!entry.images.is_empty() && !entry.pull_secrets.is_empty());
        for pattern in entry.images.iter().chain(&entry.except_images).take(8) {
            for filling in ["", "x", "a/b"] {
                let image = pattern.as_str().replace('*', filling);
                if let Ok(reference) = Reference::parse(&image) {
                    hits_are_those_of_each_entry(config, &reference);
                }
            }
        }
        for namespace in ["default", "kube-system", "team-a"] {
            let (unknown, none) = (None, Labels::default());
            let decided = entry.namespaces.decide(namespace, Some(&none));
            if !entry.namespaces.needs_labels() {
                assert_eq!(entry.namespaces.decide(namespace, unknown), decided);
            }
            let granted = config.granted_copies(namespace, &none).map(|copy| &copy.entry.name);
            assert!(granted.count() <= entries.len());
        }
    }
}

fn hits_are_those_of_each_entry(config: &Config, reference: &Reference<'_>) {
    let expected = config.entries().iter().enumerate().flat_map(|(position, entry)| {
        let of = |list: &[Pattern], role| {
            let matching = list.iter().filter(|pattern| pattern.matches(reference));
            matching.map(|pattern| (position, role, pattern.to_string())).collect::<Vec<_>>()
        };
        let except = of(&entry.except_images, HitRole::ExceptImage);
        of(&entry.images, HitRole::Image).into_iter().chain(except)
    });
    let expected: Vec<_> = expected.collect();
    let mut scratch = Scratch::default();
    let hits = config.hits(reference, &mut scratch);
    let hits: Vec<_> = hits.map(|hit| (hit.entry, hit.role, hit.pattern.to_string())).collect();
    assert_eq!(hits, expected, "{reference}");
}

/// What is published for the webhook is read as it was, and the annotation of a Secret in words.
fn shared(text: &str) {
    if let Err(reason) = SharedNamespaces::parse(text) {
        assert!(!reason.is_empty());
    }
    let shared = match SharedSecrets::parse(text) {
        Ok(shared) => shared,
        Err(error) => return refused_in_words(&error, text),
    };
    let written = shared.to_yaml().unwrap();
    let again = SharedSecrets::parse(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
    assert_eq!(again.to_yaml().unwrap(), written);
    let told = |shared: &SharedSecrets| shared.entries().map_err(|error| error.problems.len());
    assert_eq!(format!("{:?}", told(&again)), format!("{:?}", told(&shared)), "{written}");
}
