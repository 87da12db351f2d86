//! Credentials of entries: what an entry has for a source that is no Secret of pull credentials is made into
//! one, `pullpass-credential-ENTRY-MARK` in our own namespace. The copies take it from there.

mod failing;
mod report;
mod state;

use std::pin::pin;
use std::sync::Arc;

use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::PostParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::time::sleep_until;

use self::failing::Failing;
use self::report::Report;
use self::state::{State, Step};
use crate::cluster::credential_secret::FIELD_MANAGER;
use crate::cluster::single::{self, Seen, reason_of};
use crate::config::{self, CONFIG_KEY};
use crate::controller::CopyOptions;
use crate::controller::relisted::relisted;
use crate::controller::request::{RequestError, bounded, exactly};
use crate::telemetry::Metrics;

enum Input {
    Config(Seen<ConfigMap>),
    Secret(Result<watcher::Event<Secret>, watcher::Error>),
}

/// Makes credentials until it is dropped.
pub async fn run(client: Client, options: CopyOptions, metrics: Arc<Metrics>) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &options.namespace);
    let mut report = Report::new(client.clone(), &options, metrics);
    let mut inputs = pin!(inputs(&client, &secrets, &options));
    let mut state = State::default();
    let mut failing = Failing::default();
    loop {
        let is_due = async {
            match failing.earliest().filter(|_| state.is_known()) {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(input) = inputs.next() => take(&mut state, &report, input),
            () = is_due => {}
        }
        // All that is there already, before the look at all of it.
        while let Some(Some(input)) = inputs.next().now_or_never() {
            take(&mut state, &report, input);
        }
        let Some(plan) = state.plan() else { continue };
        report.planned(&plan).await;
        failing.keep_only(&plan);
        for step in plan.steps {
            let name = step.name().to_owned();
            if !failing.is_due(&name) {
                continue;
            }
            match carry_out(&secrets, step).await {
                Ok(done) => {
                    failing.over(&name);
                    report.done(&done);
                    done.into_state(&mut state);
                }
                Err(error) => {
                    failing.again(&name);
                    report.failed(&error);
                }
            }
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
            report.watch_failed("the configuration", &reason_of(&error));
        }
        Input::Secret(Ok(watcher::Event::Init)) => state.begin_list(),
        Input::Secret(Ok(watcher::Event::InitApply(secret) | watcher::Event::Apply(secret))) => {
            state.set_secret(secret);
        }
        Input::Secret(Ok(watcher::Event::InitDone)) => state.end_list(),
        Input::Secret(Ok(watcher::Event::Delete(secret))) => {
            state.remove_secret(&secret.metadata.name.unwrap_or_default());
        }
        Input::Secret(Err(error)) => report.watch_failed("Secrets", &reason_of(&error)),
    }
}

/// What was done, and what there is since then.
enum Done {
    Created(Box<Secret>),
    Updated(Box<Secret>),
    Deleted(String),
    Ending(Box<Secret>),
}

impl Done {
    fn into_state(self, state: &mut State) {
        match self {
            Self::Created(secret) | Self::Updated(secret) | Self::Ending(secret) => {
                state.set_secret(*secret);
            }
            Self::Deleted(name) => state.remove_secret(&name),
        }
    }
}

async fn carry_out(secrets: &Api<Secret>, step: Step) -> Result<Done, RequestError> {
    let object = |name: Option<&String>| format!("Secret {}", name.map_or("", String::as_str));
    let params =
        PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match step {
        Step::Create(secret) => {
            let object = object(secret.metadata.name.as_ref());
            let made = bounded("create", &object, secrets.create(&params, &secret)).await?;
            Ok(Done::Created(made.into()))
        }
        Step::Update(secret) => {
            let name = secret.metadata.name.clone().unwrap_or_default();
            let object = object(Some(&name));
            let made = bounded("update", &object, secrets.replace(&name, &params, &secret)).await?;
            Ok(Done::Updated(made.into()))
        }
        Step::Delete(metadata) => {
            let name = metadata.name.clone().unwrap_or_default();
            let object = object(Some(&name));
            let params = exactly(&metadata);
            match bounded("delete", &object, secrets.delete(&name, &params)).await {
                Ok(answer) => {
                    let ending =
                        answer.left().filter(|it| it.metadata.deletion_timestamp.is_some());
                    // A finalizer may hold it.
                    Ok(ending.map_or(Done::Deleted(name), |secret| Done::Ending(secret.into())))
                }
                Err(RequestError::Refused { code: 404, .. }) => Ok(Done::Deleted(name)),
                Err(error) => Err(error),
            }
        }
    }
}
