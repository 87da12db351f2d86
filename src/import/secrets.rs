//! Secrets that a list names or a label picks: each is taken over whole, under its own name.

use super::{
    Grant, HOME, Plan, PlannedEntry, PlannedSecret, ReadSecret, TakenOver,
    expiry::{Life, RENEW, life_of},
    names::{Names, name_of},
    object::Kept,
};
use crate::{
    config::{is_dns_label, is_dns_subdomain},
    credentials::{Derived, DockerConfig, derive},
    sources::{SHARE_LABEL, Source},
};

/// How the namespaces get the Secrets.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// By entries of the table.
    Entries(Grant),
    /// By the label `pullpass.io/share` on each Secret.
    Label(Grant),
}

/// An entry for each Secret, or its label.
pub fn from_secrets(found: Vec<ReadSecret>, delivery: &Delivery, now: i64) -> Plan {
    let mut plan = Plan::default();
    let mut names = Names::default();
    for secret in found {
        let what = format!("the Secret {}/{}", secret.namespace, secret.name);
        let images = may_be_taken(&secret).and_then(|()| patterns(&secret, now, &mut plan.notes));
        match images {
            Ok(images) => take_over(secret, images, delivery, &mut names, &mut plan),
            Err(reason) => plan.leave_out(what, reason),
        }
    }
    plan
}

/// Whether a source in pullpass-system can have its name.
fn may_be_taken(secret: &ReadSecret) -> Result<(), String> {
    if secret.kept == Some(Kept::Copy) {
        return Err("it is a copy that Pullpass made".into());
    }
    if !is_dns_subdomain(&secret.name) {
        return Err("it has no valid name".into());
    }
    match secret.name.starts_with("pullpass-") {
        true => Err("its name is one of Pullpass's own; give it another".into()),
        false => Ok(()),
    }
}

/// The patterns that a Secret serves; what is to be known of it goes to `notes`.
pub(super) fn patterns(
    secret: &ReadSecret,
    now: i64,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, String> {
    let what = format!("the Secret {}/{}", secret.namespace, secret.name);
    let config = match &secret.source {
        Source::Good(content) => content.docker_config(),
        Source::Broken(reason) => return Err(reason.clone()),
    };
    let config = config.ok_or("it cannot be read")?;
    outlook(&config, &what, secret.made_at, now, notes)?;
    let Derived { patterns, not_derived } = derive(&config);
    if patterns.is_empty() {
        let reasons: Vec<_> = not_derived.iter().map(ToString::to_string).collect();
        return Err(format!("no image follows from its registries: {}", reasons.join("; ")));
    }
    notes.extend(not_derived.iter().map(|registry| format!("{what}: {registry}")));
    Ok(patterns.iter().map(ToString::to_string).collect())
}

/// Whether one of the credentials may live on.
fn outlook(
    config: &DockerConfig,
    what: &str,
    made_at: Option<i64>,
    now: i64,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let usable = config.entries().iter().filter(|entry| entry.is_usable());
    let lives: Vec<_> = usable.map(|entry| (entry.key(), life_of(entry, made_at, now))).collect();
    let ended = lives.iter().filter_map(|(_, life)| match life {
        Life::Ended(reason) => Some(reason),
        _ => None,
    });
    if let Some(reason) = ended.clone().next().filter(|_| ended.count() == lives.len()) {
        return Err(format!("{reason}; put a new one there, and import that"));
    }
    for (key, life) in lives {
        let (Life::Ended(reason) | Life::Short(reason)) = life else { continue };
        notes.push(format!("{what}, registry `{key}`: {reason}: {RENEW}"));
    }
    Ok(())
}

fn take_over(
    secret: ReadSecret,
    images: Vec<String>,
    delivery: &Delivery,
    names: &mut Names,
    plan: &mut Plan,
) {
    let Some(content) = secret.source.content() else { return };
    let is_home = secret.namespace == HOME;
    let name = secret.name;
    let entry = match delivery {
        Delivery::Entries(grant) => {
            let wanted = if is_dns_label(&name) { name.clone() } else { name_of(&name) };
            let mut entry =
                PlannedEntry::new(&names.unique(&wanted, |_| false), images, grant.clone(), &name);
            if entry.name != name {
                entry.pull_secrets.push(name.clone());
            }
            plan.entries.push(entry.clone());
            entry.name
        }
        Delivery::Label(_) => format!("shared:{name}"),
    };
    let shared = match delivery {
        Delivery::Entries(_) => None,
        Delivery::Label(grant) => Some(grant.clone()),
    };
    match (is_home, &shared) {
        (false, _) => plan.notes.push(format!(
            "the Secret {0}/{name} stays as it is: if its namespace is granted, Pods there use it until you delete it, and the copy takes its place",
            secret.namespace
        )),
        (true, None) => {}
        (true, Some(_)) => plan.notes.push(format!(
            "the Secret {HOME}/{name} is there already: applying it adds the label {SHARE_LABEL}"
        )),
    }
    if !is_home || shared.is_some() {
        let content = content.bytes().to_vec();
        plan.secrets.push(PlannedSecret { name: name.clone(), content, shared });
    }
    plan.taken_over.push(TakenOver {
        entry,
        secrets: vec![format!("{}/{name}", secret.namespace)],
        service_accounts: None,
        pods: None,
    });
}
