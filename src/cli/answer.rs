//! What `match` says about one image: as a line of JSON, and in words.

use super::output::{GOOD, HINT, TITLE, WARNING, printable};
use crate::{
    config::{Config, Entry, HitRole},
    image::{NearMiss, Pattern, Reference, Scratch, near_miss},
};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use std::{
    borrow::Cow,
    io::{self, Write},
};

/// The entries that match one image.
#[derive(Debug)]
pub struct Answer<'a> {
    config: &'a Config,
    image: Cow<'a, str>,
    reference: Result<Reference<'a>, String>,
    /// The entries that match, each with its first pattern that does.
    matched: Vec<(&'a Entry, &'a Pattern)>,
    /// The entries that would, but for the pattern of `exceptImages` that is named.
    left_out: Vec<(&'a Entry, &'a Pattern)>,
}

impl<'a> Answer<'a> {
    /// Answers for an image, which need not be a valid reference, nor even UTF-8.
    pub fn new(config: &'a Config, image: &'a [u8], scratch: &mut Scratch) -> Self {
        let reference = match std::str::from_utf8(image) {
            Ok(text) => Reference::parse(text).map_err(|error| error.to_string()),
            Err(_) => Err("the reference is not UTF-8".to_owned()),
        };
        let image = String::from_utf8_lossy(image);
        let mut answer =
            Self { config, image, reference, matched: Vec::new(), left_out: Vec::new() };
        answer.find(scratch);
        answer
    }

    fn find(&mut self, scratch: &mut Scratch) {
        let Ok(reference) = &self.reference else { return };
        let mut hits = self.config.hits(reference, scratch).peekable();
        while let Some(first) = hits.next() {
            let Some(entry) = self.config.entries().get(first.entry) else { continue };
            let mut except = (first.role == HitRole::ExceptImage).then_some(first.pattern);
            while let Some(next) = hits.next_if(|next| next.entry == first.entry) {
                except = except.or((next.role == HitRole::ExceptImage).then_some(next.pattern));
            }
            match (first.role, except) {
                (HitRole::Image, None) => self.matched.push((entry, first.pattern)),
                (HitRole::Image, Some(except)) => self.left_out.push((entry, except)),
                (HitRole::ExceptImage, _) => {}
            }
        }
    }

    /// The names in the order of the entries, none twice.
    fn pull_secrets(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for name in self.matched.iter().flat_map(|(entry, _)| &entry.pull_secrets) {
            if !names.contains(&&**name) {
                names.push(&**name);
            }
        }
        names
    }

    /// Writes the answer in words.
    ///
    /// # Errors
    /// If the stream cannot be written.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{TITLE}{}{TITLE:#}", printable(&self.image))?;
        match &self.reference {
            Ok(reference) => self.write_reference(reference, out),
            Err(error) => writeln!(out, "  {WARNING}no valid reference{WARNING:#}: {error}"),
        }
    }

    fn write_reference(&self, reference: &Reference<'_>, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "  reference     {reference}")?;
        let listed = self.matched.iter().chain(&self.left_out);
        let width = listed.map(|(entry, _)| entry.name.len()).max().unwrap_or(0);
        for (entry, pattern) in &self.matched {
            writeln!(out, "  matched by    {:width$}  {pattern}", entry.name)?;
        }
        if self.matched.is_empty() {
            writeln!(out, "  matched by    {WARNING}nothing{WARNING:#}")?;
        }
        for (entry, except) in &self.left_out {
            writeln!(out, "  left out by   {:width$}  {except}", entry.name)?;
        }
        if !self.matched.is_empty() {
            return writeln!(
                out,
                "  pull secrets  {GOOD}{}{GOOD:#}",
                self.pull_secrets().join(", ")
            );
        }
        match nearest(self.config, reference).filter(|_| self.left_out.is_empty()) {
            None => Ok(()),
            Some((entry, near)) => {
                let NearMiss { pattern, difference, .. } = near;
                writeln!(
                    out,
                    "  {HINT}did you mean{HINT:#}  `{pattern}` of {}? it {difference}",
                    entry.name
                )
            }
        }
    }
}

impl Serialize for Answer<'_> {
    /// The order of the fields is part of the contract.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.reference.as_ref().err();
        let mut object = serializer.serialize_struct("Answer", 4 + usize::from(error.is_some()))?;
        object.serialize_field("image", &self.image)?;
        object.serialize_field("reference", &self.reference.as_ref().ok().map(Parts::of))?;
        if let Some(error) = error {
            object.serialize_field("error", error)?;
        }
        let registries: Vec<_> = self
            .matched
            .iter()
            .map(|(entry, pattern)| Registry { name: &entry.name, pattern: pattern.as_str() })
            .collect();
        object.serialize_field("registries", &registries)?;
        object.serialize_field("pullSecrets", &self.pull_secrets())?;
        object.end()
    }
}

/// A reference in its parts.
#[derive(Serialize)]
struct Parts<'a> {
    domain: &'a str,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(reference: &'a Reference<'_>) -> Self {
        Self {
            domain: reference.domain(),
            path: reference.path(),
            tag: reference.tag(),
            digest: reference.digest(),
        }
    }
}

/// An entry that matches.
#[derive(Serialize)]
struct Registry<'a> {
    name: &'a str,
    pattern: &'a str,
}

/// The pattern that an image which matched nothing was probably meant for, with its entry.
pub fn nearest<'c>(
    config: &'c Config,
    reference: &Reference<'_>,
) -> Option<(&'c Entry, NearMiss<'c>)> {
    let near = near_miss(reference, config.entries().iter().flat_map(|entry| &entry.images))?;
    let is_near = |pattern: &Pattern| std::ptr::eq(pattern, near.pattern);
    let owner = config.entries().iter().find(|entry| entry.images.iter().any(is_near))?;
    Some((owner, near))
}
