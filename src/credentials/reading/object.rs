//! Objects as Go's `encoding/json` reads them into a struct or a map.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::fmt;

/// What is done with each field of an object.
pub trait Fields {
    /// Takes one field: its value must be read from `map`.
    fn field<'de, A: MapAccess<'de>>(&mut self, name: Text, map: &mut A) -> Result<(), A::Error>;

    /// Takes `null` in place of the object.
    fn null(&mut self) {}
}

/// Reads an object, or `null`, into `fields`.
pub fn object<T: Fields>(fields: &mut T) -> impl for<'de> DeserializeSeed<'de, Value = ()> {
    Object(fields)
}

struct Object<'a, T>(&'a mut T);

impl<'de, T: Fields> DeserializeSeed<'de> for Object<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for Object<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        self.0.null();
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            self.0.field(name, &mut map)?;
        }
        Ok(())
    }
}

/// A text that need not be valid Unicode, which Go's decoder does not ask for.
pub struct Text(pub Vec<u8>);

impl Text {
    /// Whether a field of a Go struct has this name: letter case does not count, by Unicode's
    /// simple folding (`foldName` of `encoding/json/fold.go`).
    pub fn names(&self, field: &str) -> bool {
        let folded = self.lossy().replace('\u{17f}', "s").replace('\u{212a}', "k");
        folded.eq_ignore_ascii_case(field)
    }

    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
        Ok(Text(bytes.to_vec()))
    }
}
