//! Whether a docker config has a credential for every image that a pattern can match.

mod finding;
mod question;
mod repository;
mod search;

use super::{Entry, Hidden, Keyring, RegistryKey};
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

impl Keyring<'_> {
    /// Whether the kubelet finds a credential for the images that `pattern` can match.
    ///
    /// `Covered` and `Uncovered` hold for every image: pattern and keys are read side by side over
    /// all repositories that a valid reference can have.
    pub fn coverage(&self, pattern: &Pattern) -> Coverage {
        let Some(question) = Question::new(pattern, self) else {
            return Coverage::Covered; // the pattern matches no image at all
        };
        let known = Answer { without: question.image_without(), ..Answer::default() };
        let answer = Search::new(&question, self).run(known, MAX_STEPS);
        match (answer.with, answer.without) {
            (_, Finding::None) => Coverage::Covered,
            (Finding::None, without) => Coverage::Uncovered { without: without.into_image() },
            (_, without) => Coverage::Partly { without: without.into_image() },
        }
    }
}

/// Whether some image is, or may be, of the registry, whatever its entry holds.
pub(super) fn serves_any_image(key: &RegistryKey) -> bool {
    let hidden = || Hidden::new(*b"x");
    let entry = [Entry { key: key.clone(), username: hidden(), password: hidden() }];
    let keyring = Keyring::of(&entry);
    let question = Question::any(&keyring);
    // Images without a credential are not looked for.
    let known = Answer { without: Finding::Image(String::new()), ..Answer::default() };
    Search::new(&question, &keyring).run(known, MAX_STEPS_OF_ONE).with != Finding::None
}
