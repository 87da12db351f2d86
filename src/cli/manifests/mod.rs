//! Files of manifests: read as kubectl reads them, and written so that only what was changed
//! differs.

mod scalar;
mod split;
mod yaml;

pub use yaml::Fault;

use serde_json::Value;
use split::Piece;
use thiserror::Error;

/// A text of YAML documents, or of JSON values.
#[derive(Debug)]
pub struct Manifests<'t> {
    text: &'t str,
    is_json: bool,
    documents: Vec<Document>,
}

/// One document of a text.
#[derive(Debug)]
pub struct Document {
    /// Its number, from 1. Empty documents count.
    pub number: usize,
    /// What it holds.
    pub value: Value,
    piece: Piece,
    loss: Option<Fault>,
}

/// Why a text of manifests cannot be read, or a document cannot be written anew.
#[derive(Debug, Error)]
pub enum ManifestsError {
    /// The documents cannot be told apart.
    #[error(transparent)]
    Split(Fault),
    /// A document cannot be read.
    #[error("document {number}, {fault}")]
    Read {
        /// The document's number, from 1.
        number: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// A document has something that would be lost.
    #[error("document {number}, {fault}")]
    Loss {
        /// The document's number, from 1.
        number: usize,
        /// What would be lost.
        fault: Fault,
    },
    /// The YAML of a document does not say what it should; nothing is written then.
    #[error("document {number}: failed to write it as YAML without a change to its values{detail}")]
    Write {
        /// The document's number, from 1.
        number: usize,
        /// What is known of it.
        detail: String,
    },
}

impl<'t> Manifests<'t> {
    /// Reads every document.
    ///
    /// # Errors
    /// The first document that cannot be read, with its number, line and column in the text.
    pub fn read(text: &'t str) -> Result<Self, ManifestsError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(values) = split::json(text) {
            let document = |(number, (piece, value)): (_, (Piece, Value))| {
                let loss = inexact_number(&value).map(|reason| Fault {
                    line: piece.line,
                    column: 1,
                    reason,
                });
                Document { number, value, piece, loss }
            };
            let documents = (1..).zip(values).map(document).collect();
            return Ok(Self { text, is_json: true, documents });
        }
        let pieces = split::yaml(text).map_err(ManifestsError::Split)?;
        let documents = (1..)
            .zip(pieces)
            .map(|(number, piece)| read_piece(text, number, piece))
            .collect::<Result<_, _>>()?;
        Ok(Self { text, is_json: false, documents })
    }

    /// The documents, in order.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The text with other values for some documents, given by position. All else is as it was,
    /// byte for byte.
    ///
    /// # Errors
    /// If a document that changes has something that would be lost.
    pub fn with(&self, changes: &[(usize, Value)]) -> Result<String, ManifestsError> {
        let value_of =
            |position| changes.iter().find(|(at, _)| *at == position).map(|(_, value)| value);
        let mut out = String::with_capacity(self.text.len() + 64 * changes.len());
        let mut done = 0;
        for (position, document) in self.documents.iter().enumerate() {
            let range = &document.piece.range;
            let between = &self.text[done..range.start];
            done = range.end;
            // JSON values need nothing between them, and YAML documents a line `---`.
            out.push_str(if self.is_json && position > 0 && !changes.is_empty() {
                "\n---\n"
            } else {
                between
            });
            match value_of(position) {
                Some(value) => out.push_str(&document.written(&self.text[range.clone()], value)?),
                None => out.push_str(&self.text[range.clone()]),
            }
        }
        out.push_str(&self.text[done..]);
        Ok(out)
    }
}

fn read_piece(text: &str, number: usize, piece: Piece) -> Result<Document, ManifestsError> {
    let in_text = |mut fault: Fault| {
        fault.line += piece.line - 1;
        fault
    };
    let read = yaml::read(&text[piece.range.clone()])
        .map_err(|fault| ManifestsError::Read { number, fault: in_text(fault) })?;
    Ok(Document { number, value: read.value, loss: read.loss.map(in_text), piece })
}

impl Document {
    /// The YAML of another value for this document, under the comments that it begins with.
    fn written(&self, text: &str, value: &Value) -> Result<String, ManifestsError> {
        let number = self.number;
        if let Some(fault) = &self.loss {
            return Err(ManifestsError::Loss { number, fault: fault.clone() });
        }
        let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
        let yaml = serde_saphyr::to_string_with_options(value, options)
            .map_err(|error| ManifestsError::Write { number, detail: format!(": {error}") })?;
        match yaml::read(&yaml) {
            Ok(read) if read.value == *value => Ok(format!("{}{yaml}", opening_comments(text))),
            _ => Err(ManifestsError::Write { number, detail: "; please report it".into() }),
        }
    }
}

/// The lines before the first that is neither blank nor a comment.
fn opening_comments(text: &str) -> &str {
    let is_content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let lines = || text.split_inclusive('\n');
    let comments = lines().take_while(|line| !is_content(line)).map(str::len).sum();
    &text[..comments]
}

/// JSON numbers beyond 64 bits are read as the nearest float.
fn inexact_number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number
            .as_f64()
            .filter(|float| number.is_f64() && float.abs() >= 9.0e18)
            .map(|float| format!("a number near {float:e} cannot be kept exactly")),
        Value::Array(items) => items.iter().find_map(inexact_number),
        Value::Object(fields) => fields.values().find_map(inexact_number),
        _ => None,
    }
}
