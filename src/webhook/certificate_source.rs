//! Where the serving certificate, and what decides on it, come from.

use super::{
    CONTROLLER,
    certificate::{CertificateKeeper, Notice},
    published,
};
use crate::{
    cluster::{
        ObjectName,
        events::Events,
        registration::RegistrationKind,
        single::{self, Seen},
    },
    pki::Published,
    telemetry::{Metrics, metrics::Watch},
    tls::{FollowError, LoadError, LoadedCertificate, PairWatch, parse},
};
use futures::{
    FutureExt as _, StreamExt as _,
    stream::{self, BoxStream},
};
use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use kube::{Client, Resource as _, runtime::events::EventType};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// How often time alone is looked at: a certificate expires, or its time comes.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// What the keeper is given.
pub enum Input {
    /// A pair from elsewhere than a Secret.
    Pair(Result<LoadedCertificate, FollowError>),
    /// What the watch of the Secret tells.
    Secret(Box<Seen<Secret>>),
    /// What the watch of a webhook configuration tells.
    Published(RegistrationKind, Seen<Vec<Published>>),
    /// Some time has passed.
    Tick,
}

/// One pair, which stays.
pub fn fixed(pair: LoadedCertificate) -> BoxStream<'static, Input> {
    stream::iter([Input::Pair(Ok(pair))]).boxed()
}

/// The pair in two files, whenever it changes.
pub fn files(pair: PairWatch) -> BoxStream<'static, Input> {
    stream::unfold(pair, async |mut pair| {
        let outcome = pair.changed().await;
        Some((Input::Pair(outcome), pair))
    })
    .boxed()
}

/// The Secret, whenever it changes.
pub fn secret(client: Client, name: &ObjectName) -> BoxStream<'static, Input> {
    single::watch::<Secret>(client, name).map(|seen| Input::Secret(Box::new(seen))).boxed()
}

/// The webhook configurations, whenever one changes.
pub fn webhook_configurations(
    client: &Client,
    name: &str,
    server_name: Option<&str>,
) -> BoxStream<'static, Input> {
    published::watch(client, name, server_name)
        .map(|(kind, seen)| Input::Published(kind, seen))
        .boxed()
}

fn ticks() -> BoxStream<'static, Input> {
    let mut interval = interval(CHECK_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(interval, async |mut interval| {
        interval.tick().await;
        Some((Input::Tick, interval))
    })
    .boxed()
}

/// Feeds the keeper, for ever. With a client, what is wrong with a Secret is told by an Event on it.
pub async fn follow(
    keeper: CertificateKeeper,
    sources: Vec<BoxStream<'static, Input>>,
    client: Option<Client>,
    metrics: Arc<Metrics>,
) {
    let events = client.map(|client| Events::new(client, CONTROLLER));
    let mut follower = Follower { keeper, events, metrics, secret: None, last: None };
    let mut inputs = stream::select_all(sources.into_iter().chain([ticks()]));
    while let Some(input) = inputs.next().await {
        let mut notices = vec![follower.take(input)];
        // What has come meanwhile is taken before anything is decided: a Secret and the bundle that
        // verifies it are often written together.
        while let Some(Some(input)) = inputs.next().now_or_never() {
            notices.push(follower.take(input));
        }
        notices.push(follower.keeper.decide(SystemTime::now()));
        for notice in notices.into_iter().flatten() {
            follower.publish(notice).await;
        }
    }
}

struct Follower {
    keeper: CertificateKeeper,
    events: Option<Events>,
    metrics: Arc<Metrics>,
    /// The Secret as it was seen last.
    secret: Option<ObjectReference>,
    last: Option<Offered>,
}

/// What the Secret held last, so that the same is not reported twice. What is good is told by its
/// certificate: a new key comes with a new certificate, and no key is kept.
#[derive(PartialEq, Eq)]
enum Offered {
    Parsed(Vec<u8>),
    Refused(LoadError),
    Absent,
}

impl Follower {
    fn take(&mut self, input: Input) -> Option<Notice> {
        let now = SystemTime::now();
        match input {
            Input::Pair(outcome) => self.keeper.take(outcome, now),
            Input::Secret(seen) => self.take_secret(*seen, now),
            Input::Published(kind, seen) => {
                self.take_published(kind, seen);
                None
            }
            Input::Tick => None,
        }
    }

    fn take_secret(&mut self, seen: Seen<Secret>, now: SystemTime) -> Option<Notice> {
        match seen {
            Seen::Object(object) => {
                self.secret = Some(object.object_ref(&()));
                let bytes = |key| {
                    let value = object.data.as_ref().and_then(|data| data.get(key));
                    value.map_or(&[][..], |bytes| &bytes.0)
                };
                let certificate = bytes("tls.crt");
                let outcome = parse(certificate, bytes("tls.key"));
                let offered = match &outcome {
                    Ok(_) => Offered::Parsed(certificate.to_vec()),
                    Err(error) => Offered::Refused(error.clone()),
                };
                self.is_new(offered)
                    .then(|| self.keeper.take(outcome.map_err(FollowError::from), now))?
            }
            Seen::Absent => {
                self.secret = None;
                if self.is_new(Offered::Absent) {
                    self.keeper.absent("it does not exist yet; the controller makes it, or whoever else issues the certificate");
                }
                None
            }
            Seen::Failed(error) => {
                let reason = single::reason_of(&error);
                self.metrics.admission.watch_errors.inc(Watch::Certificate);
                warn!("the watch of the serving certificate failed; trying again: {reason}");
                self.keeper.watch_failed(&reason);
                None
            }
        }
    }

    fn is_new(&mut self, offered: Offered) -> bool {
        let is_new = self.last.as_ref() != Some(&offered);
        self.last = Some(offered);
        is_new
    }

    fn take_published(&mut self, kind: RegistrationKind, seen: Seen<Vec<Published>>) {
        let Some(bundles) = &mut self.keeper.published else { return };
        match seen {
            Seen::Object(published) => bundles.set(kind, published),
            Seen::Absent => bundles.set(kind, vec![]),
            Seen::Failed(error) => {
                let reason = single::reason_of(&error);
                self.metrics.admission.watch_errors.inc(Watch::WebhookConfigurations);
                warn!("the watch of the {kind} failed; trying again: {reason}");
                bundles.set_failed(kind, &reason);
            }
        }
    }

    async fn publish(&mut self, notice: Notice) {
        let (Some(secret), Some(events)) = (&self.secret, &mut self.events) else { return };
        let Notice { reason, note } = notice;
        events.publish(secret, EventType::Warning, reason, "LoadCertificate", &note).await;
    }
}
