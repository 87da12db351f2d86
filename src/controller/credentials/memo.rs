//! What entries want, computed anew only where something has changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::state::Secrets;
use crate::config::{Entry, SecretKey};
use crate::sources::{Wanted, made};

/// By the name of the Secret that it would be in, which says what the entry is made from and how.
#[derive(Default)]
pub struct Memo(HashMap<Box<str>, Known>);

struct Known {
    /// Of the Secrets that it was made from.
    revisions: Vec<Option<u64>>,
    wanted: Arc<Result<Wanted, String>>,
}

impl Memo {
    /// What the entry wants of its credential; none if it has none that is made.
    pub fn wanted(
        &mut self,
        entry: &Entry,
        secrets: &Secrets,
    ) -> Option<Arc<Result<Wanted, String>>> {
        let source = entry.source.as_ref()?;
        let keys = source.made.as_ref()?.keys().into_iter();
        let revisions: Vec<_> = keys.map(|key| secrets.revision(&key.secret)).collect();
        if let Some(known) = self.0.get(&source.secret).filter(|it| it.revisions == revisions) {
            return Some(Arc::clone(&known.wanted));
        }
        let wanted = Arc::new(made(entry, |key| value(secrets, key))?);
        let known = Known { revisions, wanted: Arc::clone(&wanted) };
        self.0.insert(source.secret.clone(), known);
        Some(wanted)
    }

    /// Forgets what no entry wants any more.
    pub fn keep_only(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|secret, _| is_kept(secret));
    }
}

fn value<'a>(secrets: &'a Secrets, key: &SecretKey) -> Option<&'a [u8]> {
    let value = secrets.get(&key.secret)?.data.as_ref()?.get(&*key.key);
    value.map(|value| value.0.as_slice())
}
