//! All sources, by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Content, NAMESPACES_ANNOTATION, Share, Source};
use crate::credentials::{Derived, derive};

/// The most entries of a docker config that is shared by label.
const MAX_SHARED_AUTHS: usize = 1_000;

/// The Secrets of our own namespace.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    secrets: HashMap<Arc<str>, Source>,
    /// Those that are shared by label.
    shares: BTreeMap<Arc<str>, Share>,
    /// What follows from the content of these, which takes a while to work out.
    derived: HashMap<Arc<str>, Known>,
}

/// The patterns of a content; none if it has too many entries.
#[derive(Clone, Debug)]
struct Known {
    mark: Box<str>,
    derived: Option<Arc<Derived>>,
}

impl Known {
    /// None of content that cannot be read.
    fn of(content: &Content) -> Option<Self> {
        let config = content.docker_config()?;
        let derived = (config.entries().len() <= MAX_SHARED_AUTHS).then(|| derive(&config).into());
        Some(Self { mark: content.mark().into(), derived })
    }
}

impl Sources {
    /// What is known of a Secret; none if it does not exist.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.secrets.get(name)
    }

    /// Its content, if it can be copied.
    pub fn content(&self, name: &str) -> Option<&Content> {
        self.get(name)?.content()
    }

    /// Those that are shared by label, in the order of their names.
    pub fn shares(&self) -> impl Iterator<Item = (&Arc<str>, &Share)> {
        self.shares.iter()
    }

    /// How a Secret is shared by label; none if it is not.
    pub fn share(&self, name: &str) -> Option<&Share> {
        self.shares.get(name)
    }

    /// The patterns of a Secret that is shared by label and can be copied.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn derived(&self, name: &str) -> Result<Arc<Derived>, String> {
        if let Some(Source::Broken(reason)) = self.get(name) {
            return Err(reason.clone());
        }
        let known = self.derived.get(name).ok_or("its content cannot be read")?;
        known.derived.clone().ok_or_else(|| {
            format!(
                "its auths has more than {MAX_SHARED_AUTHS} entries; share several Secrets, or write an entry with patterns of your own"
            )
        })
    }

    /// Takes a Secret as it is now. Whether that changes anything. Of one that is shared by a rule that
    /// cannot be read nothing is copied: it may be that the rule was to be narrowed.
    pub fn set(&mut self, name: &str, source: Source, share: Option<Share>) -> bool {
        let refused = share.as_ref().and_then(|share| share.namespaces().err());
        let source = match refused {
            Some(reason) => Source::Broken(format!(
                "its annotation {NAMESPACES_ANNOTATION} is refused: {reason}"
            )),
            None => source,
        };
        let is_new =
            self.secrets.get(name) != Some(&source) || self.shares.get(name) != share.as_ref();
        let name: Arc<str> = name.into();
        self.derive(&name, share.as_ref().and(source.content()));
        match share {
            Some(share) => self.shares.insert(Arc::clone(&name), share),
            None => self.shares.remove(&name),
        };
        self.secrets.insert(name, source);
        is_new
    }

    /// Once for each content.
    fn derive(&mut self, name: &Arc<str>, content: Option<&Content>) {
        let Some(content) = content else {
            self.derived.remove(name);
            return;
        };
        if self.derived.get(name).is_some_and(|known| *known.mark == *content.mark()) {
            return;
        }
        match Known::of(content) {
            Some(known) => self.derived.insert(Arc::clone(name), known),
            None => self.derived.remove(name),
        };
    }

    /// The Secret is gone. Whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.derived.remove(name);
        self.shares.remove(name);
        self.secrets.remove(name).is_some()
    }

    /// Forgets what a complete list does not have. Whether there was any.
    pub fn keep_only(&mut self, is_listed: impl Fn(&str) -> bool) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|name, _| is_listed(name));
        self.shares.retain(|name, _| is_listed(name));
        self.derived.retain(|name, _| is_listed(name));
        self.secrets.len() != before
    }
}
