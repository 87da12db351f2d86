//! All sources, by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Content, NAMESPACES_ANNOTATION, Share, Source};

/// The Secrets of our own namespace.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    secrets: HashMap<Arc<str>, Source>,
    /// Those that are shared by label.
    shares: BTreeMap<Arc<str>, Share>,
}

impl Sources {
    /// What is known of a Secret; none if it does not exist.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.secrets.get(name)
    }

    /// Its content, if it can be copied.
    pub fn content(&self, name: &str) -> Option<&Content> {
        match self.get(name) {
            Some(Source::Good(content)) => Some(content),
            Some(Source::Broken(_)) | None => None,
        }
    }

    /// Those that are shared by label, in the order of their names.
    pub fn shares(&self) -> impl Iterator<Item = (&Arc<str>, &Share)> {
        self.shares.iter()
    }

    /// How a Secret is shared by label; none if it is not.
    pub fn share(&self, name: &str) -> Option<&Share> {
        self.shares.get(name)
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
        match share {
            Some(share) => self.shares.insert(Arc::clone(&name), share),
            None => self.shares.remove(&name),
        };
        self.secrets.insert(name, source);
        is_new
    }

    /// The Secret is gone. Whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.shares.remove(name);
        self.secrets.remove(name).is_some()
    }

    /// Forgets what a complete list does not have. Whether there was any.
    pub fn keep_only(&mut self, is_listed: impl Fn(&str) -> bool) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|name, _| is_listed(name));
        self.shares.retain(|name, _| is_listed(name));
        self.secrets.len() != before
    }
}
