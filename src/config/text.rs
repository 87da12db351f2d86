//! The wording of problems that YAML and its types bring, in the terms of the configuration.

use super::{MAX_CONFIG_BYTES, Place, Problem, kubernetes_names::shortened, schema};
use serde_saphyr::{Error as YamlError, UserMessageFormatter};

const FORM_HINT: &str = "check the indentation and the field's form in the configuration reference";

/// How alike two words must be to be taken for a slip of the pen, from 0 to 1 (Jaro-Winkler).
const LIKENESS: f64 = 0.85;

/// Reason and hint of an error of syntax or type on a field.
pub fn of_yaml_error(error: &YamlError, field: &str) -> (String, String) {
    match error {
        YamlError::WithSnippet { error, .. } | YamlError::AliasError { error, .. } => {
            of_yaml_error(error, field)
        }
        YamlError::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown field `{}`", shortened(field)), one_of(field, expected))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("unknown value `{}`", shortened(variant)), one_of(variant, expected))
        }
        YamlError::SerdeMissingField { field, .. } => {
            (format!("the field `{field}` is missing"), format!("add `{field}`"))
        }
        YamlError::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map_or("a key".into(), |key| format!("`{}`", shortened(key)));
            (format!("duplicate key {key}"), "keep one of them".into())
        }
        YamlError::QuotingRequired { value, .. } if is_null(value) => {
            nothing_written(field, "write a value")
        }
        YamlError::NullIntoString { .. } => nothing_written(field, "write a value"),
        YamlError::QuotingRequired { value, .. } => {
            let value = shortened(value);
            match schema::choices(field) {
                Some(choices) => (format!("unknown value `{value}`"), one_of(&value, choices)),
                None => (
                    format!("`{value}` is a number, a boolean or null, where text is wanted"),
                    format!("write it in quotes: \"{value}\""),
                ),
            }
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
            (format!("expected {}", expected_form(expected)), FORM_HINT.into())
        }
        YamlError::UnknownAnchor { .. } => unquoted_wildcard(),
        _ => of_other_error(error, field),
    }
}

/// The errors that the YAML library has only words for.
fn of_other_error(error: &YamlError, field: &str) -> (String, String) {
    let rendered = error.render_with_formatter(&UserMessageFormatter);
    let reason = rendered.split(" at line ").next().unwrap_or(&rendered);
    if reason.contains("anchor or alias") {
        return unquoted_wildcard();
    }
    if reason.contains("too large or too complex") {
        return (
            "the YAML is too large, or its aliases repeat too much of it".into(),
            "write fewer entries and aliases; a wildcard may stand for many patterns".into(),
        );
    }
    if reason.contains(schema::NOTHING_WRITTEN) {
        return nothing_written(field, "write a value, or remove the field");
    }
    if let Some(choices) = schema::choices(field).filter(|_| reason.contains("enum")) {
        return ("expected one word".into(), one_of("", choices));
    }
    let hint = match reason {
        _ if reason.contains("tab") => "indent with spaces; YAML takes no tabs for it",
        _ if reason.contains("unclosed bracket") => "close the bracket",
        _ if reason.contains("quoted scalar") => "close the quotation mark",
        _ if reason.contains("unexpected character") => "write the text in quotes",
        _ if reason.contains("recursion limit") => "no field lies so deep",
        _ => FORM_HINT,
    };
    (shortened(reason), hint.into())
}

fn is_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

fn nothing_written(field: &str, hint: &str) -> (String, String) {
    let choices = schema::choices(field).map(|choices| one_of("", choices));
    (schema::NOTHING_WRITTEN.into(), choices.unwrap_or_else(|| hint.into()))
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
    match (closest(written, expected), expected) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, [only]) => format!("write `{only}`"),
        (None, _) => format!("write one of `{}`", expected.join("`, `")),
    }
}

/// The word that `written` was probably meant to be.
fn closest<'a>(written: &str, expected: &[&'a str]) -> Option<&'a str> {
    let likeness = |word: &str| {
        strsim::jaro_winkler(&word.to_ascii_lowercase(), &shortened(written).to_ascii_lowercase())
    };
    expected
        .iter()
        .copied()
        .filter(|word| likeness(word) >= LIKENESS)
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
