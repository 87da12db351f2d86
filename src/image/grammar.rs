//! The grammar of reference parts, mirrored from `regexp.go` of distribution/reference.

/// Longest repository path, in bytes (`RepositoryNameTotalLengthMax`).
pub const MAX_PATH_BYTES: usize = 255;
/// Longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 128;

/// `domain-name [":" port]`, where the name is dotted labels or a bracketed IPv6 address.
pub fn is_domain(text: &str) -> bool {
    let (host, port) = split_port(text);
    let host_is_valid = match bracketed(host) {
        Some(address) => {
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
        }
        None => host.split('.').all(is_host_label),
    };
    host_is_valid && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

/// Splits `host[:port]`. The colons of a bracketed IPv6 address are none that separate.
pub fn split_port(domain: &str) -> (&str, Option<&str>) {
    let from = match domain.starts_with('[') {
        true => domain.find(']').unwrap_or(domain.len()),
        false => 0,
    };
    match domain[from..].find(':') {
        Some(at) => (&domain[..from + at], Some(&domain[from + at + 1..])),
        None => (domain, None),
    }
}

/// The text between `[` and `]`, if all of `host` stands between them.
pub fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Runs of lower-case letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
pub fn is_path_component(component: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    is_word(first)
        && is_word(last)
        && bytes
            .split(|b| is_word(*b))
            .filter(|separator| !separator.is_empty())
            .all(|s| matches!(s, b"." | b"_" | b"__") || s.iter().all(|b| *b == b'-'))
}

/// A word character, then up to 127 of word characters, `.` and `-`.
pub fn is_tag(tag: &str) -> bool {
    let bytes = tag.as_bytes();
    bytes.len() <= MAX_TAG_BYTES
        && bytes.first().is_some_and(|b| is_tag_byte(*b) && !matches!(b, b'.' | b'-'))
        && bytes.iter().all(|b| is_tag_byte(*b))
}

/// Whether a byte may stand in a tag.
pub fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// A digest of an algorithm that the kubelet has, with its full length of lower-case hex digits.
pub fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(is_lower_hex)
}

/// 64 lower-case hex digits: an image ID, which is no reference.
pub fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_lower_hex)
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}
