//! What is asked: a pattern over repositories, and how to show an image of one.

use super::{
    super::{
        Keyring, keyring,
        word::{PORT, Word},
    },
    finding::Finding,
    repository::Repository,
};
use crate::image::{Pattern, Reference};

/// Shown for the pattern `*` where no key serves it.
const SOME_IMAGE: &str = "registry.example.com/team/image";

/// A pattern, and the keyring that may serve its images.
pub struct Question<'a> {
    keyring: &'a Keyring<'a>,
    /// `None`: every image.
    pattern: Option<&'a Pattern>,
    /// The repositories that the pattern matches.
    pub word: Word,
    /// Where the reading of a repository starts.
    pub start: Repository,
    /// A tag that the pattern matches, with its colon.
    tag: String,
}

impl<'a> Question<'a> {
    /// `None` where the pattern matches no tag, and so no image.
    pub fn new(pattern: &'a Pattern, keyring: &'a Keyring<'a>) -> Option<Self> {
        let (Some(parts), Some(text)) = (pattern.parts(), pattern.normalized()) else {
            return Some(Self::any(keyring));
        };
        let (domain, _) = text.split_once('/')?;
        let (host, port) = split_port(domain);
        let word = Word::of_pattern(host, port, parts.path);
        let start = Repository::new(parts.domain.is_some());
        let tag = match parts.tag {
            None => String::new(),
            Some(tag) => format!(":{}", some_tag(tag)?),
        };
        Some(Self { keyring, pattern: Some(pattern), word, start, tag })
    }

    /// Asks about every image.
    pub fn any(keyring: &'a Keyring<'a>) -> Self {
        let start = Repository::new(true);
        Self { keyring, pattern: None, word: Word::any(), start, tag: String::new() }
    }

    /// For the pattern `*`, an image that reads better than the shortest.
    pub fn image_without(&self) -> Finding {
        match self.pattern.is_none() && self.holds(SOME_IMAGE, SOME_IMAGE, false) {
            true => Finding::Image(SOME_IMAGE.to_owned()),
            false => Finding::None,
        }
    }

    /// The image of a repository's word, and whether all is as was found: an image that the
    /// pattern matches, with or without a credential.
    pub fn confirm(&self, word: &[u8], is_covered: bool) -> Finding {
        let Some(repository) = text_of(word) else {
            return Finding::Maybe;
        };
        let image = format!("{repository}{}", self.tag);
        match self.holds(&image, &repository, is_covered) {
            true => Finding::Image(image),
            false => Finding::Maybe,
        }
    }

    fn holds(&self, image: &str, repository: &str, is_covered: bool) -> bool {
        Reference::parse(image).is_ok_and(|image| {
            keyring::repository(&image) == repository
                && self.pattern.is_none_or(|pattern| pattern.matches(&image))
                && self.keyring.serves(&image) == is_covered
        })
    }
}

/// Host and port of a domain, with the brackets of an IPv6 address as a word has them.
fn split_port(domain: &str) -> (&str, Option<&str>) {
    match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            (address.unwrap_or(host), Some(port))
        }
        _ => (domain, None),
    }
}

/// The repository that a word stands for.
fn text_of(word: &[u8]) -> Option<String> {
    let word = str::from_utf8(word).ok()?;
    let Some((host, rest)) = word.split_once(char::from(PORT)) else {
        return Some(word.to_owned());
    };
    Some(match host.contains(':') {
        true => format!("[{host}]:{rest}"),
        false => format!("{host}:{rest}"),
    })
}

/// A tag that a glob matches, if any does: its wildcards can stand for nothing, but for one at the
/// beginning where a tag may not begin with what follows.
fn some_tag(glob: &str) -> Option<String> {
    let candidates = [glob.replace('*', ""), glob.replacen('*', "x", 1).replace('*', "")];
    let is_tag = |tag: &String| !tag.is_empty() && Reference::parse(&format!("a:{tag}")).is_ok();
    candidates.into_iter().find(is_tag)
}
