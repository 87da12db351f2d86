//! Whether a docker config has a credential for every image that a pattern can match.

mod finding;
mod question;
mod repository;
mod search;

use super::{Entry, Hidden, Keyring, RegistryKey, word::Word};
use crate::image::Pattern;
use finding::Finding;
use question::Question;
use search::{Answer, Search};

/// The most steps of one search: far more than a docker config asks for that is not made to be slow,
/// and well under a second.
const MAX_STEPS: usize = 1_000_000;
/// As much for one key alone, of which there may be thousands.
const MAX_STEPS_OF_ONE: usize = 20_000;

/// For which of the images that a pattern can match a docker config has a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// For all of them.
    Covered,
    /// For some of them only; or it could not be told within bounds.
    Partly {
        /// One for which there is none.
        without: Option<String>,
    },
    /// For none.
    Uncovered {
        /// One of them.
        without: Option<String>,
    },
}

impl Coverage {
    /// An image of the pattern for which there is no credential.
    pub fn without(&self) -> Option<&str> {
        match self {
            Self::Covered => None,
            Self::Partly { without } | Self::Uncovered { without } => without.as_deref(),
        }
    }
}

impl Coverage {
    /// Which images of the pattern have no credential, in words; none if all have one. Of `*` some may have none:
    /// it is meant for other images too.
    pub fn gap(&self, pattern: &Pattern) -> Option<String> {
        let example = self.without().map(|image| format!(", such as {image}")).unwrap_or_default();
        match self {
            Self::Covered => None,
            Self::Partly { .. } if pattern.parts().is_none() => None,
            Self::Partly { .. } => {
                Some(format!("not all images of the pattern `{pattern}`{example}"))
            }
            Self::Uncovered { .. } => Some(format!("no image of the pattern `{pattern}`{example}")),
        }
    }
}

/// How much more may be looked at.
#[derive(Debug, Clone)]
pub struct Steps(usize);

impl Default for Steps {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Steps {
    /// So many.
    pub fn new(steps: usize) -> Self {
        Self(steps)
    }

    /// Whether there are none any more: what is asked then is answered by `Partly`, or by luck.
    pub fn are_used_up(&self) -> bool {
        self.0 == 0
    }

    /// Takes so many. Whether there were as many.
    fn take(&mut self, steps: usize) -> bool {
        let is_enough = steps <= self.0;
        self.0 = self.0.saturating_sub(steps);
        is_enough
    }
}

impl Keyring<'_> {
    /// Whether the kubelet finds a credential for the images that `pattern` can match.
    ///
    /// `Covered` and `Uncovered` hold for every image: pattern and keys are read side by side over
    /// all repositories that a valid reference can have.
    pub fn coverage(&self, pattern: &Pattern) -> Coverage {
        self.coverage_within(pattern, &mut Steps::default())
    }

    /// Whether a key matches all images of the pattern, at a glance: as a key does of which the pattern
    /// was made.
    pub(super) fn is_beginning(&self, key: &Word, pattern: &Pattern) -> bool {
        let question = Question::new(pattern, self);
        question.is_some_and(|question| key.is_beginning_of(&question.word))
    }

    /// The same as `coverage`, of one pattern of many, for all of which there are so many steps.
    pub fn coverage_within(&self, pattern: &Pattern, steps: &mut Steps) -> Coverage {
        let Some(question) = Question::new(pattern, self) else {
            return Coverage::Covered; // the pattern matches no image at all
        };
        let keys = self.candidates(&question.word);
        if steps.take(keys.len()) && self.is_covered_by_one(&keys, &question.word) {
            return Coverage::Covered;
        }
        let known = Answer { without: question.image_without(), ..Answer::default() };
        let most = MAX_STEPS.min(steps.0);
        let (answer, taken) = Search::new(&question, self).run(&keys, known, most);
        steps.take(taken);
        match (answer.with, answer.without) {
            (_, Finding::None) => Coverage::Covered,
            (Finding::None, without) => Coverage::Uncovered { without: without.into_image() },
            (_, without) => Coverage::Partly { without: without.into_image() },
        }
    }
}

/// Whether some image is, or may be, of the registry, whatever its entry holds.
pub(super) fn serves_any_image(key: &RegistryKey, steps: &mut Steps) -> bool {
    let hidden = || Hidden::new(*b"x");
    let entry = [Entry { key: key.clone(), username: hidden(), password: hidden() }];
    let keyring = Keyring::of(&entry);
    let question = Question::any(&keyring);
    // Images without a credential are not looked for.
    let known = Answer { without: Finding::Image(String::new()), ..Answer::default() };
    let keys = keyring.candidates(&question.word);
    let most = MAX_STEPS_OF_ONE.min(steps.0);
    let (answer, taken) = Search::new(&question, &keyring).run(&keys, known, most);
    steps.take(taken);
    answer.with != Finding::None
}
