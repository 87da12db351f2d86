//! Credentials of entries: what an entry has for a source that is no Secret of pull credentials is made into
//! one, `pullpass-credential-ENTRY-MARK` in our own namespace. The copies take it from there.
//!
//! Data flows `state` (what is known) -> `plan` (what is wanted, `memo`) -> `write`, and for tokens
//! `attempts` (when) -> `fetching` -> `state`.

mod attempts;
mod fetching;
mod heard;
mod memo;
mod plan;
mod report;
mod state;
mod write;
mod writes;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::time::{Instant, sleep_until};

use self::fetching::Fetching;
use self::heard::Heard;
use self::report::Report;
use self::state::State;
use self::writes::Writes;
use crate::cluster::credential_secret::FIELD_MANAGER;
use crate::cluster::single::{self, Seen};
use crate::config::{self, CONFIG_KEY};
use crate::controller::CopyOptions;
use crate::controller::relisted::relisted;
use crate::controller::told;
use crate::server::Liveness;
use crate::telemetry::Metrics;
use crate::tokens::Tokens;

/// While tokens are wanted, the clock is looked at so often: it may be set, and a machine may sleep.
const LOOK: Duration = Duration::from_secs(30);

enum Input {
    Config(Seen<ConfigMap>),
    Secret(Result<watcher::Event<Secret>, watcher::Error>),
}

/// Makes credentials until it is dropped.
pub async fn run(
    client: Client,
    options: CopyOptions,
    tokens: Tokens,
    clock: fn() -> SystemTime,
    (metrics, liveness): (Arc<Metrics>, Liveness),
) {
    let (report, told) = Report::new(&options, metrics);
    let fetching = Fetching::new(tokens, clock);
    tokio::select! {
        () = look_after(client.clone(), &options, report, (fetching, liveness)) => {}
        () = told::publish(client, FIELD_MANAGER, "Credential", told) => {}
    }
}

async fn look_after(
    client: Client,
    options: &CopyOptions,
    mut report: Report,
    (mut fetching, liveness): (Fetching, Liveness),
) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &options.namespace);
    let heard = Heard::new(liveness);
    let inputs = inputs(&client, &secrets, options).inspect(|input| heard.of(input));
    let mut inputs = pin!(inputs);
    let (mut state, mut writes) = (State::default(), Writes::new(secrets));
    loop {
        // All that is there already, before the look at all of it.
        while let Some(Some(input)) = inputs.next().now_or_never() {
            take(&mut state, &report, input);
        }
        let mut wake = None;
        if let Some(plan) = state.plan(fetching.now()) {
            let next = fetching.begin(&plan.tokens);
            report.planned(&plan, &fetching);
            let look = next.map(|pause| Instant::now() + pause.min(LOOK));
            wake = writes.begin(plan.steps).into_iter().chain(look).min();
        }
        let woken = async {
            match wake {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(input) = inputs.next() => take(&mut state, &report, input),
            (request, fetched) = fetching.next() => match fetched {
                Ok(held) => {
                    Report::fetched(&request, &held);
                    state.set_token(held);
                }
                Err(failure) => report.not_fetched(&request, &failure),
            },
            written = writes.next() => {
                report.written(&written);
                if let Ok(done) = written.outcome {
                    done.into_state(&mut state);
                }
            }
            () = woken => {}
        }
    }
}

fn inputs(
    client: &Client,
    secrets: &Api<Secret>,
    options: &CopyOptions,
) -> impl Stream<Item = Input> + use<> {
    let (client, config_map) = (client.clone(), options.config_map.clone());
    let config = relisted(move || single::watch::<ConfigMap>(client.clone(), &config_map));
    let secrets = secrets.clone();
    let any = watcher::Config::default;
    let secrets = relisted(move || watcher(secrets.clone(), any()).default_backoff());
    stream::select(config.map(Input::Config), secrets.map(Input::Secret))
}

fn take(state: &mut State, report: &Report, input: Input) {
    match input {
        Input::Config(Seen::Object(object)) => {
            let text = object.data.as_ref().and_then(|data| data.get(CONFIG_KEY));
            let parsed = config::config_text(text.map(String::as_str))
                .and_then(|text| config::parse(text).map_err(|error| error.brief()));
            // What is refused, the webhook and the copies tell; the last good one counts.
            if let Ok(parsed) = parsed {
                state.set_config(parsed.config);
            }
        }
        Input::Config(Seen::Absent) => {}
        Input::Config(Seen::Failed(error)) => {
            report.watch_failed("the configuration", &single::reason_of(&error));
        }
        Input::Secret(Ok(watcher::Event::Init)) => state.begin_list(),
        Input::Secret(Ok(watcher::Event::InitApply(secret) | watcher::Event::Apply(secret))) => {
            state.set_secret(secret);
        }
        Input::Secret(Ok(watcher::Event::InitDone)) => state.end_list(),
        Input::Secret(Ok(watcher::Event::Delete(secret))) => {
            state.remove_secret(&secret.metadata.name.unwrap_or_default());
        }
        Input::Secret(Err(error)) => report.watch_failed("Secrets", &single::reason_of(&error)),
    }
}
