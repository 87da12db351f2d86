//! YAML text -> [`Document`] -> [`Config`].

use super::{
    CONFIG_KEY,
    compile::{self, Config},
    kubernetes_names::shortened,
    lint,
    problem::{ConfigError, Place, Problem},
    schema::Document,
    text,
};
use serde::de::DeserializeOwned;
use serde_saphyr::{Error as YamlError, Options, options};
use std::sync::Arc;

/// Largest configuration, in bytes. A ConfigMap holds at most 1 MiB.
pub const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;

/// A configuration that is in order, and what is odd about it.
#[derive(Debug)]
pub struct Parsed {
    /// The compiled configuration.
    pub config: Arc<Config>,
    /// Warnings, in the order of their places.
    pub warnings: Vec<Problem>,
}

/// Parses, checks and compiles a configuration.
///
/// # Errors
/// Every problem with its place. Those of syntax and type come one at a time, all others at once.
pub fn parse(yaml: &str) -> Result<Parsed, ConfigError> {
    let refuse = |problem| ConfigError { problems: vec![problem] };
    if yaml.len() > MAX_CONFIG_BYTES {
        return Err(refuse(text::too_large(yaml.len())));
    }
    let document: Document = deserialize(yaml).map_err(refuse)?;
    let config = Arc::new(compile::compile(&document)?);
    let warnings = lint::lint(&document, &config);
    Ok(Parsed { config, warnings })
}

/// Deserializes strict YAML; what is wrong has its place and its field.
pub(super) fn deserialize<T: DeserializeOwned>(yaml: &str) -> Result<T, Problem> {
    let mut track = serde_path_to_error::Track::new();
    serde_saphyr::with_deserializer_from_str_with_options(yaml, yaml_options(), |deserializer| {
        T::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track))
    })
    .map_err(|error| problem(&error, &track.path()))
}

/// Strict YAML: a string that looks like a number or a boolean is quoted, and no key stands twice.
fn yaml_options() -> Options {
    let room = 8 * MAX_CONFIG_BYTES;
    options! {
        no_schema: true,
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: room, max_events: room },
    }
}

fn problem(error: &YamlError, path: &serde_path_to_error::Path) -> Problem {
    let place = error.location().map_or(Place::START, Place::at);
    let field = field_path(path, error);
    let (reason, hint) = text::of_yaml_error(error, &field);
    Problem { place, field, entry: None, reason, hint }
}

/// The path without the inner parts of `Spanned`, and with the field that the error names.
fn field_path(path: &serde_path_to_error::Path, error: &YamlError) -> String {
    use serde_path_to_error::Segment;
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => field.extend(["[", &index.to_string(), "]"]),
            Segment::Map { key } if key != "value" => push_name(&mut field, key),
            _ => {}
        }
    }
    match error {
        YamlError::SerdeUnknownField { field: name, .. } => push_name(&mut field, name),
        YamlError::SerdeMissingField { field: name, .. } => push_name(&mut field, name),
        YamlError::DuplicateMappingKey { key: Some(key), .. } => push_name(&mut field, key),
        _ => {}
    }
    field
}

fn push_name(field: &mut String, name: &str) {
    let name = &shortened(name);
    if field.ends_with(&format!(".{name}")) || *field == *name {
        return;
    }
    if !field.is_empty() {
        field.push('.');
    }
    field.push_str(name);
}

/// The text of the configuration, or what to do if the ConfigMap has none.
pub fn config_text(text: Option<&str>) -> Result<&str, String> {
    text.ok_or_else(|| {
        format!("the ConfigMap has no key `{CONFIG_KEY}` in `data`; put the configuration there")
    })
}
