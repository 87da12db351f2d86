//! References: the parser accepts what the kubelet's grammar accepts, and finds the same parts.

use pullpass::image::Reference;
use regex::{Captures, Regex};
use std::{str, sync::LazyLock};

/// Domain, path, tag and digest.
type Parts = (String, String, Option<String>, Option<String>);

/// `regexp.go` of distribution/reference, and the algorithms that the kubelet has for digests.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let host = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])");
    let component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let path = format!("{component}(?:/{component})*");
    let digest = "sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}";
    let tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
    let whole = format!(r"^(?:({host}(?::[0-9]+)?)/)?({path})(?::({tag}))?(?:@({digest}))?$");
    Regex::new(&whole).unwrap()
});

/// `ParseNormalizedNamed`, step by step, and the kubelet's default tag.
fn as_the_kubelet_reads(text: &str) -> Option<Parts> {
    let is_identifier = text.len() == 64
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_identifier {
        return None;
    }
    let (domain, rest) = split_docker_domain(text);
    let whole = format!("{domain}/{rest}");
    let found = REFERENCE.captures(&whole)?;
    let part = |i| part(&found, i);
    let (domain, path) = (part(1).unwrap_or_default(), part(2)?);
    let tag = part(3).or_else(|| part(4).is_none().then(|| "latest".to_owned()));
    (path.len() <= 255).then(|| (domain, path, tag, part(4)))
}

fn part(found: &Captures<'_>, i: usize) -> Option<String> {
    found.get(i).map(|part| part.as_str().to_owned())
}

fn split_docker_domain(text: &str) -> (&str, String) {
    let (domain, rest) = match text.split_once('/') {
        Some(("index.docker.io", rest)) => ("docker.io", rest),
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.to_lowercase() != first =>
        {
            (first, rest)
        }
        _ => ("docker.io", text),
    };
    match domain == "docker.io" && !rest.contains('/') {
        true => (domain, format!("library/{rest}")),
        false => (domain, rest.to_owned()),
    }
}

/// Checks one text.
pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let read = Reference::parse(text);
    let parts = read.as_ref().ok().map(|reference| {
        let text = |part: Option<&str>| part.map(str::to_owned);
        let (domain, path) = (reference.domain().to_owned(), reference.path().to_owned());
        (domain, path, text(reference.tag()), text(reference.digest()))
    });
    assert_eq!(parts, as_the_kubelet_reads(text), "{text:?}: {read:?}");
    match read {
        Ok(reference) => {
            let printed = reference.to_string();
            assert_eq!(Reference::parse(&printed).as_ref(), Ok(&reference), "{text:?}");
            assert_eq!(Reference::parse(&printed).unwrap().to_string(), printed);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
