//! The configuration within a ConfigMap's manifest, as people have it in Git.

use super::manifests::Manifests;
use crate::config::{CONFIG_KEY, Place};
use serde_json::Value;
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

/// The text under `config.yaml` of a ConfigMap.
#[derive(Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The configuration.
    pub text: String,
    /// By how much lines and columns differ from those of the file; `None` where the text is not
    /// written line by line (`|`).
    pub offset: Option<(u64, u64)>,
}

/// What a file that was given as the configuration is.
#[derive(Debug, PartialEq, Eq)]
pub enum Detected {
    /// Not a ConfigMap: the configuration itself, as far as can be told.
    Configuration,
    /// A ConfigMap with the configuration.
    ConfigMap(Embedded),
    /// A ConfigMap without the key `config.yaml`.
    ConfigMapWithoutKey,
}

/// Looks for the first ConfigMap with the configuration.
pub fn detect(yaml: &str) -> Detected {
    let Ok(manifests) = Manifests::read(yaml) else { return Detected::Configuration };
    let config_maps = || {
        let is_config_map =
            |value: &&Value| value.get("kind").and_then(Value::as_str) == Some("ConfigMap");
        manifests.documents().iter().map(|document| &document.value).filter(is_config_map)
    };
    let inner = |value: &Value| Some(value.get("data")?.get(CONFIG_KEY)?.as_str()?.to_owned());
    match config_maps().find_map(inner) {
        Some(text) => Detected::ConfigMap(Embedded { offset: offset_of(yaml, &text), text }),
        None if config_maps().next().is_some() => Detected::ConfigMapWithoutKey,
        None => Detected::Configuration,
    }
}

impl Embedded {
    /// A place of the inner text as a place of the file.
    pub fn in_file(&self, place: Place) -> Option<Place> {
        let (lines, columns) = self.offset?;
        Some(Place { line: place.line + lines, column: place.column + columns })
    }
}

/// How far the block scalar `text` under the key `config.yaml` is moved down and right.
fn offset_of(yaml: &str, text: &str) -> Option<(u64, u64)> {
    let mut is_key = false;
    for event in Parser::new_from_str(yaml) {
        let (event, span) = event.ok()?;
        match event {
            Event::Scalar(found, ScalarStyle::Literal, ..) if is_key && found == text => {
                return moved(yaml, text, &span);
            }
            Event::Scalar(found, ..) => is_key = found == CONFIG_KEY,
            Event::Comment(..) => {}
            _ => is_key = false,
        }
    }
    None
}

/// Finds the first line of the text at or after the place of the block scalar.
fn moved(yaml: &str, text: &str, span: &Span) -> Option<(u64, u64)> {
    let (inner_line, first) = (0..).zip(text.lines()).find(|(_, line)| !line.trim().is_empty())?;
    let after = span.start.line().saturating_sub(1);
    let (line, indent) = (0_u64..).zip(yaml.lines()).skip(after).find_map(|(number, line)| {
        let indent = line.strip_suffix(first)?;
        (!indent.is_empty() && indent.chars().all(|c| c == ' ')).then_some((number, indent.len()))
    })?;
    Some((line - inner_line, u64::try_from(indent).ok()?))
}
