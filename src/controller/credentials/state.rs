//! What is known of the table, of the Secrets of our own namespace and of tokens. No I/O.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

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
#[derive(Clone)]
pub struct Held {
    /// What it was fetched with, and how long it is good.
    pub stamp: Stamp,
    /// The docker config that it is in.
    pub content: Arc<[u8]>,
}

/// Without the token.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("stamp", &self.stamp).finish_non_exhaustive()
    }
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
    pub fn plan(&mut self, now: SystemTime) -> Option<Plan> {
        let config = self.config.as_ref().filter(|_| self.are_secrets_known)?;
        let plan = plan(config, &self.secrets, &self.fetched, &mut self.memo, now);
        // What is found in a Secret outlasts that Secret.
        let held =
            plan.tokens.iter().filter_map(|(mark, token)| Some((mark, token.held.as_ref()?)));
        self.fetched = held.map(|(mark, held)| (mark.clone(), held.clone())).collect();
        Some(plan)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config;
    use crate::controller::credentials::plan::Step;
    use serde_json::{Value, json};

    /// No clock counts here.
    pub const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const TABLE: &str = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {name: a, images: ['quay.io/*'], namespaces: {names: [x]}, source: {basic: {registry: quay.io, username: u, passwordFrom: {secret: s, key: t}}}}\n- {name: b, images: ['gcr.io/*'], namespaces: {names: [x]}, source: {secret: s}}\n";

    /// An object as a Secret.
    pub fn secret(object: Value) -> Secret {
        serde_json::from_value(object).unwrap()
    }

    /// `t` is `p`, and all is known.
    pub fn state(with: Option<Secret>) -> State {
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
        let plan = state(None).plan(NOW).unwrap();
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
        assert!(state.plan(NOW).is_none());
        state.set_config(config::parse(TABLE).unwrap().config);
        state.begin_list();
        state.set_secret(made());
        assert!(state.plan(NOW).is_none());
        state.end_list();
        // What it was made from is gone: it stays.
        let plan = state.plan(NOW).unwrap();
        assert!(plan.steps.is_empty() && plan.broken.contains_key("a"), "{plan:?}");
    }

    #[test]
    fn what_is_in_order_is_left_alone_and_what_is_not_is_put_right() {
        assert_eq!(steps(state(None).plan(NOW)), one("create"));
        assert_eq!(steps(state(Some(made())).plan(NOW)), []);
        let mut edited = made();
        edited.data = Some(std::collections::BTreeMap::new());
        assert_eq!(steps(state(Some(edited)).plan(NOW)), one("update"));
        let mut frozen = made();
        (frozen.immutable, frozen.data) = (Some(true), None);
        assert_eq!(steps(state(Some(frozen)).plan(NOW)), one("delete"), "to be made anew");
    }

    #[test]
    fn a_secret_of_somebody_else_is_in_the_way() {
        let mut theirs = made();
        theirs.metadata.managed_fields = None;
        let plan = state(Some(theirs)).plan(NOW).unwrap();
        assert!(plan.steps.is_empty() && plan.in_the_way.values().eq(["a"]), "{plan:?}");
    }

    #[test]
    fn what_no_entry_has_is_deleted_if_it_is_ours() {
        let gone = |secret: Secret| {
            let mut state = state(Some(secret));
            let table = TABLE.replace("name: a", "name: c");
            state.set_config(config::parse(&table).unwrap().config);
            steps(state.plan(NOW))
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
        assert_eq!(steps(state(Some(ending.clone())).plan(NOW)), []);
        let mut state = state(Some(ending));
        let table = TABLE.replace("name: a", "name: c");
        state.set_config(config::parse(&table).unwrap().config);
        assert_eq!(steps(state.plan(NOW)).len(), 1, "it is not deleted twice");
    }

    #[test]
    fn another_password_in_the_table_is_another_secret() {
        let mut state = state(Some(made()));
        let table = TABLE.replace("key: t}", "key: other}");
        state.set_config(config::parse(&table).unwrap().config);
        let plan = state.plan(NOW).unwrap();
        assert!(plan.broken.contains_key("a"), "{plan:?}");
        assert_eq!(steps(Some(plan)), one("delete"), "nobody who is granted now gets it");
    }
}
