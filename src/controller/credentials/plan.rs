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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::controller::credentials::state::State;
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
