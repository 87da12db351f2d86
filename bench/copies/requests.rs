//! What the controller has asked of the API server, by the audit log.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::PathBuf,
};

use crate::{
    audit::{self, Event},
    cluster::CONTROLLER,
};

/// The audit log from one moment on.
pub struct Window {
    log: PathBuf,
    from: u64,
}

/// Requests of the controller, by verb and resource. That for its Lease are told by themselves: they
/// come with time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    by_kind: BTreeMap<(String, String), usize>,
    leases: usize,
    writes_of_secrets: HashMap<(String, String), usize>,
}

impl Window {
    /// From now on.
    pub fn open(log: PathBuf) -> Self {
        let from = audit::end(&log);
        Self { log, from }
    }

    /// What there was so far.
    pub fn requests(&self) -> Requests {
        let mut requests = Requests::default();
        for event in audit::since_by(&self.log, self.from, CONTROLLER) {
            requests.add(&event);
        }
        requests
    }
}

impl Requests {
    fn add(&mut self, event: &Event) {
        let object = &event.object_ref;
        if object.resource == "leases" {
            self.leases += 1;
            return;
        }
        *self.by_kind.entry((event.verb.clone(), object.resource.clone())).or_default() += 1;
        if object.resource == "secrets" && is_write(&event.verb) {
            let name = (object.namespace.clone(), object.name.clone());
            *self.writes_of_secrets.entry(name).or_default() += 1;
        }
    }

    /// All, but for the Lease.
    pub fn total(&self) -> usize {
        self.by_kind.values().sum()
    }

    /// Writes of Secrets.
    pub fn writes_of_secrets(&self) -> usize {
        self.writes_of_secrets.values().sum()
    }

    /// Writes of anything but Secrets and the Lease.
    pub fn other_writes(&self) -> usize {
        let writes = self
            .by_kind
            .iter()
            .filter(|((verb, resource), _)| is_write(verb) && resource != "secrets");
        writes.map(|(_, count)| count).sum()
    }

    /// The most writes that one Secret had.
    pub fn most_writes_of_one(&self) -> usize {
        self.writes_of_secrets.values().copied().max().unwrap_or_default()
    }

    /// Each kind with its number for one of `units`.
    pub fn for_each(&self, units: usize) -> String {
        let each = self.by_kind.iter().map(|((verb, resource), count)| {
            #[allow(clippy::cast_precision_loss, reason = "counts are small")]
            let share = *count as f64 / units as f64;
            format!("{verb} {resource} {share:.2}")
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_kind = self.by_kind.iter();
        let mut parts: Vec<_> =
            of_kind.map(|((verb, resource), count)| format!("{verb} {resource} {count}")).collect();
        parts.push(format!("leases {}", self.leases));
        f.write_str(&parts.join(", "))
    }
}

fn is_write(verb: &str) -> bool {
    !matches!(verb, "get" | "list" | "watch")
}
