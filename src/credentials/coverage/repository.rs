//! The words of valid repositories, read byte by byte.

use super::super::word::PORT;
use crate::image::{DOCKER_HUB, LEGACY_DOCKER_HUB};

/// What was read of a repository so far.
///
/// Everything that a valid, normalised reference can have is taken. Of odd hosts (IPv6 addresses,
/// and those with `_` that are part of the path), some more: whoever needs to know parses the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Repository {
    part: Part,
    last: Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Host(Host),
    Port,
    Path {
        falls_back: bool,
        /// On Docker Hub a path has two components at least.
        lacks_component: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Host {
    takes_odd: bool,
    /// `.` or `:` makes a first part a host, and is what the kubelet looks for.
    has_separator: bool,
    has_upper_case: bool,
    /// How much of each well-known host was read, unless it is another host.
    known: [Option<u8>; 3],
}

/// The end of what was read, within a label or a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Last {
    Nothing,
    Word,
    Hyphen,
    Dot,
    Underscore,
    TwoUnderscores,
}

impl Repository {
    pub fn new(takes_odd_hosts: bool) -> Self {
        let host = Host {
            takes_odd: takes_odd_hosts,
            has_separator: false,
            has_upper_case: false,
            known: [Some(0); 3],
        };
        Self { part: Part::Host(host), last: Last::Nothing }
    }

    /// Reads one byte more, if a repository can have it there.
    pub fn step(self, byte: u8) -> Option<Self> {
        let last = self.last;
        let next = |part, last| Some(Self { part, last });
        match (self.part, byte) {
            (Part::Host(host), b'/') if last == Last::Word => next(host.path()?, Last::Nothing),
            (Part::Host(_), PORT) if last == Last::Word => next(Part::Port, Last::Nothing),
            (Part::Host(host), _) => next(Part::Host(host.and(byte)), host.step(last, byte)?),
            (Part::Port, b'/') if last == Last::Word => {
                next(Part::Path { falls_back: false, lacks_component: false }, Last::Nothing)
            }
            (Part::Port, b'0'..=b'9') => next(Part::Port, Last::Word),
            (Part::Port, _) => None,
            (Part::Path { falls_back, .. }, b'/') if last == Last::Word => {
                next(Part::Path { falls_back, lacks_component: false }, Last::Nothing)
            }
            (path @ Part::Path { .. }, _) => next(path, step_in_component(last, byte)?),
        }
    }

    /// Whether this is a whole repository.
    pub fn is_whole(self) -> bool {
        matches!(self.part, Part::Path { lacks_component: false, .. }) && self.last == Last::Word
    }

    /// Whether the kubelet may take the fallback of Docker Hub for it, as far as is known.
    pub fn may_fall_back(self) -> bool {
        match self.part {
            Part::Host(_) => true,
            Part::Port => false,
            Part::Path { falls_back, .. } => falls_back,
        }
    }
}

impl Host {
    fn step(self, last: Last, byte: u8) -> Option<Last> {
        match (byte, last) {
            (b'.', Last::Word) => Some(Last::Nothing),
            (b'-', Last::Word | Last::Hyphen) => Some(Last::Hyphen),
            (b'_' | b':' | b'[' | b']', _) if self.takes_odd => Some(Last::Word),
            (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9', _) => Some(Last::Word),
            _ => None,
        }
    }

    fn and(mut self, byte: u8) -> Self {
        self.has_separator |= matches!(byte, b'.' | b':');
        self.has_upper_case |= byte.is_ascii_uppercase();
        for (read, name) in self.known.iter_mut().zip(KNOWN) {
            *read = read.filter(|read| name.as_bytes().get(usize::from(*read)) == Some(&byte));
            *read = read.map(|read| read + 1);
        }
        self
    }

    /// The path that follows, if this is a host.
    fn path(self) -> Option<Part> {
        let is = |name: usize| self.known[name].map(usize::from) == Some(KNOWN[name].len());
        let [localhost, docker_hub, legacy] = [is(0), is(1), is(2)];
        let is_host = self.has_separator || self.has_upper_case || localhost;
        // Docker Hub's old name is read as the new one: no normalised repository has it.
        (is_host && !legacy).then_some(Part::Path {
            falls_back: docker_hub || !self.has_separator,
            lacks_component: docker_hub,
        })
    }
}

fn step_in_component(last: Last, byte: u8) -> Option<Last> {
    match (byte, last) {
        (b'a'..=b'z' | b'0'..=b'9', _) => Some(Last::Word),
        (b'.', Last::Word) => Some(Last::Dot),
        (b'_', Last::Word) => Some(Last::Underscore),
        (b'_', Last::Underscore) => Some(Last::TwoUnderscores),
        (b'-', Last::Word | Last::Hyphen) => Some(Last::Hyphen),
        _ => None,
    }
}

const KNOWN: [&str; 3] = ["localhost", DOCKER_HUB, LEGACY_DOCKER_HUB];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Reference;
    use proptest::prelude::*;

    fn takes(text: &str) -> bool {
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        let word = format!("{}/{path}", host.replace(':', "\0"));
        let read = word.bytes().try_fold(Repository::new(false), Repository::step);
        read.is_some_and(Repository::is_whole)
    }

    /// Whether a text is a repository in its normal form.
    fn is_normal(text: &str) -> bool {
        let name = text.rsplit('/').next().unwrap_or(text);
        let is_name = !name.contains([':', '@']) && text.contains('/');
        is_name
            && Reference::parse(text).is_ok_and(|reference| {
                !reference.domain().is_empty()
                    && format!("{}/{}", reference.domain(), reference.path()) == text
            })
    }

    proptest! {
        #[test]
        fn it_takes_the_words_of_normalised_references_and_no_others(
            host in "(localhost|docker\\.io|index\\.docker\\.io|[aA1.-]{1,5})(:[0-9]{0,2})?",
            path in "(library/)?[a1._/-]{1,7}",
        ) {
            let text = format!("{host}/{path}");
            prop_assert_eq!(takes(&text), is_normal(&text), "{}", text);
        }
    }
}
