//! A serde Deserializer that skips as [`skip`] does.

use super::skip;
use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use std::fmt;

/// Deepest nesting of what is read; what is skipped may be nested as deep as it likes.
const MAX_DEPTH: u8 = 32;

/// The text was not read. serde_json says why, or reads it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text was not read")
    }
}

impl std::error::Error for Unread {}

impl de::Error for Unread {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Reads the one value of a text.
///
/// # Errors
/// If the text is not in order, the value has another type, or it is one of the things that are left to serde_json: a number that is
/// read, or a deep nesting.
pub fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unread> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.next() {
        None => Ok(value),
        Some(_) => Err(Unread),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space; it stays the next.
    fn next(&mut self) -> Option<u8> {
        while matches!(self.byte()?, b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
        self.byte()
    }

    /// Passes the byte, if it is the next.
    fn pass(&mut self, byte: u8) -> Result<(), Unread> {
        if self.next() != Some(byte) {
            return Err(Unread);
        }
        self.at += 1;
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn pass_word(&mut self, word: &str) -> Result<(), Unread> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Unread);
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes a string, and tells what stands between its quotes and whether that has escapes.
    fn string(&mut self) -> Result<(&'a str, bool), Unread> {
        self.pass(b'"')?;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            let plain = self.rest().iter().position(|byte| IS_SPECIAL[usize::from(*byte)]);
            self.at += plain.ok_or(Unread)?;
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.at += 2;
                }
                _ => return Err(Unread),
            }
        }
        let between = self.text.get(start..self.at).ok_or(Unread)?;
        self.at += 1;
        Ok((between, has_escapes))
    }

    /// Reads what stands between two brackets, the first of which is the next byte.
    fn within<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        if self.depth == MAX_DEPTH {
            return Err(Unread);
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn skip(&mut self) -> Result<(), Unread> {
        match self.next() {
            Some(b'{' | b'[') => self.at += skip::container(self.rest()).ok_or(Unread)?,
            Some(b'"') => drop(self.string()?),
            _ => {
                let is_end =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r');
                let end = self.rest().iter().position(is_end).unwrap_or(self.rest().len());
                let token = self.text.get(self.at..self.at + end).ok_or(Unread)?;
                serde_json::from_str::<de::IgnoredAny>(token).map_err(|_| Unread)?;
                self.at += end;
            }
        }
        Ok(())
    }
}

/// Quotes, backslashes, and the control characters that no string has.
const IS_SPECIAL: [bool; 256] = {
    let mut is_special = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        is_special[control] = true;
        control += 1;
    }
    is_special[b'"' as usize] = true;
    is_special[b'\\' as usize] = true;
    is_special
};

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.next() {
            Some(b'{') => {
                self.within(|reader| visitor.visit_map(Members { reader, is_first: true }))
            }
            Some(b'[') => {
                self.within(|reader| visitor.visit_seq(Elements { reader, is_first: true }))
            }
            Some(b'"') => {
                let start = self.at;
                match self.string()? {
                    (text, false) => visitor.visit_borrowed_str(text),
                    (_, true) => {
                        let written = self.text.get(start..self.at).ok_or(Unread)?;
                        visitor.visit_string(serde_json::from_str(written).map_err(|_| Unread)?)
                    }
                }
            }
            Some(b'n') => {
                self.pass_word("null")?;
                visitor.visit_unit()
            }
            Some(b't') => {
                self.pass_word("true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.pass_word("false")?;
                visitor.visit_bool(false)
            }
            // Of no number anything is read.
            _ => Err(Unread),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.next() {
            Some(b'n') => {
                self.pass_word("null")?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Passes what stands before the next of a list: nothing before the first, a comma before the others.
/// Whether there is a next.
fn goes_on(reader: &mut Reader<'_>, end: u8, is_first: &mut bool) -> Result<bool, Unread> {
    let is_first = std::mem::take(is_first);
    match reader.next() {
        Some(byte) if byte == end => {
            reader.at += 1;
            return Ok(false);
        }
        Some(b',') if !is_first => reader.at += 1,
        Some(_) if is_first => {}
        _ => return Err(Unread),
    }
    Ok(true)
}

struct Members<'r, 'a> {
    reader: &'r mut Reader<'a>,
    is_first: bool,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unread> {
        if !goes_on(self.reader, b'}', &mut self.is_first)? {
            return Ok(None);
        }
        if self.reader.next() != Some(b'"') {
            return Err(Unread);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        self.reader.pass(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    is_first: bool,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unread> {
        match goes_on(self.reader, b']', &mut self.is_first)? {
            true => seed.deserialize(&mut *self.reader).map(Some),
            false => Ok(None),
        }
    }
}
