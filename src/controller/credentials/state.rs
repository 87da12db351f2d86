//! What is known of the table, of the Secrets of our own namespace and of tokens. No I/O.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::memo::Memo;
use super::plan::{Plan, plan};
use crate::cluster::credential_secret::{self as managed, Stamp};
use crate::config::Config;

/// What is known.
#[derive(Default)]
pub struct State {
    config: Option<Arc<Config>>,
    secrets: Secrets,
    /// Of a list that is being told.
    listed: HashSet<String>,
    are_secrets_known: bool,
    /// By the mark of what they were fetched with.
    fetched: HashMap<String, Held>,
    memo: Memo,
}

/// A token that there is.
#[derive(Debug, Clone)]
pub struct Held {
    /// What it was fetched with, and how long it is good.
    pub stamp: Stamp,
    /// The docker config that it is in.
    pub content: Arc<[u8]>,
}

/// The Secrets of our own namespace, each with the number of its last change.
#[derive(Default)]
pub struct Secrets {
    all: HashMap<String, (u64, Secret)>,
    changes: u64,
}

impl Secrets {
    /// One by its name.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.all.get(name).map(|(_, secret)| secret)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.all.values().map(|(_, secret)| secret)
    }

    /// Another one with each change.
    pub fn revision(&self, name: &str) -> Option<u64> {
        self.all.get(name).map(|(revision, _)| *revision)
    }

    /// Those of ours that hold the credentials of entries.
    pub fn of_ours(&self) -> impl Iterator<Item = &Secret> {
        self.iter().filter(|secret| {
            managed::has_our_name(&secret.name_any()) && managed::is_ours(&secret.metadata)
        })
    }

    fn set(&mut self, secret: Secret) {
        self.changes += 1;
        self.all.insert(secret.name_any(), (self.changes, secret));
    }
}

impl State {
    /// Takes a configuration that is in order.
    pub fn set_config(&mut self, config: Arc<Config>) {
        self.config = Some(config);
    }

    /// A complete list begins; until its end nothing is planned.
    pub fn begin_list(&mut self) {
        self.listed.clear();
        self.are_secrets_known = false;
    }

    /// A Secret as it is, or as a list has it.
    pub fn set_secret(&mut self, secret: Secret) {
        self.listed.insert(secret.name_any());
        self.secrets.set(secret);
    }

    /// The list is complete.
    pub fn end_list(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        self.secrets.all.retain(|name, _| listed.contains(name));
        self.are_secrets_known = true;
    }

    /// A Secret is gone.
    pub fn remove_secret(&mut self, name: &str) {
        self.secrets.all.remove(name);
    }

    /// A token was fetched.
    pub fn set_token(&mut self, held: Held) {
        self.fetched.insert(held.stamp.made_from.clone(), held);
    }

    /// What is to be done; none before all is known, for what is not would look as if it were gone.
    pub fn plan(&mut self) -> Option<Plan> {
        let config = self.config.as_ref().filter(|_| self.are_secrets_known)?;
        let plan = plan(config, &self.secrets, &self.fetched, &mut self.memo);
        self.fetched.retain(|mark, _| plan.tokens.contains_key(mark));
        Some(plan)
    }
}
