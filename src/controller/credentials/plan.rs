//! What is to be done, by all that is known. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::ObjectMeta;

use super::memo::Memo;
use super::state::{Held, Secrets};
use crate::cluster::credential_secret::{self as managed, Credential, Stamp};
use crate::config::{Config, Made};
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
    /// By entry, the life of the token that its Secret holds, whatever that was fetched with.
    pub stored: BTreeMap<String, Life>,
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
    now: SystemTime,
) -> Plan {
    let mut plan = Plan::default();
    let mut kept = HashSet::new();
    for entry in config.entries() {
        let Some(source) = &entry.source else { continue };
        let Some(wanted) = memo.wanted(entry, secrets) else { continue };
        plan.wanted += 1;
        if let (Some(Made::Token(_)), Some(secret)) = (&source.made, secrets.get(&source.secret)) {
            let life = managed::token(secret).map(|(stamp, _)| stamp.life);
            plan.stored.extend(life.map(|life| (entry.name.to_string(), life)));
        }
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
    plan.tokens(secrets, now);
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
    fn tokens(&mut self, secrets: &Secrets, now: SystemTime) {
        let mut tokens = std::mem::take(&mut self.tokens);
        for (mark, token) in &mut tokens {
            let names = token.entries.iter().map(|(_, name)| name);
            let held = names.filter_map(|name| held(secrets.get(name)?, mark));
            // By a clock that was ahead an old one would be the newest.
            let age = |held: &Held| {
                let life = held.stamp.life;
                (!life.is_of_the_future(now), life.issued_at)
            };
            token.held = held.chain(token.held.take()).max_by_key(age);
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
    use crate::controller::credentials::state::tests::{NOW, secret, state};
    use serde_json::json;
    use std::time::Duration;

    const TOKENS: &str = "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {name: a, images: ['r.azurecr.io/*'], namespaces: {names: [x]}, source: &s {acr: {registries: [r.azurecr.io], tenantId: example.com, clientId: 11111111-2222-3333-4444-555555555555, clientSecretFrom: {secret: s, key: t}}}}\n- {name: b, images: ['r.azurecr.io/b/*'], namespaces: {names: [y]}, source: *s}\n";

    fn tokens() -> State {
        let mut state = state(None);
        state.set_config(config::parse(TOKENS).unwrap().config);
        state
    }

    fn held(state: &mut State, hour: u64) -> Held {
        let marks: Vec<String> = state.plan(NOW).unwrap().tokens.into_keys().collect();
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
        let plan = state.plan(NOW).unwrap();
        assert!(plan.steps.is_empty() && plan.broken.is_empty(), "{plan:?}");
        let wanted: Vec<_> = plan.tokens.values().map(|token| token.entries.len()).collect();
        assert_eq!(wanted, [2], "one request for both");

        let first = held(&mut state, 1);
        state.set_token(first.clone());
        let secrets = written(state.plan(NOW).unwrap());
        assert_eq!(secrets.len(), 2);

        // A new controller finds it in either of them, and gives it to the other.
        let mut restarted = tokens();
        restarted.set_secret(secrets[0].clone());
        let plan = restarted.plan(NOW).unwrap();
        assert_eq!(plan.tokens.values().next().unwrap().life(), Some(first.stamp.life));
        let made = written(plan);
        assert_eq!((made.len(), &made[0].data), (1, &secrets[1].data));

        for secret in secrets {
            state.set_secret(secret);
        }
        assert!(state.plan(NOW).unwrap().steps.is_empty());
        let next = held(&mut state, 3);
        state.set_token(next);
        let secrets = written(state.plan(NOW).unwrap());
        assert_eq!(secrets.len(), 2, "both are renewed in place");
    }

    #[test]
    fn the_last_good_token_stays_when_what_it_was_fetched_with_changes() {
        let mut state = tokens();
        let first = held(&mut state, 1);
        state.set_token(first);
        for secret in written(state.plan(NOW).unwrap()) {
            state.set_secret(secret);
        }
        state.set_secret(secret(json!({"metadata": {"name": "s"}, "data": {"t": "bmV3"}})));
        let plan = state.plan(NOW).unwrap();
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert_eq!(plan.tokens.values().next().unwrap().life(), None, "a new one is wanted");
        assert!(plan.stored.keys().eq(["a", "b"]), "and until when the old ones are good is known");
    }

    #[test]
    fn a_token_found_outlasts_its_secret_and_one_of_a_clock_ahead_gives_way() {
        let mut first = tokens();
        let ahead = held(&mut first, 1_000);
        first.set_token(ahead.clone());
        let mut state = tokens();
        for secret in written(first.plan(NOW).unwrap()) {
            state.set_secret(secret);
        }
        let life = |state: &mut State| {
            state.plan(NOW).unwrap().tokens.into_values().next().unwrap().life()
        };
        assert_eq!(life(&mut state), Some(ahead.stamp.life));
        let secrets = state.plan(NOW).unwrap().tokens.into_values().next().unwrap().entries;
        for (_, secret) in &secrets {
            state.remove_secret(secret);
        }
        assert_eq!(
            state.plan(NOW).unwrap().steps.len(),
            2,
            "both are made again, of the same token"
        );

        let fresh = held(&mut state, 0);
        state.set_token(fresh.clone());
        assert_eq!(life(&mut state), Some(fresh.stamp.life));
        for secret in written(first.plan(NOW).unwrap()) {
            state.set_secret(secret);
        }
        assert_eq!(life(&mut state), Some(fresh.stamp.life), "whatever the Secrets hold");
    }

    #[test]
    fn what_somebody_put_into_the_secret_is_no_token() {
        let mut state = tokens();
        let first = held(&mut state, 1);
        state.set_token(first);
        let mut edited = written(state.plan(NOW).unwrap()).remove(0);
        edited.data =
            Some([(".dockerconfigjson".to_owned(), k8s_openapi::ByteString(b"{}".into()))].into());
        let mut restarted = tokens();
        restarted.set_secret(edited.clone());
        assert_eq!(restarted.plan(NOW).unwrap().tokens.values().next().unwrap().life(), None);
        state.set_secret(edited);
        assert_eq!(state.plan(NOW).unwrap().steps.len(), 2, "it is put right");
    }
}
