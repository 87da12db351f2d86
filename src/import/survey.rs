//! What an [`Inventory`] comes to.

use super::{
    Grant, Inventory, Plan, PlannedEntry, PlannedSecret, TakenOver, User,
    inventory::{Group, Place, Users},
    names::{Names, name_of},
    plan::some,
    secrets::patterns,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How an inventory is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    /// Whether all Secrets were seen.
    pub saw_secrets: bool,
    /// Those that may name Secrets, and of which all were seen.
    pub saw: &'a [User],
    /// Whether Secrets that nobody names are taken over too.
    pub with_unused: bool,
    /// The present, in seconds since 1970.
    pub now: i64,
}

impl Survey<'_> {
    /// One entry for each content, for the namespaces that have it.
    pub fn of(self, inventory: Inventory) -> Plan {
        let Inventory { groups, left_out, known, users, .. } = inventory;
        let mut plan = Plan::default();
        let mut look = Look { survey: self, known: &known, users: &users, names: Names::default() };
        let mut groups: Vec<Group> = groups.into_values().collect();
        for group in &mut groups {
            group.places.sort();
        }
        groups.sort_by(|a, b| a.places.cmp(&b.places));
        for group in groups {
            look.at(group, &mut plan);
        }
        let mut by_reason: BTreeMap<String, Vec<Place>> = BTreeMap::new();
        for (place, reason) in left_out {
            by_reason.entry(reason).or_default().push(place);
        }
        for (reason, mut places) in by_reason {
            places.sort();
            plan.leave_out(titled(&places), reason);
        }
        if self.saw_secrets {
            leave_out_absent(&users, &known, &mut plan);
        }
        plan
    }

    fn saw_all(self, users: User) -> bool {
        self.saw.contains(&users)
    }
}

struct Look<'a> {
    survey: Survey<'a>,
    known: &'a HashSet<Place>,
    users: &'a BTreeMap<Place, Users>,
    names: Names,
}

impl Look<'_> {
    fn at(&mut self, group: Group, plan: &mut Plan) {
        let Group { mut example, places, made_at } = group;
        let title = titled(&places);
        example.made_at = made_at;
        let users = places.iter().filter_map(|place| self.users.get(place));
        let (service_accounts, pods) = users.fold((0, 0), |(accounts, pods), users| {
            (accounts + users.service_accounts, pods + users.pods)
        });
        let survey = self.survey;
        let saw = |users| survey.saw_all(users);
        let is_unused = service_accounts + pods == 0 && saw(User::ServiceAccount) && saw(User::Pod);
        if is_unused && !self.survey.with_unused {
            let reason = "no ServiceAccount and no Pod names it now; if something will, such as a CronJob, take it over with --unused";
            plan.leave_out(title, reason);
            return;
        }
        let images = match patterns(&example, self.survey.now, &mut plan.notes) {
            Ok(images) => images,
            Err(reason) => return plan.leave_out(title, reason),
        };
        let Some(content) = example.source.content() else { return };
        let namespaces: BTreeSet<&String> = places.iter().map(|(namespace, _)| namespace).collect();
        let names: Vec<String> = namespaces.iter().map(|name| (*name).clone()).collect();
        // A Secret of the name that is there already would be in the way of the copy.
        let is_taken = |name: &str| {
            let has = |namespace: &str| self.known.contains(&(namespace.into(), name.into()));
            has(super::HOME) || names.iter().any(|namespace| has(namespace))
        };
        let name = self.names.unique(&name_of(&registry_of(&images)), is_taken);
        let grant = Grant::new(names.clone(), [], Vec::new());
        plan.entries.push(PlannedEntry::new(&name, images, grant, &name));
        let content = content.bytes().to_vec();
        plan.secrets.push(PlannedSecret { name: name.clone(), content, shared: None });
        plan.taken_over.push(TakenOver {
            entry: name,
            secrets: places.iter().map(full_name).collect(),
            service_accounts: saw(User::ServiceAccount).then_some(service_accounts),
            pods: saw(User::Pod).then_some(pods),
        });
    }
}

/// The registry of the first pattern.
fn registry_of(images: &[String]) -> String {
    let first = images.first().map(String::as_str).unwrap_or_default();
    first.strip_suffix("/*").unwrap_or(first).to_owned()
}

/// What is named and is not there.
fn leave_out_absent(users: &BTreeMap<Place, Users>, known: &HashSet<Place>, plan: &mut Plan) {
    let mut absent: BTreeMap<&str, (Vec<Place>, &str)> = BTreeMap::new();
    for (place, users) in users.iter().filter(|(place, _)| !known.contains(*place)) {
        let (places, _) = absent.entry(&place.1).or_insert((Vec::new(), &users.first));
        places.push(place.clone());
    }
    for (places, first) in absent.into_values() {
        let by = match places.len() {
            1 => first.to_owned(),
            _ => format!("{first} and others"),
        };
        let reason = format!(
            "named by {by}, but there is no pull secret of this name: the kubelet pulls without it"
        );
        plan.leave_out(titled(&places), reason);
    }
}

fn full_name((namespace, name): &Place) -> String {
    format!("{namespace}/{name}")
}

fn titled(places: &[Place]) -> String {
    let names: Vec<_> = places.iter().map(full_name).collect();
    match names.len() {
        1 => format!("the Secret {}", some(&names)),
        _ => format!("the Secrets {}", some(&names)),
    }
}
