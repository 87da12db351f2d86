//! `pullpass check --credentials`: each credential tried once, and images looked up with them.

use std::collections::HashMap;
use std::time::SystemTime;

use anyhow::Result;
use serde::Serialize;

use super::sources::Sourced;
use super::usage_error;
use crate::config::Entry;
use crate::credentials::{DockerConfig, Keyring, SecretKind, compose};
use crate::image::Reference;
use crate::registries::Registries;
use crate::sources::{Source, TokenRequest, Wanted, made};
use crate::tokens::{Failure, Life, Token, Tokens};

/// What came of the credential of one entry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// The entry's name.
    pub entry: String,
    /// Whether there is a credential, and each image was found with it.
    pub works: bool,
    /// Why there is no credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When its token ends (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Its issuer tells no end of it that could be true.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_end_unknown: bool,
    /// Images that were looked up with it.
    pub images: Vec<LookedUp>,
}

/// What came of one image.
#[derive(Debug, Serialize)]
pub struct LookedUp {
    /// As it was given.
    pub image: String,
    /// Whether its registry shows it.
    pub found: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is asked, and of whom.
pub struct Trial<'a> {
    /// The Secrets, and the entries.
    pub sourced: &'a Sourced,
    /// The images that are looked up by entries that they match.
    pub images: &'a [String],
    /// Fetches tokens.
    pub tokens: &'a Tokens,
    /// Looks images up.
    pub registries: &'a Registries,
}

/// A docker config, and the end of its token.
type Content = (Vec<u8>, Option<Life>);

impl Trial<'_> {
    /// Tries each entry that has a source, one after the other.
    ///
    /// # Errors
    /// An image is for none of them.
    pub async fn run(&self) -> Result<Vec<Tried>> {
        for image in self.images {
            let reference = Reference::parse(image);
            let mut entries = self.entries();
            let is_for = |entry: &Entry| reference.as_ref().is_ok_and(|it| is_for(entry, it));
            if !entries.any(is_for) {
                let message = format!(
                    "--image {image}: no entry that has a source matches it; correct the image, or the patterns of the entry"
                );
                return Err(usage_error("check", &message));
            }
        }
        let mut fetched = HashMap::new();
        let mut all = Vec::new();
        for entry in self.entries() {
            let tried = match self.content(entry, &mut fetched).await {
                Ok((content, life)) => self.with_images(entry, &content, life).await,
                Err(reason) => Tried {
                    entry: entry.name.to_string(),
                    works: false,
                    reason: Some(reason),
                    expires_at: None,
                    is_end_unknown: false,
                    images: vec![],
                },
            };
            all.push(tried);
        }
        Ok(all)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sourced.config.entries().iter().filter(|entry| entry.source.is_some())
    }

    async fn content(
        &self,
        entry: &Entry,
        fetched: &mut HashMap<String, Result<Token, Failure>>,
    ) -> Result<Content, String> {
        match made(entry, |key| self.sourced.values.get(key)).transpose()? {
            Some(Wanted::Content(content)) => Ok((content, None)),
            Some(Wanted::Token(request)) => {
                let token = self.token(&request, fetched).await.map_err(|it| it.to_string())?;
                let life = Life::of(token.expiry, SystemTime::now());
                Ok((compose::logins(&token.logins), Some(life)))
            }
            None => {
                let name = entry.source.as_ref().map_or("", |source| &source.secret);
                match self.sourced.sources.get(name) {
                    Some(Source::Good(content)) => Ok((content.bytes().to_vec(), None)),
                    Some(Source::Broken(reason)) => Err(reason.clone()),
                    None => Err(format!("there is no Secret pullpass-system/{name}; create it")),
                }
            }
        }
    }

    /// Entries that ask in the same way share a token here, too.
    async fn token(
        &self,
        request: &TokenRequest,
        fetched: &mut HashMap<String, Result<Token, Failure>>,
    ) -> Result<Token, Failure> {
        if let Some(known) = fetched.get(request.mark()) {
            return known.clone();
        }
        let token = self.tokens.fetch(request).await;
        fetched.insert(request.mark().to_owned(), token.clone());
        token
    }

    async fn with_images(&self, entry: &Entry, content: &[u8], life: Option<Life>) -> Tried {
        let mut images = Vec::new();
        for image in self.images {
            let Ok(reference) = Reference::parse(image) else { continue };
            if is_for(entry, &reference) {
                let looked = self.look_up(image, &reference, content).await;
                let (found, reason) = (looked.is_ok(), looked.err());
                images.push(LookedUp { image: image.clone(), found, reason });
            }
        }
        let end = life.filter(|life| !life.is_assumed).map(|life| life.expires_at);
        let end = end.and_then(|end| jiff::Timestamp::try_from(end).ok());
        Tried {
            entry: entry.name.to_string(),
            works: images.iter().all(|image| image.found),
            reason: None,
            expires_at: end.map(|end| end.to_string()),
            is_end_unknown: life.is_some_and(|life| life.is_assumed),
            images,
        }
    }

    /// With each credential that the kubelet would try, until one is taken.
    async fn look_up(
        &self,
        image: &str,
        reference: &Reference<'_>,
        content: &[u8],
    ) -> Result<(), String> {
        let config = DockerConfig::parse(SecretKind::DockerConfigJson, content);
        let config = config.map_err(|error| error.to_string())?;
        let keyring = Keyring::new(&config);
        let mut last = Err("the credential is for other images".to_owned());
        for credential in keyring.lookup(reference) {
            last = self.registries.look_up(image, credential).await;
            if last.is_ok() {
                break;
            }
        }
        last
    }
}

fn is_for(entry: &Entry, image: &Reference<'_>) -> bool {
    entry.images.iter().any(|pattern| pattern.matches(image))
}
