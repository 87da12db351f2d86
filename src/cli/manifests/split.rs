//! Where the documents of a text begin and end, as kubectl splits it.

use super::yaml::Fault;
use std::ops::Range;

/// One document: its bytes, and the number of its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it stands in the text; separator lines belong to none.
    pub range: Range<usize>,
    /// Its first line, from 1.
    pub line: usize,
}

/// Splits YAML at lines `---`, after which only a comment may follow.
///
/// Mirrors `YAMLReader` of k8s.io/apimachinery/pkg/util/yaml.
///
/// # Errors
/// If something else follows `---`.
pub fn yaml(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut piece = Piece { range: 0..0, line: 1 };
    let mut end = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let start = end;
        end += line.len();
        let Some(rest) = line.strip_prefix("---") else { continue };
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            let reason = format!(
                "`--- {rest}`: kubectl takes only a comment after `---`; begin the document on the next line"
            );
            return Err(Fault { line: number, column: 1, reason });
        }
        piece.range.end = start;
        pieces.push(piece);
        piece = Piece { range: end..end, line: number + 1 };
    }
    piece.range.end = text.len();
    pieces.push(piece);
    Ok(pieces)
}

/// The JSON values of a text that is nothing but JSON; `None` if it is not.
pub fn json(text: &str) -> Option<Vec<(Piece, serde_json::Value)>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut values = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter();
    let mut start = 0;
    while let Some(value) = stream.next() {
        let value = value.ok()?;
        let blank = text[start..].len() - text[start..].trim_start().len();
        let range = start + blank..stream.byte_offset();
        let line = 1 + text[..range.start].matches('\n').count();
        start = range.end;
        values.push((Piece { range, line }, value));
    }
    Some(values)
}
