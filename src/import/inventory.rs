//! The pull secrets of a cluster, and who names them: what is kept of the lists while they are read.

use super::{HOME, ReadSecret, object::Kept};
use crate::{
    config::is_never_served,
    sources::{Content, Source},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The most that is kept of different contents, in bytes.
const MAX_CONTENT_BYTES: usize = 64 * 1024 * 1024;

/// `NAMESPACE` and `NAME` of a Secret.
pub(super) type Place = (String, String);

/// Who can name a pull secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// A ServiceAccount.
    ServiceAccount,
    /// A Pod.
    Pod,
}

/// A ServiceAccount or a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pull secrets that it names, none twice.
    pub pull_secrets: Vec<String>,
}

/// How many name a Secret.
#[derive(Debug, Clone, Default)]
pub(super) struct Users {
    pub service_accounts: usize,
    pub pods: usize,
    /// The first of them, in words.
    pub first: String,
}

/// Secrets of one content.
#[derive(Debug)]
pub(super) struct Group {
    /// One of them.
    pub example: ReadSecret,
    pub places: Vec<Place>,
    /// When the newest was written.
    pub made_at: Option<i64>,
}

/// What there is.
#[derive(Debug)]
pub struct Inventory {
    /// By content.
    pub(super) groups: HashMap<Box<str>, Group>,
    /// Those that are not taken over, and why.
    pub(super) left_out: Vec<(Place, String)>,
    /// All that there are, in whatever state.
    pub(super) known: HashSet<Place>,
    pub(super) users: BTreeMap<Place, Users>,
    held: usize,
    most: usize,
}

impl Default for Inventory {
    fn default() -> Self {
        Self::holding(MAX_CONTENT_BYTES)
    }
}

impl Inventory {
    /// One that keeps so many bytes of different contents, and no more.
    pub fn holding(most: usize) -> Self {
        Self {
            groups: HashMap::new(),
            left_out: Vec::new(),
            known: HashSet::new(),
            users: BTreeMap::new(),
            held: 0,
            most,
        }
    }

    /// Takes a pull secret of the cluster.
    pub fn secret(&mut self, secret: ReadSecret) {
        let place = (secret.namespace.clone(), secret.name.clone());
        self.known.insert(place.clone());
        if place.0 == HOME || secret.kept.is_some_and(|kept| kept == Kept::Copy) {
            return; // Pullpass has it already
        }
        let content = match takeable(&secret) {
            Ok(content) => content,
            Err(reason) => {
                self.left_out.push((place, reason));
                return;
            }
        };
        let made_at = secret.made_at;
        if let Some(group) = self.groups.get_mut(content.mark()) {
            group.places.push(place);
            group.made_at = group.made_at.max(made_at);
            return;
        }
        let bytes = content.bytes().len();
        if self.held + bytes > self.most {
            let reason =
                "too much is in other Secrets for one import; import the rest by --namespace";
            self.left_out.push((place, reason.to_owned()));
            return;
        }
        self.held += bytes;
        let mark = content.mark().into();
        self.groups.insert(mark, Group { example: secret, places: vec![place], made_at });
    }

    /// Takes what a ServiceAccount or a Pod names.
    pub fn user(&mut self, kind: User, seen: Seen) {
        for secret in seen.pull_secrets {
            let users = self.users.entry((seen.namespace.clone(), secret)).or_default();
            let word = match kind {
                User::ServiceAccount => {
                    users.service_accounts += 1;
                    "ServiceAccount"
                }
                User::Pod => {
                    users.pods += 1;
                    "Pod"
                }
            };
            if users.first.is_empty() {
                users.first = format!("{word} {}/{}", seen.namespace, seen.name);
            }
        }
    }
}

/// What it holds, or why it is not taken over.
fn takeable(secret: &ReadSecret) -> Result<Content, String> {
    if secret.kept == Some(Kept::Cluster) {
        return Err("the cluster made it for a ServiceAccount, and keeps it".into());
    }
    if is_never_served(&secret.namespace) {
        return Err(format!("no copy is ever made in {}", secret.namespace));
    }
    match &secret.source {
        Source::Good(content) => Ok(content.clone()),
        Source::Broken(reason) => Err(reason.clone()),
    }
}
