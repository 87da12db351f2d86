//! What is known of the table and of the Secrets of our own namespace, and what is to be done. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::ObjectMeta;

use crate::cluster::credential_secret as managed;
use crate::config::{Config, Entry, SecretKey};
use crate::sources::made;

/// What is known.
#[derive(Default)]
pub struct State {
    config: Option<Arc<Config>>,
    secrets: HashMap<String, Secret>,
    /// Of a list that is being told.
    listed: HashSet<String>,
    are_secrets_known: bool,
}

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
}

impl State {
    /// Takes a configuration that is in order.
    pub fn set_config(&mut self, config: Arc<Config>) {
        self.config = Some(config);
    }

    /// A complete list begins.
    pub fn begin_list(&mut self) {
        self.listed.clear();
    }

    /// A Secret as it is, or as a list has it.
    pub fn set_secret(&mut self, secret: Secret) {
        let name = secret.name_any();
        self.listed.insert(name.clone());
        self.secrets.insert(name, secret);
    }

    /// The list is complete.
    pub fn end_list(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        self.secrets.retain(|name, _| listed.contains(name));
        self.are_secrets_known = true;
    }

    /// A Secret is gone.
    pub fn remove_secret(&mut self, name: &str) {
        self.secrets.remove(name);
    }

    /// What is to be done; none before all is known, for what is not would look as if it were gone.
    pub fn plan(&self) -> Option<Plan> {
        let config = self.config.as_ref().filter(|_| self.are_secrets_known)?;
        let mut plan = Plan::default();
        let mut kept = HashSet::new();
        for entry in config.entries() {
            let Some(source) = &entry.source else { continue };
            let Some(made) = made(entry, |key| self.value(key)) else { continue };
            plan.wanted += 1;
            kept.insert(&*source.secret);
            match made {
                Ok(content) => self.plan_entry(entry, &source.secret, &content, &mut plan),
                Err(reason) => {
                    plan.broken.insert(entry.name.to_string(), reason);
                }
            }
        }
        let ours = self.secrets.values().filter(|secret| managed::is_ours(&secret.metadata));
        let unused = ours.filter(|secret| {
            let name = secret.name_any();
            managed::has_our_name(&name) && !kept.contains(&*name)
        });
        plan.steps.extend(unused.map(|secret| Step::Delete(secret.metadata.clone().into())));
        Some(plan)
    }

    fn plan_entry(&self, entry: &Entry, name: &str, content: &[u8], plan: &mut Plan) {
        let found = self.secrets.get(name);
        let step = match found {
            None => Step::Create(managed::filled(None, name, &entry.name, content).into()),
            Some(secret) if !managed::is_ours(&secret.metadata) => {
                plan.in_the_way.insert(name.to_owned(), entry.name.to_string());
                return;
            }
            Some(secret) if managed::holds(secret, &entry.name, content) => return,
            // Made anew at the next look.
            Some(secret) if !managed::is_changeable(secret) => {
                Step::Delete(secret.metadata.clone().into())
            }
            Some(_) => Step::Update(managed::filled(found, name, &entry.name, content).into()),
        };
        plan.steps.push(step);
    }

    fn value(&self, key: &SecretKey) -> Option<&[u8]> {
        let secret = self.secrets.get(&*key.secret)?;
        secret.data.as_ref()?.get(&*key.key).map(|value| value.0.as_slice())
    }
}
