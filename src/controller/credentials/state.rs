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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::controller::credentials::plan::Step;
    use crate::tokens::Life;
    use serde_json::{Value, json};
    use std::time::{Duration, SystemTime};

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

    const TOKENS: &str = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {name: a, images: ['r.azurecr.io/*'], namespaces: {names: [x]}, source: &s {acr: {registries: [r.azurecr.io], tenantId: example.com, clientId: 11111111-2222-3333-4444-555555555555, clientSecretFrom: {secret: s, key: t}}}}\n- {name: b, images: ['r.azurecr.io/b/*'], namespaces: {names: [y]}, source: *s}\n";

    fn tokens() -> State {
        let mut state = state(None);
        state.set_config(config::parse(TOKENS).unwrap().config);
        state
    }

    fn held(state: &mut State, hour: u64) -> Held {
        let marks: Vec<String> = state.plan().unwrap().tokens.into_keys().collect();
        let [made_from] = &marks[..] else { panic!("{marks:?}") };
        let issued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3600);
        let expires_at = issued_at + Duration::from_secs(3 * 3600);
        let life = Life { issued_at, expires_at, is_assumed: false };
        let content = format!("content {hour}").into_bytes().into();
        Held { stamp: Stamp { made_from: made_from.clone(), life }, content }
    }

    /// The Secrets that the plan writes, as they are then stored.
    fn written(plan: Plan) -> Vec<Secret> {
        let manager = json!({"manager": managed::FIELD_MANAGER});
        let steps = plan.steps.into_iter().map(|step| match step {
            Step::Create(mut secret) | Step::Update(mut secret) => {
                secret.metadata.managed_fields =
                    serde_json::from_value(json!([manager.clone()])).unwrap();
                *secret
            }
            Step::Delete(metadata) => panic!("{metadata:?}"),
        });
        steps.collect()
    }

    #[test]
    fn one_token_serves_all_entries_that_ask_in_the_same_way() {
        let mut state = tokens();
        let plan = state.plan().unwrap();
        assert!(plan.steps.is_empty() && plan.broken.is_empty(), "{plan:?}");
        let wanted: Vec<_> = plan.tokens.values().map(|token| token.entries.len()).collect();
        assert_eq!(wanted, [2], "one request for both");

        let first = held(&mut state, 1);
        state.set_token(first.clone());
        let secrets = written(state.plan().unwrap());
        assert_eq!(secrets.len(), 2);

        // A new controller finds it in either of them, and gives it to the other.
        let mut restarted = tokens();
        restarted.set_secret(secrets[0].clone());
        let plan = restarted.plan().unwrap();
        assert_eq!(plan.tokens.values().next().unwrap().life(), Some(first.stamp.life));
        let made = written(plan);
        assert_eq!((made.len(), &made[0].data), (1, &secrets[1].data));

        for secret in secrets {
            state.set_secret(secret);
        }
        assert!(state.plan().unwrap().steps.is_empty());
        let next = held(&mut state, 3);
        state.set_token(next);
        let secrets = written(state.plan().unwrap());
        assert_eq!(secrets.len(), 2, "both are renewed in place");
    }

    #[test]
    fn the_last_good_token_stays_when_what_it_was_fetched_with_changes() {
        let mut state = tokens();
        let first = held(&mut state, 1);
        state.set_token(first);
        for secret in written(state.plan().unwrap()) {
            state.set_secret(secret);
        }
        state.set_secret(secret(json!({"metadata": {"name": "s"}, "data": {"t": "bmV3"}})));
        let plan = state.plan().unwrap();
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert_eq!(plan.tokens.values().next().unwrap().life(), None, "a new one is wanted");
    }

    #[test]
    fn what_somebody_put_into_the_secret_is_no_token() {
        let mut state = tokens();
        let first = held(&mut state, 1);
        state.set_token(first);
        let mut edited = written(state.plan().unwrap()).remove(0);
        edited.data =
            Some([(".dockerconfigjson".to_owned(), k8s_openapi::ByteString(b"{}".into()))].into());
        let mut restarted = tokens();
        restarted.set_secret(edited.clone());
        assert_eq!(restarted.plan().unwrap().tokens.values().next().unwrap().life(), None);
        state.set_secret(edited);
        assert_eq!(state.plan().unwrap().steps.len(), 2, "it is put right");
    }
}
