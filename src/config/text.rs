//! The wording of problems that YAML and its types bring, in the terms of the configuration.

use super::{MAX_CONFIG_BYTES, Place, Problem};
use serde_saphyr::{Error as YamlError, UserMessageFormatter};

const INDENTATION_HINT: &str =
    "check the indentation and the field's form in the configuration reference";

/// Reason and hint of an error of syntax or type.
pub fn of_yaml_error(error: &YamlError) -> (String, String) {
    match error {
        YamlError::WithSnippet { error, .. } | YamlError::AliasError { error, .. } => {
            of_yaml_error(error)
        }
        YamlError::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown field `{field}`"), one_of(field, expected))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("unknown value `{variant}`"), one_of(variant, expected))
        }
        YamlError::SerdeMissingField { field, .. } => {
            (format!("the field `{field}` is missing"), format!("add `{field}`"))
        }
        YamlError::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            (format!("duplicate key `{key}`"), "keep one of them".into())
        }
        YamlError::QuotingRequired { value, .. } => (
            format!("`{value}` is a number, a boolean or null, where text is wanted"),
            format!("write it in quotes: \"{value}\""),
        ),
        YamlError::NullIntoString { .. } => {
            ("nothing is written, where text is wanted".into(), "write a value".into())
        }
        YamlError::MultipleDocuments { .. } => (
            "there is a second YAML document".into(),
            "write one document; remove what follows `---`".into(),
        ),
        YamlError::Eof { .. } => (
            "the configuration is empty".into(),
            "begin with `apiVersion: pullpass.io/v1` and `kind: Config`".into(),
        ),
        YamlError::Unexpected { expected, .. } => {
            (format!("expected {}", expected_form(expected)), INDENTATION_HINT.into())
        }
        YamlError::UnknownAnchor { .. } => unquoted_wildcard(),
        _ => of_other_error(error),
    }
}

fn of_other_error(error: &YamlError) -> (String, String) {
    let rendered = error.render_with_formatter(&UserMessageFormatter);
    let reason = rendered.split(" at line ").next().unwrap_or(&rendered).to_owned();
    if reason.contains("anchor or alias") {
        return unquoted_wildcard();
    }
    (reason, INDENTATION_HINT.into())
}

fn unquoted_wildcard() -> (String, String) {
    (
        "a text that begins with `*` is read as a YAML alias".into(),
        "write it in quotes, for example \"*\" or \"*.example.com/*\"".into(),
    )
}

fn expected_form(expected: &str) -> &str {
    match expected {
        "sequence start" => "a list (`- item` or `[item]`)",
        "mapping start" => "fields (`name: value`)",
        "string scalar" => "text",
        other => other,
    }
}

/// "did you mean", and otherwise all that is allowed.
fn one_of(written: &str, expected: &[&str]) -> String {
    match closest(written, expected) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of `{}`", expected.join("`, `")),
    }
}

/// The word that `written` was probably meant to be.
fn closest<'a>(written: &str, expected: &[&'a str]) -> Option<&'a str> {
    let likeness = |word: &str| {
        strsim::jaro_winkler(&word.to_ascii_lowercase(), &written.to_ascii_lowercase())
    };
    expected
        .iter()
        .copied()
        .filter(|word| likeness(word) >= 0.8)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// The configuration is over [`MAX_CONFIG_BYTES`].
pub fn too_large(bytes: usize) -> Problem {
    Problem {
        place: Place::START,
        field: String::new(),
        entry: None,
        reason: format!("it has {bytes} bytes; at most {MAX_CONFIG_BYTES} are allowed"),
        hint: "use wildcards to write fewer patterns".into(),
    }
}
