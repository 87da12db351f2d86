//! What Kubernetes allows as names and labels (`k8s.io/apimachinery/pkg/util/validation`).

/// What [`is_dns_label`] wants.
pub const DNS_LABEL_HINT: &str =
    "use up to 63 of a-z, 0-9 and `-`, and begin and end with a letter or digit";
/// What [`is_dns_subdomain`] wants.
pub const DNS_SUBDOMAIN_HINT: &str =
    "use up to 253 of a-z, 0-9, `-` and `.`, and begin and end each part with a letter or digit";
/// What [`is_label_key`] wants.
pub const LABEL_KEY_HINT: &str = "write `name` or `prefix/name`, for example `example.com/tier`";
/// What [`is_label_value`] wants.
pub const LABEL_VALUE_HINT: &str =
    "use up to 63 of A-Z, a-z, 0-9, `-`, `_` and `.`, and begin and end with a letter or digit";
/// What [`check_namespace_glob`] wants.
pub const NAMESPACE_GLOB_HINT: &str =
    "write a namespace's name, or a glob such as `team-*`, in a-z, 0-9 and `-`";

/// What [`is_data_key`] wants.
pub const DATA_KEY_HINT: &str = "use up to 253 of a-z, A-Z, 0-9, `-`, `_` and `.`";

/// A key of the `data` of Secrets and ConfigMaps (`IsConfigMapKey`).
pub fn is_data_key(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=253).contains(&text.len())
        && text.bytes().all(is_inner)
        && text != "."
        && !text.starts_with("..")
}

/// A name as Namespaces and containers have it (RFC 1123 label).
pub fn is_dns_label(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A name as Secrets have it (RFC 1123 subdomain).
pub fn is_dns_subdomain(text: &str) -> bool {
    let is_part = |part: &str| {
        let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !part.is_empty()
            && part.bytes().all(is_inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

/// `[prefix/]name`.
pub fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_qualified_part(name),
        None => is_qualified_part(text),
    }
}

/// Empty, or as the name part of a key.
pub fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_qualified_part(text)
}

fn is_qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(is_inner)
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// A glob that some namespace's name can match.
pub fn check_namespace_glob(glob: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'*');
    let literals = glob.bytes().filter(|b| *b != b'*').count();
    match glob {
        "" => Err("the glob is empty"),
        _ if glob.contains("**") => Err("`**` is no wildcard"),
        _ if !glob.bytes().all(allowed) => Err("no namespace's name has such a character"),
        _ if literals > 63 => Err("no namespace's name is so long"),
        _ if glob.starts_with('-') || glob.ends_with('-') => {
            Err("no namespace's name begins or ends with `-`")
        }
        _ => Ok(()),
    }
}

/// A text as it is put into messages: at most 128 characters of it.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(128) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
