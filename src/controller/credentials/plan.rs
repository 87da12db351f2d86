//! What is to be done, by all that is known. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::ObjectMeta;

use super::memo::Memo;
use super::state::{Held, Secrets};
use crate::cluster::credential_secret::{self as managed, Credential, Stamp};
use crate::config::Config;
use crate::sources::{TokenRequest, Wanted};
use crate::tokens::Life;

/// Something to be done.
#[derive(Debug)]
pub enum Step {
    /// The Secret is made.
    Create(Box<Secret>),
    /// It is given another content.
    Update(Box<Secret>),
    /// It is deleted: no entry has it any more, or it has to be made anew.
    Delete(Box<ObjectMeta>),
}

impl Step {
    /// The name of the Secret.
    pub fn name(&self) -> &str {
        let name = match self {
            Self::Create(secret) | Self::Update(secret) => &secret.metadata.name,
            Self::Delete(metadata) => &metadata.name,
        };
        name.as_deref().unwrap_or_default()
    }
}

/// All that is to be done, and why the rest cannot be.
#[derive(Debug, Default)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// By entry, why its credential cannot be made. The last good one stays.
    pub broken: BTreeMap<String, String>,
    /// By the name of the Secret, the entry that it is in the way of.
    pub in_the_way: BTreeMap<String, String>,
    /// How many entries have a credential that is made.
    pub wanted: usize,
    /// The tokens that entries want, by the mark of what they are fetched with.
    pub tokens: BTreeMap<String, WantedToken>,
}

/// A token that entries want.
#[derive(Debug)]
pub struct WantedToken {
    /// What it is fetched with.
    pub request: TokenRequest,
    /// The entries, each with the name of its Secret.
    pub entries: Vec<(String, Box<str>)>,
    /// The newest one that there is.
    pub held: Option<Held>,
}

impl WantedToken {
    /// That of the newest one that there is.
    pub fn life(&self) -> Option<Life> {
        self.held.as_ref().map(|held| held.stamp.life)
    }
}

/// What is to be done.
pub fn plan(
    config: &Config,
    secrets: &Secrets,
    fetched: &HashMap<String, Held>,
    memo: &mut Memo,
) -> Plan {
    let mut plan = Plan::default();
    let mut kept = HashSet::new();
    for entry in config.entries() {
        let Some(source) = &entry.source else { continue };
        let Some(wanted) = memo.wanted(entry, secrets) else { continue };
        plan.wanted += 1;
        kept.insert(&*source.secret);
        match &*wanted {
            Ok(Wanted::Content(content)) => {
                let credential = Credential { entry: &entry.name, content, stamp: None };
                plan.secret(secrets, &source.secret, credential);
            }
            Ok(Wanted::Token(request)) => {
                plan.token(request, fetched)
                    .entries
                    .push((entry.name.to_string(), source.secret.clone()));
            }
            Err(reason) => {
                plan.broken.insert(entry.name.to_string(), reason.clone());
            }
        }
    }
    plan.tokens(secrets);
    plan.delete_all_but(&kept, secrets);
    memo.keep_only(|secret| kept.contains(secret));
    plan
}

impl Plan {
    fn token(
        &mut self,
        request: &TokenRequest,
        fetched: &HashMap<String, Held>,
    ) -> &mut WantedToken {
        let new = || WantedToken {
            request: request.clone(),
            entries: Vec::new(),
            held: fetched.get(request.mark()).cloned(),
        };
        self.tokens.entry(request.mark().to_owned()).or_insert_with(new)
    }

    /// The newest token goes to all entries that want it: one that is held already is not fetched.
    fn tokens(&mut self, secrets: &Secrets) {
        let mut tokens = std::mem::take(&mut self.tokens);
        for (mark, token) in &mut tokens {
            let names = token.entries.iter().map(|(_, name)| name);
            let held = names.filter_map(|name| held(secrets.get(name)?, mark));
            token.held = held.chain(token.held.take()).max_by_key(|held| held.stamp.life.issued_at);
            let Some(Held { stamp, content }) = &token.held else { continue };
            for (entry, name) in &token.entries {
                let credential = Credential { entry, content, stamp: Some(stamp) };
                self.secret(secrets, name, credential);
            }
        }
        self.tokens = tokens;
    }

    fn secret(&mut self, secrets: &Secrets, name: &str, credential: Credential<'_>) {
        let found = secrets.get(name);
        let step = match found {
            None => Step::Create(managed::filled(None, name, credential).into()),
            Some(secret) if !managed::is_ours(&secret.metadata) => {
                self.in_the_way.insert(name.to_owned(), credential.entry.to_owned());
                return;
            }
            // Somebody's finalizer holds it: it is made anew once it is gone.
            Some(secret) if secret.metadata.deletion_timestamp.is_some() => return,
            Some(secret) if managed::holds(secret, credential) => return,
            // Made anew at the next look.
            Some(secret) if !managed::is_changeable(secret) => {
                Step::Delete(secret.metadata.clone().into())
            }
            Some(_) => Step::Update(managed::filled(found, name, credential).into()),
        };
        self.steps.push(step);
    }

    fn delete_all_but(&mut self, kept: &HashSet<&str>, secrets: &Secrets) {
        let unused = secrets.of_ours().filter(|secret| {
            let is_ending = secret.metadata.deletion_timestamp.is_some();
            !kept.contains(&*secret.name_any()) && !is_ending
        });
        self.steps.extend(unused.map(|secret| Step::Delete(secret.metadata.clone().into())));
    }
}

fn held(secret: &Secret, mark: &str) -> Option<Held> {
    let (stamp, content): (Stamp, _) = managed::token(secret)?;
    (stamp.made_from == mark).then(|| Held { stamp, content: Arc::from(content) })
}
