//! One YAML document -> a JSON value, as kubectl reads it.

use super::scalar::{Scalar, resolve};
use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{
    Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag,
};
use std::collections::{HashMap, HashSet};
use thiserror::Error;

/// Deepest nesting. The API server's own limit for JSON is far above any manifest.
const MAX_DEPTH: usize = 120;
/// Most that aliases may add, in values and bytes of text. What is written out is bounded by itself.
const MAX_EXPANDED: usize = 1024 * 1024;

/// What a document holds.
#[derive(Debug, Default)]
pub struct Read {
    /// Its value; null if the document is empty.
    pub value: Value,
    /// The first thing that would be lost or changed if the value were written anew.
    pub loss: Option<Fault>,
}

/// What is wrong, and where in the document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

impl Fault {
    fn at(marker: &Marker, reason: impl Into<String>) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1, reason: reason.into() }
    }
}

/// Reads the one document of a text.
///
/// # Errors
/// If it is no YAML, has a second document, an unknown alias, or is nested or expanded too far.
pub fn read(text: &str) -> Result<Read, Fault> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        weight: 0,
        expanded: 0,
        loss: None,
    };
    let value = reader.document()?;
    Ok(Read { value, loss: reader.loss })
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// The values of anchors, with their weights.
    anchors: HashMap<usize, (Value, usize)>,
    /// Values and bytes of text so far.
    weight: usize,
    /// The part of it that aliases added.
    expanded: usize,
    loss: Option<Fault>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Fault> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Err(error)) => return Err(syntax(&error)),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(Some(event)),
            }
        }
    }

    fn document(&mut self) -> Result<Value, Fault> {
        let mut value = None;
        while let Some((event, span)) = self.next()? {
            if !event.is_node() {
                continue;
            }
            if value.is_some() {
                let reason = "a second document begins here; put a line `---` before it";
                return Err(Fault::at(&span.start, reason));
            }
            value = Some(self.node(event, span, 0)?);
        }
        Ok(value.unwrap_or_default())
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::at(
                &span.start,
                format!("it is nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        let before = self.weight;
        let anchor = event.anchor_id();
        let value = match event {
            Event::Scalar(text, style, _, tag) => self.scalar(&text, style, tag.as_deref(), &span),
            Event::SequenceStart(_, _, tag) => {
                self.collection_tag(tag.as_deref(), "seq", &span);
                self.sequence(depth)?
            }
            Event::MappingStart(_, _, tag) => {
                self.collection_tag(tag.as_deref(), "map", &span);
                self.mapping(depth)?
            }
            Event::Alias(id) => self.alias(id, &span)?,
            _ => return Err(Fault::at(&span.start, "a value is missing here")),
        };
        self.weight += value.as_str().map_or(1, |text| text.len() + 1);
        if let Some(id) = anchor {
            self.anchors.insert(id, (value.clone(), self.weight - before));
        }
        Ok(value)
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Value, Fault> {
        let Some((value, weight)) = self.anchors.get(&id) else {
            return Err(Fault::at(&span.start, "the alias stands for a value that it is part of"));
        };
        self.weight += weight;
        self.expanded += weight;
        match self.expanded > MAX_EXPANDED {
            true => Err(Fault::at(&span.start, "it is too large with its aliases expanded")),
            false => Ok(value.clone()),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut fields = Map::new();
        let mut merged = HashSet::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let is_merge = is_merge_key(&event);
            let key = self.node(event, span, depth + 1)?;
            let Some((event, value_span)) = self.next()? else { break };
            let value = self.node(event, value_span, depth + 1)?;
            if is_merge {
                self.merge(value, &mut fields, &mut merged, &value_span)?;
                continue;
            }
            let key = Self::key(key, &span)?;
            if fields.contains_key(&key) && !merged.remove(&key) {
                self.lose(&span, format!("the key `{key}` stands twice; keep one of them"));
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }

    /// A merge key `<<`: of several maps the first wins, and fields written after it win over all.
    fn merge(
        &mut self,
        value: Value,
        fields: &mut Map<String, Value>,
        merged: &mut HashSet<String>,
        span: &Span,
    ) -> Result<(), Fault> {
        let maps = match value {
            Value::Array(maps) => maps,
            map => vec![map],
        };
        for map in maps {
            let Value::Object(map) = map else {
                return Err(Fault::at(&span.start, "`<<` merges maps only"));
            };
            for (key, value) in map {
                if merged.contains(&key) {
                    continue;
                }
                if fields.contains_key(&key) {
                    self.lose(
                        span,
                        format!("`<<` stands after `{key}`, which it holds too; write `<<` first"),
                    );
                }
                merged.insert(key.clone());
                fields.insert(key, value);
            }
        }
        Ok(())
    }

    /// Keys are texts in JSON; numbers and booleans become texts as kubectl makes them.
    fn key(key: Value, span: &Span) -> Result<String, Fault> {
        match key {
            Value::String(text) => Ok(text),
            Value::Bool(_) | Value::Number(_) => Ok(key.to_string()),
            _ => Err(Fault::at(&span.start, "a key must be a text")),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Value {
        let as_text = || Value::String(text.to_owned());
        match tag {
            None if style == ScalarStyle::Plain => self.resolved(text, span),
            None => as_text(),
            Some(tag) if tag.original() == "!" || tag.is_yaml_core_schema_tag("str") => as_text(),
            Some(tag) => {
                let value = self.resolved(text, span);
                if tag.core_suffix() == Some(core_type(&value)) {
                    return value;
                }
                self.lose(span, format!("the tag `{}` cannot be kept; remove it", tag.original()));
                as_text()
            }
        }
    }

    fn resolved(&mut self, text: &str, span: &Span) -> Value {
        match resolve(text) {
            Scalar::Value(value) => value,
            Scalar::Inexact(value) => {
                self.lose(span, format!("the number `{text}` cannot be kept exactly; write it in quotes if it is a text"));
                value
            }
        }
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, expected: &str, span: &Span) {
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(expected)) {
            self.lose(span, format!("the tag `{}` cannot be kept; remove it", tag.original()));
        }
    }

    fn lose(&mut self, span: &Span, reason: String) {
        self.loss.get_or_insert_with(|| Fault::at(&span.start, reason));
    }
}

fn core_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "seq",
        Value::Object(_) => "map",
    }
}

fn is_merge_key(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<")
}

fn syntax(error: &ScanError) -> Fault {
    Fault::at(error.marker(), format!("it is no valid YAML: {}", error.kind()))
}
