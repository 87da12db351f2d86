//! What is known of the table and of the Secrets of our own namespace, and what is to be done. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::ObjectMeta;

use crate::cluster::credential_secret as managed;
use crate::config::{Config, Entry, SecretKey};
use crate::sources::{Wanted, made};

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

    /// Whether all is known: what is not would look as if it were gone.
    pub fn is_known(&self) -> bool {
        self.config.is_some() && self.are_secrets_known
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
                Ok(Wanted::Content(content)) => {
                    self.plan_entry(entry, &source.secret, &content, &mut plan);
                }
                Ok(Wanted::Token(_)) => {}
                Err(reason) => {
                    plan.broken.insert(entry.name.to_string(), reason);
                }
            }
        }
        let ours = self.secrets.values().filter(|secret| managed::is_ours(&secret.metadata));
        let unused = ours.filter(|secret| {
            let name = secret.name_any();
            let is_ending = secret.metadata.deletion_timestamp.is_some();
            managed::has_our_name(&name) && !kept.contains(&*name) && !is_ending
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
            // Somebody's finalizer holds it: it is made anew once it is gone.
            Some(secret) if secret.metadata.deletion_timestamp.is_some() => return,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use serde_json::{Value, json};

    const TABLE: &str = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {name: a, images: ['quay.io/*'], namespaces: {names: [x]}, source: {basic: {registry: quay.io, username: u, passwordFrom: {secret: s, key: t}}}}\n- {name: b, images: ['gcr.io/*'], namespaces: {names: [x]}, source: {secret: s}}\n";

    fn secret(object: Value) -> Secret {
        serde_json::from_value(object).unwrap()
    }

    /// `t` is `p`, and all is known.
    fn state(with: Option<Secret>) -> State {
        let mut state = State::default();
        state.set_config(config::parse(TABLE).unwrap().config);
        state.begin_list();
        state.set_secret(secret(json!({"metadata": {"name": "s"}, "data": {"t": "cA=="}})));
        if let Some(secret) = with {
            state.set_secret(secret);
        }
        state.end_list();
        state
    }

    fn made() -> Secret {
        let plan = state(None).plan().unwrap();
        let [Step::Create(made)] = &plan.steps[..] else { panic!("{plan:?}") };
        let mut made = (**made).clone();
        let manager = json!({"manager": managed::FIELD_MANAGER});
        made.metadata.managed_fields = serde_json::from_value(json!([manager])).unwrap();
        made
    }

    fn steps(plan: Option<Plan>) -> Vec<(&'static str, String)> {
        let steps = plan.expect("all is known").steps.into_iter();
        let named = |secret: &Secret| secret.name_any();
        steps
            .map(|step| match step {
                Step::Create(secret) => ("create", named(&secret)),
                Step::Update(secret) => ("update", named(&secret)),
                Step::Delete(metadata) => ("delete", metadata.name.unwrap()),
            })
            .collect()
    }

    fn one(act: &'static str) -> Vec<(&'static str, String)> {
        vec![(act, made().name_any())]
    }

    #[test]
    fn nothing_is_done_before_all_is_known() {
        let mut state = State::default();
        assert!(state.plan().is_none());
        state.set_config(config::parse(TABLE).unwrap().config);
        state.begin_list();
        state.set_secret(made());
        assert!(state.plan().is_none());
        state.end_list();
        // What it was made from is gone: it stays.
        let plan = state.plan().unwrap();
        assert!(plan.steps.is_empty() && plan.broken.contains_key("a"), "{plan:?}");
    }

    #[test]
    fn what_is_in_order_is_left_alone_and_what_is_not_is_put_right() {
        assert_eq!(steps(state(None).plan()), one("create"));
        assert_eq!(steps(state(Some(made())).plan()), []);
        let mut edited = made();
        edited.data = Some(std::collections::BTreeMap::new());
        assert_eq!(steps(state(Some(edited)).plan()), one("update"));
        let mut frozen = made();
        (frozen.immutable, frozen.data) = (Some(true), None);
        assert_eq!(steps(state(Some(frozen)).plan()), one("delete"), "to be made anew");
    }

    #[test]
    fn a_secret_of_somebody_else_is_in_the_way() {
        let mut theirs = made();
        theirs.metadata.managed_fields = None;
        let plan = state(Some(theirs)).plan().unwrap();
        assert!(plan.steps.is_empty() && plan.in_the_way.values().eq(["a"]), "{plan:?}");
    }

    #[test]
    fn what_no_entry_has_is_deleted_if_it_is_ours() {
        let gone = |secret: Secret| {
            let mut state = state(Some(secret));
            let table = TABLE.replace("name: a", "name: c");
            state.set_config(config::parse(&table).unwrap().config);
            steps(state.plan())
        };
        let of_both = gone(made());
        let [(_, new), (_, old)] = &of_both[..] else { panic!("{of_both:?}") };
        assert!(new.starts_with("pullpass-credential-c-") && *old == made().name_any());
        assert_eq!([of_both[0].0, of_both[1].0], ["create", "delete"]);
        let mut theirs = made();
        theirs.metadata.labels = None;
        assert_eq!(gone(theirs), [of_both[0].clone()]);
    }

    #[test]
    fn what_a_finalizer_holds_is_left_until_it_is_gone() {
        let mut ending = made();
        ending.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        ending.data = None;
        assert_eq!(steps(state(Some(ending.clone())).plan()), []);
        let mut state = state(Some(ending));
        let table = TABLE.replace("name: a", "name: c");
        state.set_config(config::parse(&table).unwrap().config);
        assert_eq!(steps(state.plan()).len(), 1, "it is not deleted twice");
    }

    #[test]
    fn another_password_in_the_table_is_another_secret() {
        let mut state = state(Some(made()));
        let table = TABLE.replace("key: t}", "key: other}");
        state.set_config(config::parse(&table).unwrap().config);
        let plan = state.plan().unwrap();
        assert!(plan.broken.contains_key("a"), "{plan:?}");
        assert_eq!(steps(Some(plan)), one("delete"), "nobody who is granted now gets it");
    }
}
