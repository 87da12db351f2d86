//! `POST /mutate` and `POST /validate-config`.

use super::{
    review::{Request, Response, ReviewError, excerpt},
    state::WebhookState,
    validate,
};
use crate::{
    cluster::{
        ObjectName,
        namespaces::{Lookup, timeout_of_lookup},
    },
    config::{Config, Mode},
    inject::{Decision, EntryDecision, Matches, Namespace, PodView, audit_annotations, patch},
    server::{Reason, SMALL_BODY, check_json, failure},
    telemetry::metrics::Review,
};
use axum::{
    Router,
    body::Body,
    extract::{Query, Request as HttpRequest, State},
    http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response as HttpResponse},
    routing::post,
};
use serde::{Deserialize, de::IgnoredAny};
use std::{sync::Arc, time::Instant};
use tracing::{debug, info, warn};

/// The router of the webhook, without the layers of the server.
pub fn router(state: Arc<WebhookState>) -> Router {
    Router::new()
        .route("/mutate", post(mutate))
        .route("/validate-config", post(validate_config))
        .with_state(state)
}

/// The API server adds its timeout to the URL, for example `?timeout=5s`.
#[derive(Debug, Default, Deserialize)]
struct Parameters {
    timeout: Option<String>,
}

async fn mutate(State(state): State<Arc<WebhookState>>, request: HttpRequest) -> HttpResponse {
    let started = Instant::now();
    let (response, review) = answer_mutate(&state, request).await;
    state.metrics.admission.reviews.inc(review);
    state.metrics.admission.review_duration.observe(started.elapsed());
    response
}

async fn answer_mutate(state: &WebhookState, request: HttpRequest) -> (HttpResponse, Review) {
    let (head, body) = request.into_parts();
    if let Err(error) = check_json(&head.headers) {
        return (error.into_response(), Review::Refused);
    }
    let body = match state.body.read(body).await {
        Ok(body) => body,
        Err(error) => return (error.into_response(), Review::Refused),
    };
    let Some(config) = state.config.current() else {
        let message = "there is no configuration in force yet; see /readyz";
        return (failure(Reason::ServiceUnavailable, message), Review::NotReady);
    };
    let _turn = match body.len() > SMALL_BODY {
        true => state.turn().await,
        false => None,
    };
    match Request::<PodView<'_>>::parse(&body) {
        Ok(request) if is_new_pod(&request) => admit(state, &config, &head.uri, &request).await,
        Ok(request) => leave_alone(state, &request),
        Err(error) => answer_unreadable(state, &body, &error),
    }
}

fn is_new_pod<O>(request: &Request<'_, O>) -> bool {
    request.operation == "CREATE"
        && request.resource.group.is_empty()
        && request.resource.resource == "pods"
        && request.sub_resource.as_deref().unwrap_or_default().is_empty()
}

/// Another kind or operation, sent by a webhook configuration that is not ours.
fn leave_alone<O>(state: &WebhookState, request: &Request<'_, O>) -> (HttpResponse, Review) {
    if let Some(withheld) = state.warnings.pass(Instant::now()) {
        warn!(
            operation = ?excerpt(&request.operation),
            resource = ?excerpt(&request.resource.resource),
            subresource = ?request.sub_resource.as_deref().map(excerpt),
            withheld,
            "allowed unchanged what is no new Pod; check the rules of the MutatingWebhookConfiguration"
        );
    }
    (reply(&Response::allowed(&request.uid)), Review::NotAPod)
}

/// What cannot be read as a Pod may be another kind, which is none of our business.
fn answer_unreadable(
    state: &WebhookState,
    body: &[u8],
    error: &ReviewError,
) -> (HttpResponse, Review) {
    if let Ok(request) = Request::<IgnoredAny>::parse(body)
        && !is_new_pod(&request)
    {
        return leave_alone(state, &request);
    }
    if let Some(withheld) = state.warnings.pass(Instant::now()) {
        warn!(%error, withheld, "refused an AdmissionReview");
    }
    (failure(Reason::BadRequest, &error.to_string()), Review::Refused)
}

fn timeout(uri: &Uri) -> Option<String> {
    let Query(parameters) = Query::<Parameters>::try_from_uri(uri).ok()?;
    parameters.timeout
}

async fn admit(
    state: &WebhookState,
    config: &Config,
    uri: &Uri,
    request: &Request<'_, PodView<'_>>,
) -> (HttpResponse, Review) {
    let default = PodView::default();
    let pod = request.object.as_ref().unwrap_or(&default);
    let name = request.namespace.as_deref().unwrap_or_default();
    let matches = Matches::find(config, pod);
    let lookup = match matches.are_settled() {
        true => Lookup::NotNeeded,
        false => state.namespaces.labels(name, timeout_of_lookup(timeout(uri).as_deref())).await,
    };
    let labels = lookup.labels();
    let namespace = Namespace { name, labels: labels.as_deref() };
    let decision = matches.decide(pod, namespace);
    if decision.lacks_labels() {
        state.metrics.admission.labels_missing.inc();
        if let Some(withheld) = state.warnings.pass(Instant::now()) {
            let message =
                "entries that need the labels of the namespace did not apply: they are not known";
            warn!(namespace = ?excerpt(name), withheld, "{message}");
        }
    }
    let additions = decision.additions();
    log(config.mode, name, request, &decision, &additions);
    match respond(config.mode, pod, request, &decision, &additions) {
        Ok(answer) => answer,
        Err(error) => {
            warn!(%error, "failed to write an AdmissionReview");
            let message = "failed to write the AdmissionReview";
            (failure(Reason::InternalError, message), Review::Refused)
        }
    }
}

/// What was decided goes to the debug log, and in observe mode to the log that everybody reads.
fn log(
    mode: Mode,
    namespace: &str,
    request: &Request<'_, PodView<'_>>,
    decision: &Decision<'_>,
    additions: &[&str],
) {
    let namespace = excerpt(namespace);
    let pod = request.name.as_deref().map_or("(generated)", excerpt);
    if let Decision::Skipped(skip) = decision {
        debug!(?namespace, ?pod, "left as it is: {skip}");
    }
    for EntryDecision { entry, outcome, .. } in decision.considered() {
        match mode {
            Mode::Enforce => debug!(?namespace, ?pod, entry = %entry.name, "{outcome}"),
            Mode::Observe => info!(?namespace, ?pod, entry = %entry.name, "observe: {outcome}"),
        }
    }
    match (mode, additions) {
        (_, []) => {}
        (Mode::Enforce, _) => debug!(?namespace, ?pod, secrets = ?additions, "pull secrets added"),
        (Mode::Observe, _) => {
            info!(?namespace, ?pod, secrets = ?additions, "observe: pull secrets would be added");
        }
    }
}

fn respond(
    mode: Mode,
    pod: &PodView<'_>,
    request: &Request<'_, PodView<'_>>,
    decision: &Decision<'_>,
    additions: &[&str],
) -> Result<(HttpResponse, Review), serde_json::Error> {
    let mut response = Response::allowed(&request.uid);
    for (key, value) in audit_annotations(decision) {
        response = response.with_audit_annotation(key, value);
    }
    let review = match (decision, additions, mode) {
        (Decision::Skipped(_), _, _) => Review::Skipped,
        (_, [], _) => Review::Unchanged,
        (_, _, Mode::Enforce) => {
            response = response.with_patch(&patch(pod, additions))?;
            Review::Patched
        }
        (_, _, Mode::Observe) => {
            response = response.with_audit_annotation("would-add", additions.join(","));
            Review::Observed
        }
    };
    Ok((reply(&response), review))
}

async fn validate_config(
    State(state): State<Arc<WebhookState>>,
    headers: HeaderMap,
    body: Body,
) -> HttpResponse {
    if let Err(error) = check_json(&headers) {
        return error.into_response();
    }
    let body = match state.body.read(body).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    // One at a time and beside the workers, which have Pods and probes to answer.
    let Ok(place) = Arc::clone(&state.validation).try_acquire_owned() else {
        let message = "another configuration is being checked; try again";
        return failure(Reason::ServiceUnavailable, message);
    };
    let check = move || {
        let _place = place;
        answer_validate(&body, &state.config_map)
            .unwrap_or_else(|error| failure(Reason::BadRequest, &error.to_string()))
    };
    tokio::task::spawn_blocking(check).await.unwrap_or_else(|_| {
        failure(Reason::InternalError, "failed to check the configuration; the log names the place")
    })
}

fn answer_validate(body: &[u8], ours: &ObjectName) -> Result<HttpResponse, ReviewError> {
    let request = Request::<IgnoredAny>::parse(body)?;
    if !validate::may_be_ours(&request, ours) {
        return Ok(reply(&Response::allowed(&request.uid)));
    }
    Ok(reply(&validate::answer(&Request::parse(body)?, ours)))
}

fn reply(response: &Response<'_>) -> HttpResponse {
    match response.to_json() {
        Ok(json) => {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
        }
        Err(_) => failure(Reason::InternalError, "failed to write the AdmissionReview"),
    }
}
