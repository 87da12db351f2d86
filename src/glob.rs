//! Globs in which `*` is the only wildcard: it stands for zero or more characters of the text.

use std::fmt;

/// A compiled glob. Matching never backtracks over more than one piece between two wildcards:
/// its time is at most proportional to the lengths of glob and text multiplied.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    has_wildcard: bool,
}

impl Glob {
    /// Compiles `text`. Every text is a glob; what may stand in it is for the caller to check.
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), has_wildcard: text.contains('*') }
    }

    /// The glob as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the glob matches the whole of `text`.
    ///
    /// The pieces between wildcards are looked for from left to right, each at its first place:
    /// with `*` as the only wildcard no later place can do better.
    pub fn matches(&self, text: &str) -> bool {
        if !self.has_wildcard {
            return *self.text == *text;
        }
        let mut pieces = self.text.split('*');
        let Some(mut rest) = pieces.next().and_then(|prefix| text.strip_prefix(prefix)) else {
            return false;
        };
        let Some(suffix) = pieces.next_back() else {
            return false;
        };
        for piece in pieces {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(suffix)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("", "", true)]
    #[case("", "a", false)]
    #[case("a", "a", true)]
    #[case("a", "ab", false)]
    #[case("*", "", true)]
    #[case("*", "anything/at all", true)]
    #[case("a*", "a", true)]
    #[case("a*", "ba", false)]
    #[case("*a", "ba", true)]
    #[case("*a", "ab", false)]
    #[case("a*a", "a", false)]
    #[case("a*a", "aa", true)]
    #[case("a*b*c", "a-b-b-c", true)]
    #[case("a*b*c", "a-c-b", false)]
    #[case("*ab*ab*", "abab", true)]
    #[case("*ab*ab*", "aba", false)]
    #[case("*ä*", "größer ä", true)]
    fn table(#[case] glob: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(Glob::new(glob).matches(text), expected, "{glob} on {text}");
    }

    /// The definition, with no thought for speed.
    fn by_definition(glob: &[char], text: &[char]) -> bool {
        match glob.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| by_definition(rest, &text[n..])),
            Some((c, rest)) => {
                text.split_first().is_some_and(|(t, text)| t == c && by_definition(rest, text))
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_definition(glob in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let (g, t): (Vec<_>, Vec<_>) = (glob.chars().collect(), text.chars().collect());
            prop_assert_eq!(Glob::new(&glob).matches(&text), by_definition(&g, &t));
        }
    }

    #[test]
    fn fault_36_pathological_wildcards_end() {
        let glob = Glob::new(&"*a".repeat(250));
        assert!(!glob.matches(&format!("{}b", "a".repeat(100_000))));
        assert!(glob.matches(&"a".repeat(100_000)));
    }
}
