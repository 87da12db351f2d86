//! Which configuration is in force: the last good one.

use super::{
    CONTROLLER,
    shared::{Offered, SharedEntries},
    state::ConfigSlot,
};
use crate::{
    cluster::{
        ObjectName,
        events::Events,
        single::{self, Seen},
    },
    config::{self, CONFIG_KEY, Config, MAX_CONFIG_BYTES, Parsed, SHARED_KEY},
    files::FileWatch,
    server::ReadyHandle,
    telemetry::{
        Metrics,
        metrics::{ConfigLoad, Watch},
    },
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Client, Resource as _, runtime::events::EventType};
use std::{
    fmt, mem,
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tracing::{error, info, warn};

/// How often the configuration file is read.
const CONFIG_INTERVAL: Duration = Duration::from_millis(500);
/// What requests are answered with after a version was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InForce {
    /// The last good version.
    LastGood,
    /// Nothing: there was no good version yet.
    Nothing,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastGood => "The last good configuration stays in force",
            Self::Nothing => "There is no configuration in force",
        })
    }
}

/// Takes each version of the configuration, whole or not at all.
pub struct ConfigKeeper {
    slot: Arc<ConfigSlot>,
    ready: ReadyHandle,
    metrics: Arc<Metrics>,
    /// Whether the labels of namespaces can be had.
    has_cluster: bool,
    /// What was offered last, so that the same is not reported twice.
    last: Option<Result<String, String>>,
    /// The last good version, as written.
    written: Option<Arc<Config>>,
    /// What comes after it.
    shared: SharedEntries,
    /// Whether that could not join it.
    is_left_out: bool,
}

impl ConfigKeeper {
    /// A keeper of this slot. Readiness waits for the first good version.
    pub fn new(
        slot: Arc<ConfigSlot>,
        ready: ReadyHandle,
        metrics: Arc<Metrics>,
        has_cluster: bool,
    ) -> Self {
        let shared = SharedEntries::default();
        Self {
            slot,
            ready,
            metrics,
            has_cluster,
            last: None,
            written: None,
            shared,
            is_left_out: false,
        }
    }

    /// Takes a version, or the reason why there is no text.
    ///
    /// # Errors
    /// Why it was refused, if it differs from what was offered last; the last good one stays in
    /// force, and log and metrics have said so.
    pub fn offer(&mut self, origin: &str, text: Result<&str, String>) -> Result<(), String> {
        let offered = text.map(str::to_owned);
        if self.last.as_ref() == Some(&offered) {
            return Ok(());
        }
        let parsed = match &offered {
            Ok(text) => config::parse(text).map_err(|error| error.brief()),
            Err(reason) => Err(reason.clone()),
        };
        self.last = Some(offered);
        let installed = parsed.and_then(|parsed| self.install(origin, parsed));
        installed.inspect_err(|reason| self.refuse(origin, reason))
    }

    /// Takes what is shared by label. If it cannot be had or is broken, the last good stays, and log and
    /// metrics say so.
    pub fn offer_shared(&mut self, origin: &str, offered: Offered) {
        let Some(taken) = self.shared.take(offered) else { return };
        let taken = taken.and_then(|()| match &self.written {
            Some(written) => {
                let joined = self.slot.install(written, self.shared.entries());
                joined.map(|()| self.is_left_out = false)
            }
            None => Ok(()),
        });
        let metrics = &self.metrics.config;
        match taken {
            Ok(()) => {
                metrics.shared_refused.set(i64::from(self.is_left_out));
                metrics.shared.set(count(self.shared.entries().len()));
            }
            Err(reason) => {
                metrics.shared_refused.set(1);
                error!(origin, "what is shared by label stays as it was: {reason}");
            }
        }
        self.shared_known();
    }

    /// The watch of what is shared by label failed and is tried again. What is in force stays.
    pub fn shared_failed(&mut self, origin: &str, reason: &str) {
        self.metrics.admission.watch_errors.inc(Watch::Configuration);
        warn!(origin, "the watch of what is shared by label failed; trying again: {reason}");
        self.shared.failed();
        self.shared_known();
    }

    fn shared_known(&self) {
        if self.slot.current().is_some() {
            self.ready.ready();
        }
    }

    /// What is in force.
    fn in_force(&self) -> InForce {
        match self.slot.current() {
            Some(_) => InForce::LastGood,
            None => InForce::Nothing,
        }
    }

    /// There is nothing to take. What is in force stays.
    pub fn absent(&mut self, origin: &str, reason: &str) {
        let offered = Err(reason.to_owned());
        if self.last.as_ref() == Some(&offered) {
            return;
        }
        self.last = Some(offered);
        self.refuse(origin, reason);
    }

    /// The watch failed and is tried again. What is in force stays.
    pub fn watch_failed(&self, origin: &str, reason: &str) {
        self.metrics.admission.watch_errors.inc(Watch::Configuration);
        warn!(origin, "the watch of the configuration failed; trying again: {reason}");
        if self.slot.current().is_none() {
            self.ready.not_ready(format!("{origin}: {reason}"));
        }
    }

    fn install(&mut self, origin: &str, parsed: Parsed) -> Result<(), String> {
        let Parsed { config, warnings } = parsed;
        self.put_in_force(origin, &config)?;
        for warning in &warnings {
            warn!(origin, "{warning}");
        }
        if !self.has_cluster && config.needs_labels() {
            warn!(
                origin,
                "some rules need the labels of namespaces, and there is no cluster to ask: \
                 they will not apply; pass --kubeconfig, or run in a Pod"
            );
        }
        let metrics = &self.metrics.config;
        metrics.loads.inc(ConfigLoad::Applied);
        metrics.refused.set(0);
        metrics.entries.set(count(config.entries().len()));
        metrics.applied_at.set(seconds_now());
        info!(origin, entries = config.entries().len(), mode = %config.mode, "configuration in force");
        self.written = Some(config);
        if self.shared.is_known() {
            self.ready.ready();
        }
        Ok(())
    }

    /// What is written never waits for what is shared: if the two cannot be one, that is left out.
    fn put_in_force(&mut self, origin: &str, written: &Arc<Config>) -> Result<(), String> {
        let refused = &self.metrics.config.shared_refused;
        match self.slot.install(written, self.shared.entries()) {
            Ok(()) => {
                if mem::take(&mut self.is_left_out) {
                    refused.set(0);
                }
            }
            Err(reason) => {
                self.slot.install(written, &[])?;
                self.is_left_out = true;
                refused.set(1);
                error!(origin, "what is shared by label cannot join it and is left out: {reason}");
            }
        }
        Ok(())
    }

    /// It cannot be had, or it is broken.
    fn refuse(&self, origin: &str, reason: &str) {
        self.metrics.config.loads.inc(ConfigLoad::Refused);
        self.metrics.config.refused.set(1);
        match self.slot.current() {
            Some(_) => {
                error!(origin, "configuration refused; the last good one stays in force: {reason}");
            }
            None => {
                error!(
                    origin,
                    "configuration refused, and there is none in force: not ready until there is one: {reason}"
                );
                self.ready.not_ready(format!("{origin}: {reason}"));
            }
        }
    }
}

/// Keeps the configuration as the file has it, for ever.
pub async fn follow_file(path: PathBuf, mut keeper: ConfigKeeper) {
    let origin = format!("file {}", path.display());
    let mut watch = FileWatch::new([&path], CONFIG_INTERVAL, MAX_CONFIG_BYTES);
    keeper.offer_shared(&origin, Offered::Absent);
    loop {
        match watch.changed().await {
            [Ok(bytes), ..] => {
                let text =
                    std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"));
                // What is wrong has been logged and counted; there is no ConfigMap to tell it on.
                let _ = keeper.offer(&origin, text);
            }
            [Err(error), ..] => keeper.absent(&origin, &error.to_string()),
            [] => return,
        }
    }
}

/// Keeps the configuration as the ConfigMap has it, and what is shared by label as the one beside it
/// has it, for ever. What is refused is told by an Event on the ConfigMap too.
pub async fn follow_config_map(client: Client, name: ObjectName, mut keeper: ConfigKeeper) {
    let mut events = Events::new(client.clone(), CONTROLLER);
    let shared_name = name.of_shared_secrets();
    let (origin, shared_origin) = (format!("ConfigMap {name}"), format!("ConfigMap {shared_name}"));
    let mut written = pin!(single::watch::<ConfigMap>(client.clone(), &name));
    let mut shared = pin!(single::watch::<ConfigMap>(client, &shared_name));
    loop {
        let seen = tokio::select! {
            Some(seen) = written.next() => seen,
            Some(seen) = shared.next() => {
                take_shared(&mut keeper, &shared_origin, seen);
                continue;
            }
            else => return,
        };
        match seen {
            Seen::Object(object) => {
                let text = object.data.as_ref().and_then(|data| data.get(CONFIG_KEY));
                if let Err(refused) =
                    keeper.offer(&origin, config::config_text(text.map(String::as_str)))
                {
                    let note = format!("{}: {refused}", keeper.in_force());
                    let on = object.object_ref(&());
                    let (reason, action) = ("ConfigurationRefused", "LoadConfiguration");
                    events.publish(&on, EventType::Warning, reason, action, &note).await;
                }
            }
            Seen::Absent => keeper.absent(&origin, "it does not exist; create it"),
            Seen::Failed(error) => keeper.watch_failed(&origin, &single::reason_of(&error)),
        }
    }
}

fn take_shared(keeper: &mut ConfigKeeper, origin: &str, seen: Seen<ConfigMap>) {
    match seen {
        Seen::Object(object) => {
            let text = object.data.and_then(|mut data| data.remove(SHARED_KEY));
            keeper.offer_shared(origin, Offered::Published(text));
        }
        Seen::Absent => keeper.offer_shared(origin, Offered::Absent),
        Seen::Failed(error) => keeper.shared_failed(origin, &single::reason_of(&error)),
    }
}

fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
