//! Patterns: each matches what its definition says, and an index over many gives what each gives by itself.

use pullpass::image::{Pattern, PatternIndex, Reference, Scratch, near_miss};
use std::str;

/// As many lines are taken of an input: the laws over pairs cost their square.
const MAX_LINES: usize = 12;

/// Checks the lines of a text, each as a pattern and as a reference.
pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let lines: Vec<_> = text.split('\n').take(MAX_LINES).collect();
    let references: Vec<_> = lines.iter().filter_map(|line| Reference::parse(line).ok()).collect();
    let patterns: Vec<_> = lines.iter().filter_map(|line| parsed(line)).collect();
    for pattern in &patterns {
        for reference in &references {
            let expected = by_definition(pattern.as_str(), reference);
            assert_eq!(pattern.matches(reference), expected, "{pattern} on {reference}");
        }
    }
    let index = PatternIndex::new(patterns.clone()).unwrap();
    let mut scratch = Scratch::default();
    for reference in &references {
        let one_by_one: Vec<_> =
            (0..).zip(&patterns).filter(|(_, p)| p.matches(reference)).map(|(i, _)| i).collect();
        let found = index.matches(reference, &mut scratch);
        assert_eq!(found, &one_by_one[..], "{patterns:?} on {reference}");
        if let Some(near) = near_miss(reference, &patterns) {
            assert!(!near.pattern.matches(reference), "{} on {reference}", near.pattern);
        }
    }
    for inner in &patterns {
        let first = patterns.iter().find(|outer| outer.covers(inner));
        assert_eq!(index.first_covering(inner, &mut scratch), first, "{inner} of {patterns:?}");
        assert!(inner.covers(inner), "{inner}");
        covering_is_sound(inner, &patterns, &references);
    }
}

/// What covers a pattern matches all that the pattern matches.
fn covering_is_sound(inner: &Pattern, patterns: &[Pattern], references: &[Reference<'_>]) {
    for outer in patterns.iter().filter(|outer| outer.covers(inner)) {
        for reference in references.iter().filter(|reference| inner.matches(reference)) {
            assert!(outer.matches(reference), "{outer} covers {inner} but not {reference}");
        }
    }
}

/// The pattern; of what is none, the reason and the hint are in words.
fn parsed(text: &str) -> Option<Pattern> {
    match Pattern::parse(text) {
        Ok(pattern) => {
            assert_eq!((pattern.as_str(), &*pattern.to_string()), (text, text));
            assert_eq!(Pattern::parse(text).as_ref(), Ok(&pattern));
            Some(pattern)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.hint().is_empty(), "{text:?}");
            None
        }
    }
}

/// What a pattern matches, as the documentation says it.
fn by_definition(pattern: &str, reference: &Reference<'_>) -> bool {
    if pattern == "*" {
        return true;
    }
    let (domain, rest) = pattern.split_once('/').unwrap();
    let (path, tag) = rest.split_once(':').map_or((rest, "*"), |(path, tag)| (path, tag));
    let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
    let official = domain == "docker.io" && !path.contains(['*', '/']);
    let path = if official { format!("library/{path}") } else { path.to_owned() };
    is_domain(domain, reference.domain())
        && is_glob_of(&path, reference.path())
        && (tag == "*" || reference.tag().is_some_and(|text| is_glob_of(tag, text)))
}

fn is_domain(pattern: &str, domain: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == domain;
    }
    let parts = |text: &str| -> Option<(Vec<String>, Option<String>)> {
        let (host, port) = text.split_once(':').map_or((text, None), |(h, p)| (h, Some(p)));
        let labels = host.split('.').map(str::to_owned).collect();
        (!text.starts_with('[')).then_some((labels, port.map(str::to_owned)))
    };
    let (Some((labels, port)), Some((actual, actual_port))) = (parts(pattern), parts(domain))
    else {
        return false;
    };
    let mut pairs = labels.iter().zip(&actual);
    port == actual_port
        && labels.len() == actual.len()
        && pairs.all(|(glob, label)| is_glob_of(glob, label))
}

/// Row by row: which beginnings of the text the beginning of the glob stands for.
fn is_glob_of(glob: &str, text: &str) -> bool {
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for byte in glob.bytes() {
        match byte {
            b'*' => {
                for i in 1..row.len() {
                    row[i] |= row[i - 1];
                }
            }
            _ => {
                for i in (1..row.len()).rev() {
                    row[i] = row[i - 1] && text.as_bytes()[i - 1] == byte;
                }
                row[0] = false;
            }
        }
    }
    row[text.len()]
}
