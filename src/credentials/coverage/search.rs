//! The search: pattern and keys read side by side over all repositories, shortest first.

use super::{
    super::{
        Keyring,
        word::{PORT, Positions},
    },
    finding::Finding,
    question::Question,
    repository::Repository,
};
use std::collections::{HashSet, VecDeque};

/// The images of a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Those with a credential.
    pub with: Finding,
    /// Those without.
    pub without: Finding,
}

impl Answer {
    /// Where the search was not finished.
    fn or_maybe(self) -> Self {
        let maybe = |finding: Finding| match finding {
            Finding::None => Finding::Maybe,
            found => found,
        };
        Self { with: maybe(self.with), without: maybe(self.without) }
    }
}

/// What the beginning of a repository leaves open. Beginnings with the same state have the same
/// continuations, so that one of them is enough.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    repository: Repository,
    pattern: Positions,
    /// The keys that may still match.
    keys: Vec<(usize, Positions)>,
    /// A key with a credential has matched: all continuations are covered.
    is_covered: bool,
    /// A key without one has matched: there is no fallback.
    is_spent: bool,
}

pub struct Search<'a> {
    question: &'a Question<'a>,
    keyring: &'a Keyring<'a>,
    alphabet: Vec<u8>,
    seen: HashSet<State>,
    queue: VecDeque<(State, usize)>,
    /// Each beginning that was reached: the one before it, and its last byte.
    trail: Vec<(usize, u8)>,
    steps: usize,
    /// The keys that may match.
    most_keys: usize,
}

impl<'a> Search<'a> {
    pub fn new(question: &'a Question<'a>, keyring: &'a Keyring<'a>) -> Self {
        Self {
            question,
            keyring,
            alphabet: alphabet(question.word.bytes().chain(keyring.named.iter().copied())),
            seen: HashSet::new(),
            queue: VecDeque::new(),
            trail: vec![(0, 0)],
            steps: 0,
            most_keys: 0,
        }
    }

    /// Looks for an image of each kind that is not known yet, with the keys that may match, in at most
    /// so many steps. The answer, and the steps it took.
    pub fn run(mut self, keys: &[usize], answer: Answer, most_steps: usize) -> (Answer, usize) {
        self.most_keys = keys.len();
        self.steps = keys.len();
        let answer = self.answer(keys, answer, most_steps);
        (answer, self.steps)
    }

    fn answer(&mut self, keys: &[usize], mut answer: Answer, most_steps: usize) -> Answer {
        if self.steps > most_steps {
            return answer.or_maybe();
        }
        let positions = |i: &usize| Some((*i, self.keyring.word(*i)?.start()));
        let start = State {
            repository: self.question.start,
            pattern: self.question.word.start(),
            keys: keys.iter().filter_map(positions).collect(),
            is_covered: false,
            is_spent: false,
        };
        self.queue.push_back((start, 0));
        while let Some((state, at)) = self.queue.pop_front() {
            self.judge(&state, at, &mut answer);
            if answer.with.is_image() && answer.without.is_image() {
                break;
            }
            if self.can_add_to(&answer, &state) {
                self.expand(&state, at);
            }
            if self.steps > most_steps {
                return answer.or_maybe();
            }
        }
        answer
    }

    /// Takes note of a whole repository that the pattern matches.
    fn judge(&mut self, state: &State, at: usize, answer: &mut Answer) {
        if !state.repository.is_whole() || !self.question.word.is_at_end(&state.pattern) {
            return;
        }
        let is_covered = state.is_covered || self.may_fall_back(state);
        let finding = match is_covered {
            true => &mut answer.with,
            false => &mut answer.without,
        };
        if !finding.is_image() {
            self.steps += self.most_keys;
            *finding = self.question.confirm(&self.word(at), is_covered);
        }
    }

    /// Whether what follows can tell anything new.
    fn can_add_to(&self, answer: &Answer, state: &State) -> bool {
        if state.is_covered {
            return !answer.with.is_image();
        }
        let is_open = !state.keys.is_empty() || self.may_fall_back(state);
        is_open || !answer.without.is_image()
    }

    fn may_fall_back(&self, state: &State) -> bool {
        self.keyring.has_fallback && !state.is_spent && state.repository.may_fall_back()
    }

    fn expand(&mut self, state: &State, at: usize) {
        let only = self.question.word.only_byte(&state.pattern);
        for i in 0..self.alphabet.len() {
            let byte = self.alphabet[i];
            if only.is_some_and(|only| only != byte) {
                continue;
            }
            let Some(repository) = state.repository.step(byte) else { continue };
            let pattern = self.question.word.step(&state.pattern, byte);
            if pattern.is_empty() {
                continue;
            }
            let next = self.step_keys(state, repository, pattern, byte);
            if self.seen.insert(next.clone()) {
                self.trail.push((at, byte));
                self.queue.push_back((next, self.trail.len() - 1));
            }
        }
    }

    fn step_keys(
        &mut self,
        from: &State,
        repository: Repository,
        pattern: Positions,
        byte: u8,
    ) -> State {
        self.steps += 1;
        let State { is_covered, is_spent, .. } = *from;
        let mut next = State { repository, pattern, keys: Vec::new(), is_covered, is_spent };
        for (i, positions) in &from.keys {
            let Some(word) = self.keyring.word(*i) else { continue };
            let positions = word.step(positions, byte);
            self.steps += 1 + positions.len();
            if word.is_at_end(&positions) {
                match self.keyring.is_usable(*i) {
                    true => next.is_covered = true,
                    false => next.is_spent = true,
                }
            } else if !positions.is_empty() {
                next.keys.push((*i, positions));
            }
        }
        if next.is_covered {
            next.keys.clear();
            next.is_spent = false;
        }
        next
    }

    fn word(&self, mut at: usize) -> Vec<u8> {
        let mut word = Vec::new();
        while at > 0 {
            let (before, byte) = self.trail[at];
            word.push(byte);
            at = before;
        }
        word.reverse();
        word
    }
}

/// The bytes that pattern and keys name, and one of each sort that they do not: it stands for all
/// the others of its sort. Those that read best in an example come first.
fn alphabet(named: impl Iterator<Item = u8>) -> Vec<u8> {
    let named: HashSet<u8> = named.collect();
    let mut alphabet = Vec::new();
    for sort in ["xyzabcdefghijklmnopqrstuvw", "0123456789", "XYZABCDEFGHIJKLMNOPQRSTUVW"] {
        let other = sort.bytes().find(|byte| !named.contains(byte));
        alphabet.extend(sort.bytes().filter(|b| named.contains(b) || other == Some(*b)));
    }
    alphabet.extend(b"./-_:[]");
    alphabet.push(PORT);
    alphabet
}
