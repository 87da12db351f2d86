//! Globs over repositories: what a registry key and a pattern have in common.
//!
//! A repository is written as one word: the host, the port after [`PORT`] where there is one, and
//! the path with its `/`. The brackets of an IPv6 address go where a port follows, because the
//! kubelet compares it so.

use super::url;

/// Stands before the port.
pub const PORT: u8 = 0;

/// A glob over words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Byte(u8),
    OneOf(Class),
    /// Zero or more characters of a label of the host.
    LabelStar,
    /// Zero or more characters.
    Star,
}

/// `[...]` of Go's `filepath.Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

/// How far the readings of a word have come, in ascending order. None: no reading is left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Positions(Vec<usize>);

impl Positions {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Word {
    /// Every word.
    pub fn any() -> Self {
        Self(vec![Token::Star])
    }

    /// What a registry key matches, the key being normalised: `URLsMatch` of the kubelet's
    /// `pkg/credentialprovider/keyring.go`. `None` where it matches nothing.
    ///
    /// The word ends where the key's path does; whatever follows is matched.
    pub fn of_key(name: &[u8]) -> Option<Self> {
        let url = url::parse(name)?;
        let (host, port) = url::split_port(&url.host);
        let mut tokens = Vec::new();
        for (i, label) in host.split(|b| *b == b'.').enumerate() {
            if i > 0 {
                tokens.push(Token::Byte(b'.'));
            }
            tokens.extend(label_tokens(label)?);
        }
        let path = match url.path.is_empty() {
            true => b"/",
            false => &url.path[..],
        };
        tokens.extend(after_host(port, path).map(Token::Byte));
        Some(Self(tokens))
    }

    /// What a pattern's host and path match.
    pub fn of_pattern(host: &str, port: Option<&str>, path: &str) -> Self {
        let token = |star: &Token, byte| match byte {
            b'*' => star.clone(),
            byte => Token::Byte(byte),
        };
        let host = host.bytes().map(|byte| token(&Token::LabelStar, byte));
        let port = port.into_iter().flat_map(|port| [PORT].into_iter().chain(port.bytes()));
        let path = path.bytes().map(|byte| token(&Token::Star, byte));
        let path = port.map(Token::Byte).chain([Token::Byte(b'/')]).chain(path);
        Self(host.chain(path).collect())
    }

    pub fn start(&self) -> Positions {
        self.settle(vec![0])
    }

    /// The readings after one more byte.
    pub fn step(&self, from: &Positions, byte: u8) -> Positions {
        let mut next = Vec::new();
        for &position in &from.0 {
            match self.0.get(position) {
                Some(Token::Star) => next.push(position),
                Some(Token::LabelStar) if !matches!(byte, b'.' | b'/' | PORT) => {
                    next.push(position);
                }
                Some(Token::Byte(expected)) if *expected == byte => next.push(position + 1),
                Some(Token::OneOf(class)) if class.has(byte) => next.push(position + 1),
                _ => {}
            }
        }
        self.settle(next)
    }

    /// Whether a reading has come to the end of the glob.
    pub fn is_at_end(&self, positions: &Positions) -> bool {
        positions.0.last() == Some(&self.0.len())
    }

    /// The byte that alone can follow, if the reading is at one.
    pub fn only_byte(&self, positions: &Positions) -> Option<u8> {
        match positions.0[..] {
            [position] => match self.0.get(position)? {
                Token::Byte(byte) => Some(*byte),
                Token::OneOf(_) | Token::LabelStar | Token::Star => None,
            },
            _ => None,
        }
    }

    /// What every word begins with: the bytes before the first wildcard.
    pub fn literal(&self) -> Vec<u8> {
        let byte = |token: &Token| match token {
            Token::Byte(byte) => Some(*byte),
            Token::OneOf(_) | Token::LabelStar | Token::Star => None,
        };
        self.0.iter().map_while(byte).collect()
    }

    /// Whether the other glob goes on from this one: every word of it has a beginning of this one.
    pub fn is_beginning_of(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Whether the beginning of a word matches.
    pub fn is_prefix_of(&self, word: &[u8]) -> bool {
        let mut positions = self.start();
        for byte in word {
            if self.is_at_end(&positions) {
                return true;
            }
            positions = self.step(&positions, *byte);
        }
        self.is_at_end(&positions)
    }

    /// The bytes that the glob names.
    pub fn bytes(&self) -> impl Iterator<Item = u8> {
        self.0.iter().flat_map(|token| match token {
            Token::Byte(byte) => vec![*byte],
            Token::OneOf(class) => (0..128).filter(|byte| class.has(*byte)).collect(),
            Token::LabelStar | Token::Star => Vec::new(),
        })
    }

    /// Steps over wildcards that stand for nothing, and drops every reading that a later wildcard
    /// makes needless: what the former may still read, the wildcard may read as well. (Readings
    /// are never in different labels.)
    fn settle(&self, positions: Vec<usize>) -> Positions {
        let mut settled = Vec::with_capacity(positions.len() + 1);
        for mut position in positions {
            settled.push(position);
            while let Some(Token::Star | Token::LabelStar) = self.0.get(position) {
                position += 1;
                settled.push(position);
            }
        }
        settled.sort_unstable();
        settled.dedup();
        let is_star = |p: &usize| matches!(self.0.get(*p), Some(Token::Star | Token::LabelStar));
        let last_star = settled.iter().rposition(is_star).unwrap_or(0);
        Positions(settled.split_off(last_star))
    }
}

/// A repository as one word, if Go can parse it.
pub fn word_of(repository: &str) -> Option<Vec<u8>> {
    let url = url::parse(repository.as_bytes())?;
    let (host, port) = url::split_port(&url.host);
    Some(host.iter().copied().chain(after_host(port, &url.path)).collect())
}

fn after_host(port: &[u8], path: &[u8]) -> impl Iterator<Item = u8> {
    let mark = (!port.is_empty()).then_some(PORT);
    mark.into_iter().chain(port.iter().copied()).chain(path.iter().copied())
}

/// A label of a key's host as `filepath.Match` reads it. Of its wildcards, `*` and `[...]` can
/// stand in a host that `url.Parse` takes; `None` where it takes no name at all.
fn label_tokens(label: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = label;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        tokens.push(match byte {
            b'*' => Token::LabelStar,
            b'[' => {
                let (class, after) = parse_class(str::from_utf8(after).ok()?)?;
                rest = after.as_bytes();
                Token::OneOf(class)
            }
            byte => Token::Byte(byte),
        });
    }
    Some(tokens)
}

/// The text after `[`, up to and with `]`; and what follows.
fn parse_class(text: &str) -> Option<(Class, &str)> {
    let (negated, mut rest) = match text.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut ranges = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !ranges.is_empty()) {
            return Some((Class { negated, ranges }, after));
        }
        let (low, after) = member(rest)?;
        let (high, after) = match after.strip_prefix('-') {
            Some(after) => member(after)?,
            None => (low, after),
        };
        ranges.push((low, high));
        rest = after;
    }
}

fn member(text: &str) -> Option<(char, &str)> {
    let c = text.chars().next().filter(|c| !matches!(c, '-' | ']'))?;
    let rest = &text[c.len_utf8()..];
    (!rest.is_empty()).then_some((c, rest))
}

impl Class {
    fn has(&self, byte: u8) -> bool {
        let c = char::from(byte);
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != self.negated
    }
}
