//! Reading a docker config as Go's `encoding/json` and the kubelet do.

mod auth;
mod error;
mod fields;
mod object;

pub use error::{DockerConfigError, Place};

use super::{Entry, RegistryKey, SecretKind};
use fields::{Auths, ConfigFields};
use object::object;
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::{Deserializer, error::Category};
use std::{cell::RefCell, collections::HashMap, mem};

/// Deepest nesting that Go's decoder takes (`maxNestingDepth` of `encoding/json/scanner.go`).
const MAX_DEPTH: usize = 10_000;

/// A docker config as written.
#[derive(Default)]
pub(super) struct Contents {
    pub entries: Entries,
    /// Names beside `auths` that the kubelet does not use.
    pub ignored: Vec<String>,
}

/// The entries of `auths`; of two with the same key, the last.
#[derive(Default)]
pub(super) struct Entries {
    list: Vec<ReadEntry>,
    positions: HashMap<RegistryKey, usize>,
    /// What is wrong with each `auth` that cannot be decoded, also of an entry that another one
    /// replaces.
    faults: Vec<DockerConfigError>,
    /// The entries that another one of the same key replaced.
    replaced: Vec<Entry>,
}

/// An entry of `auths`, and what else it had.
pub(super) struct ReadEntry {
    pub entry: Entry,
    /// The names of fields that the kubelet does not read.
    pub ignored: Vec<String>,
}

impl Entries {
    pub fn list(&self) -> &[ReadEntry] {
        &self.list
    }

    /// What is left out of the list: entries that cannot be decoded, and those that were replaced.
    pub fn take_left_out(&mut self) -> (Vec<DockerConfigError>, Vec<Entry>) {
        (mem::take(&mut self.faults), mem::take(&mut self.replaced))
    }

    fn put(&mut self, read: ReadEntry) {
        match self.positions.get(&read.entry.key) {
            Some(position) => {
                let earlier = mem::replace(&mut self.list[*position], read);
                self.replaced.push(earlier.entry);
            }
            None => {
                self.positions.insert(read.entry.key.clone(), self.list.len());
                self.list.push(read);
            }
        }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.positions.clear();
    }
}

/// Reads the content: its syntax, its shape, and each `auth`. One that cannot be decoded fails the whole.
pub(super) fn read(kind: SecretKind, content: &[u8]) -> Result<Contents, DockerConfigError> {
    let contents = read_each(kind, content)?;
    match contents.entries.faults.first() {
        Some(fault) => Err(fault.clone()),
        None => Ok(contents),
    }
}

/// The same, but an entry that cannot be decoded is left out alone.
pub(super) fn read_each(kind: SecretKind, content: &[u8]) -> Result<Contents, DockerConfigError> {
    if content.is_empty() {
        return Err(DockerConfigError::Empty);
    }
    check_syntax(kind, content)?;
    let mut contents = Contents::default();
    let place = RefCell::new(Place::Whole);
    let mut deserializer = Deserializer::from_slice(content);
    let result = match kind {
        SecretKind::DockerConfigJson => {
            object(&mut ConfigFields { contents: &mut contents, place: &place })
                .deserialize(&mut deserializer)
        }
        SecretKind::Dockercfg => object(&mut Auths {
            entries: &mut contents.entries,
            place: &place,
            within: Place::Whole,
        })
        .deserialize(&mut deserializer),
    };
    // The words of the error may quote a value; its position does not.
    result.map_err(|error| DockerConfigError::Shape {
        place: place.into_inner(),
        line: error.line(),
        column: error.column(),
    })?;
    Ok(contents)
}

fn check_syntax(kind: SecretKind, content: &[u8]) -> Result<(), DockerConfigError> {
    serde_json::from_slice::<IgnoredAny>(content).map_err(|error| DockerConfigError::NotJson {
        ends_early: error.classify() == Category::Eof,
        line: error.line(),
        column: error.column(),
    })?;
    // A dockercfg is copied one level deeper.
    let most = match kind {
        SecretKind::DockerConfigJson => MAX_DEPTH,
        SecretKind::Dockercfg => MAX_DEPTH - 1,
    };
    match depth(content) > most {
        true => Err(DockerConfigError::TooDeep),
        false => Ok(()),
    }
}

/// How deep objects and arrays stand within one another, in a text that is JSON.
fn depth(json: &[u8]) -> usize {
    let (mut now, mut most) = (0usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => now += 1,
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}
