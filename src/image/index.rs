//! One look-up for many patterns: which of them match a reference, at a cost that does not grow
//! with their number.
//!
//! Every pattern but `*` has literal runs between its wildcards, and each run is part of the text
//! of any reference that the pattern matches. One run a pattern, the one that fewest others share,
//! goes into an Aho-Corasick automaton. One pass over a reference's text gives the few patterns
//! whose run occurs, and only those are matched.

use super::{Pattern, Reference};
use aho_corasick::{AhoCorasick, automaton::OverlappingState};
use std::collections::HashMap;
use thiserror::Error;

/// An index over patterns, which are known by their position.
#[derive(Debug)]
pub struct PatternIndex {
    patterns: Box<[Pattern]>,
    any: Box<[u32]>,
    automaton: AhoCorasick,
    /// For each literal of the automaton, the patterns that have it.
    candidates: Box<[Box<[u32]>]>,
}

/// The patterns are too many, or too long in all, to be indexed.
#[derive(Debug, Error)]
#[error("failed to index the image patterns: {0}")]
pub struct IndexError(#[from] aho_corasick::BuildError);

/// Buffers that look-ups share, so that each does not allocate anew.
#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
    literals: Vec<u32>,
    found: Vec<u32>,
}

impl PatternIndex {
    /// Builds the index.
    ///
    /// # Errors
    /// If the automaton cannot be built for so many patterns.
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, IndexError> {
        let normalized: Vec<_> = patterns.iter().map(Pattern::normalized).collect();
        let shared = count_runs(&normalized);
        let mut literals: Vec<&str> = Vec::new();
        let mut place_of: HashMap<&str, usize> = HashMap::new();
        let mut candidates: Vec<Vec<u32>> = Vec::new();
        let mut any = Vec::new();
        for (id, text) in (0..).zip(&normalized) {
            let Some(literal) = text.as_deref().and_then(|t| rarest_run(t, &shared)) else {
                any.push(id);
                continue;
            };
            let place = *place_of.entry(literal).or_insert_with(|| {
                literals.push(literal);
                candidates.push(Vec::new());
                literals.len() - 1
            });
            candidates[place].push(id);
        }
        Ok(Self {
            automaton: AhoCorasick::new(&literals)?,
            candidates: candidates.into_iter().map(Vec::into_boxed_slice).collect(),
            any: any.into(),
            patterns: patterns.into(),
        })
    }

    /// The pattern at a position.
    pub fn get(&self, id: u32) -> Option<&Pattern> {
        self.patterns.get(id as usize)
    }

    /// The positions of all patterns that match, in ascending order.
    pub fn matches<'s>(&self, reference: &Reference<'_>, scratch: &'s mut Scratch) -> &'s [u32] {
        scratch.text.clear();
        reference.write_matched_text(&mut scratch.text);
        self.collect_literals(scratch);
        scratch.found.clear();
        scratch.found.extend_from_slice(&self.any);
        for literal in &scratch.literals {
            let candidates = &self.candidates[*literal as usize];
            let matching =
                candidates.iter().filter(|id| self.patterns[**id as usize].matches(reference));
            scratch.found.extend(matching);
        }
        scratch.found.sort_unstable();
        &scratch.found
    }

    /// The first pattern that matches all that `inner` matches, as far as the texts tell. Its
    /// literal is part of the text of `inner` then, as it is of each text that it matches.
    pub fn first_covering(&self, inner: &Pattern, scratch: &mut Scratch) -> Option<&Pattern> {
        scratch.text = inner.normalized().unwrap_or_default();
        self.collect_literals(scratch);
        let candidates = scratch.literals.iter().flat_map(|l| &self.candidates[*l as usize]);
        self.any
            .iter()
            .chain(candidates)
            .filter(|id| self.patterns[**id as usize].covers(inner))
            .min()
            .and_then(|id| self.get(*id))
    }

    /// The literals that occur in the text, each once however often it occurs.
    fn collect_literals(&self, scratch: &mut Scratch) {
        scratch.literals.clear();
        let mut state = OverlappingState::start();
        loop {
            self.automaton.find_overlapping(scratch.text.as_str(), &mut state);
            match state.get_match() {
                Some(found) => scratch.literals.push(found.pattern().as_u32()),
                None => break,
            }
        }
        scratch.literals.sort_unstable();
        scratch.literals.dedup();
    }
}

/// The literal text between two wildcards, or between one and the end.
fn runs(normalized: &str) -> impl Iterator<Item = &str> {
    normalized.split('*').filter(|run| !run.is_empty())
}

fn count_runs(normalized: &[Option<String>]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for run in normalized.iter().flatten().flat_map(|text| runs(text)) {
        *counts.entry(run).or_default() += 1;
    }
    counts
}

/// The run that fewest patterns share, the longest among equals.
fn rarest_run<'a>(normalized: &'a str, shared: &HashMap<&str, usize>) -> Option<&'a str> {
    runs(normalized).min_by_key(|run| (shared.get(run).copied(), usize::MAX - run.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// How many patterns are matched one by one for an image: what a look-up costs.
    fn candidates(index: &PatternIndex, image: &str) -> usize {
        let reference = Reference::parse(image).unwrap();
        let mut scratch = Scratch::default();
        index.matches(&reference, &mut scratch);
        scratch.literals.iter().map(|literal| index.candidates[*literal as usize].len()).sum()
    }

    #[rstest]
    #[case::hosts("registry-{}.example.com/*", "registry-7.example.com/app")]
    #[case::projects("gcr.io/project-{}/*", "gcr.io/project-7/app")]
    #[case::tags("gcr.io/p/app:1.{}.*", "gcr.io/p/app:1.7.3")]
    #[case::wildcard_before("*-{}.example.com/x/*", "eu-7.example.com/x/app")]
    #[case::wildcard_after("team-{}-*.example.com/x/*", "team-7-eu.example.com/x/app")]
    #[case::wildcard_in_the_path("gcr.io/*/app-{}", "gcr.io/p/app-7")]
    #[case::accounts(
        "{}00000000.dkr.ecr.*.amazonaws.com/*",
        "700000000.dkr.ecr.eu-west-1.amazonaws.com/a"
    )]
    fn ten_thousand_patterns_cost_what_ten_cost(#[case] pattern: &str, #[case] image: &str) {
        let index = |n: u32| {
            let patterns = (0..n).map(|i| Pattern::parse(&pattern.replace("{}", &i.to_string())));
            PatternIndex::new(patterns.collect::<Result<_, _>>().unwrap()).unwrap()
        };
        let (few, many) = (candidates(&index(10), image), candidates(&index(10_000), image));
        assert!((1..=4).contains(&few) && many <= 4, "{few} and {many} candidates");
    }
}
