//! Which entries of a docker config the kubelet takes for an image.

use super::{
    DockerConfig, Entry, RegistryKey, url,
    word::{Word, word_of},
};
use crate::image::{DOCKER_HUB, LEGACY_DOCKER_HUB, Reference};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// The entries of a docker config, ordered and compared as `BasicDockerKeyring` of the kubelet's
/// `pkg/credentialprovider/keyring.go` does.
#[derive(Debug)]
pub struct Keyring<'a> {
    keys: Vec<Key<'a>>,
    /// The bytes that the keys name.
    pub(super) named: BTreeSet<u8>,
    /// An entry for Docker Hub's fallback has a credential.
    pub(super) has_fallback: bool,
    /// The keys by what their words begin with.
    literals: BTreeMap<Vec<u8>, Vec<usize>>,
}

/// A key in the kubelet's form.
#[derive(Debug)]
struct Key<'a> {
    name: Vec<u8>,
    /// What it matches; `None` where that is nothing.
    word: Option<Word>,
    entry: &'a Entry,
}

impl Key<'_> {
    /// Whether the key serves Docker Hub where no other matches.
    fn is_fallback(&self) -> bool {
        self.name == LEGACY_DOCKER_HUB.as_bytes()
    }
}

impl<'a> Keyring<'a> {
    /// The keyring of one docker config.
    pub fn new(config: &'a DockerConfig) -> Self {
        Self::of(config.entries())
    }

    pub(super) fn of(entries: &'a [Entry]) -> Self {
        let key = |entry: &'a Entry| {
            let name = normalize(&entry.key)?;
            Some(Key { word: Word::of_key(&name), name, entry })
        };
        let mut keys: Vec<_> = entries.iter().filter_map(key).collect();
        keys.sort_by(|a, b| Reverse(&a.name).cmp(&Reverse(&b.name)));
        let named = keys.iter().filter_map(|key| key.word.as_ref()).flat_map(Word::bytes).collect();
        let has_fallback = keys.iter().any(|key| key.is_fallback() && key.entry.is_usable());
        let mut literals: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (i, key) in keys.iter().enumerate() {
            if let Some(word) = &key.word {
                literals.entry(word.literal()).or_default().push(i);
            }
        }
        Self { keys, named, has_fallback, literals }
    }

    /// The keys that may match some word of this glob: those that begin as its words do.
    pub(super) fn candidates(&self, glob: &Word) -> Vec<usize> {
        let literal = glob.literal();
        let longer = (Bound::Excluded(&literal[..]), Bound::Unbounded);
        let longer = self.literals.range::<[u8], _>(longer);
        let longer = longer.take_while(|(other, _)| other.starts_with(&literal));
        let mut keys = self.candidates_for(&literal);
        keys.extend(longer.flat_map(|(_, keys)| keys));
        keys.sort_unstable();
        keys
    }

    /// The keys that may match this word.
    fn candidates_for(&self, word: &[u8]) -> Vec<usize> {
        let beginnings = (0..=word.len()).map(|end| &word[..end]);
        let found = beginnings.filter_map(|beginning| self.literals.get(beginning));
        let mut keys: Vec<_> = found.flatten().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// Whether one of these keys has a credential for all words of the glob by itself, at a glance.
    pub(super) fn is_covered_by_one(&self, keys: &[usize], glob: &Word) -> bool {
        let is_whole = |i: &usize| self.word(*i).is_some_and(|word| word.is_beginning_of(glob));
        keys.iter().any(|i| self.is_usable(*i) && is_whole(i))
    }

    /// What a key matches.
    pub(super) fn word(&self, key: usize) -> Option<&Word> {
        self.keys.get(key)?.word.as_ref()
    }

    /// Whether the entry of a key has a credential.
    pub(super) fn is_usable(&self, key: usize) -> bool {
        self.keys.get(key).is_some_and(|key| key.entry.is_usable())
    }

    /// The entries that the kubelet tries for an image, in its order, with or without a credential
    /// in them.
    pub fn lookup(&self, image: &Reference<'_>) -> Vec<&'a Entry> {
        let repository = repository(image);
        let word = word_of(&repository);
        let found: Vec<_> = word.map_or_else(Vec::new, |word| {
            let matches = |i: &usize| self.word(*i).is_some_and(|glob| glob.is_prefix_of(&word));
            let keys = self.candidates_for(&word).into_iter().filter(matches);
            keys.filter_map(|i| self.keys.get(i)).map(|key| key.entry).collect()
        });
        match found.is_empty() && is_default_registry(&repository) {
            true => self.keys.iter().filter(|key| key.is_fallback()).map(|key| key.entry).collect(),
            false => found,
        }
    }

    /// Whether the kubelet has a user name and a password to try for an image.
    pub fn serves(&self, image: &Reference<'_>) -> bool {
        self.lookup(image).into_iter().any(Entry::is_usable)
    }
}

/// A key in the kubelet's form: `host[:port]` and path, `/v1/` or `/v2/` before it stripped. `None`
/// where the kubelet ignores the key.
pub(super) fn normalize(key: &RegistryKey) -> Option<Vec<u8>> {
    let written = key.as_written();
    let schemes: [&[u8]; 2] = [b"https://", b"http://"];
    let bare = schemes.into_iter().find_map(|scheme| written.strip_prefix(scheme));
    let url = url::parse(bare.unwrap_or(written))?;
    let path = match &url.path[..] {
        [b'/', b'v', b'1' | b'2', path @ ..] if path.starts_with(b"/") => path,
        path => path,
    };
    match path {
        b"/" => Some(url.host),
        path => Some([&url.host[..], path].concat()),
    }
}

/// The repository as the kubelet looks it up: without tag and digest.
pub(super) fn repository(image: &Reference<'_>) -> String {
    match image.domain() {
        "" => image.path().to_owned(),
        domain => format!("{domain}/{}", image.path()),
    }
}

/// `isDefaultRegistryMatch`: `localhost/x` and `HOST/x` are taken for Docker Hub's as well.
fn is_default_registry(repository: &str) -> bool {
    match repository.split_once('/') {
        None => !repository.is_empty(),
        Some((DOCKER_HUB | LEGACY_DOCKER_HUB, _)) => true,
        Some((host, _)) => !host.is_empty() && !host.contains(['.', ':']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("gcr.io", Some("gcr.io"))]
    #[case("https://gcr.io/", Some("gcr.io"))]
    #[case("http://gcr.io:80/v2/", Some("gcr.io:80"))]
    #[case("https://index.docker.io/v1/", Some("index.docker.io"))]
    #[case("reg/v2/team", Some("reg/team"))]
    #[case("reg/v2", Some("reg/v2"))]
    #[case("reg/v3/team", Some("reg/v3/team"))]
    #[case("reg/v1/v2/team", Some("reg/v2/team"))]
    #[case("reg/team/", Some("reg/team/"))]
    #[case("reg//", Some("reg//"))]
    #[case("user:pw@reg/team?x=1#y", Some("reg/team"))]
    #[case("HTTPS://reg", Some("HTTPS://reg"))]
    #[case("reg/%2570", Some("reg/%70"))]
    #[case("reg:abc", None)]
    #[case("a host", None)]
    fn keys_are_normalised_as_the_kubelet_does(#[case] key: &str, #[case] expected: Option<&str>) {
        let normalized = normalize(&RegistryKey::new(key.as_bytes()));
        assert_eq!(normalized.as_deref(), expected.map(str::as_bytes), "{key}");
    }
}
