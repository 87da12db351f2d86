//! The AWS SDK over the HTTP of all issuers: one attempt, and every failure in our words.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::config::timeout::TimeoutConfig;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use reqwest::{Client, Method, RequestBuilder, Url};

use super::{Place, refusal};
use crate::tokens::http::{self, Answer};
use crate::tokens::{Endpoint, Failure, Reason, Tokens};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// `ecr:GetAuthorizationToken`.
    Ecr,
    /// `ecr-public:GetAuthorizationToken`.
    EcrPublic,
    /// `sts:AssumeRoleWithWebIdentity`.
    WebIdentity,
    /// `sts:AssumeRole`.
    Role,
}

impl Aim {
    fn told(self) -> &'static str {
        match self {
            Self::Ecr => "a token of Amazon ECR",
            Self::EcrPublic => "a token of ECR Public",
            Self::WebIdentity | Self::Role => "the credentials of a role",
        }
    }
}

/// One call of an operation.
#[derive(Debug)]
pub struct Call {
    wire: Wire,
    aim: Aim,
    region: Region,
    fips: bool,
    endpoint: Option<String>,
}

impl Call {
    /// `who` asks, in the words of errors.
    pub fn new(tokens: &Tokens, service: Endpoint, place: Place<'_>, aim: Aim, who: &str) -> Self {
        let endpoint = tokens.endpoints.get(service).map(ToString::to_string);
        Self {
            wire: Wire {
                client: tokens.http.proxied().clone(),
                purpose: format!("for {} as {who}", aim.told()).into(),
                outcome: Arc::default(),
            },
            aim,
            region: Region::new(place.region.to_owned()),
            // What is given is asked, and not a neighbour of it.
            fips: place.fips && endpoint.is_none(),
            endpoint,
        }
    }

    /// The settings of the operation's client. Nothing of them comes from the environment.
    pub fn config(&self, credentials: Option<&Credentials>) -> SdkConfig {
        let provider = credentials.cloned().map(SharedCredentialsProvider::new);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(self.region.clone())
            .use_fips(self.fips)
            .http_client(self.wire.clone())
            // Whoever fetches tokens has a backoff.
            .retry_config(RetryConfig::disabled())
            // The HTTP client bounds every request.
            .timeout_config(TimeoutConfig::disabled());
        config.set_endpoint_url(self.endpoint.clone()).set_credentials_provider(provider);
        config.build()
    }

    /// Why the operation failed.
    pub fn failure<E: ProvideErrorMetadata>(&self, error: SdkError<E>) -> Failure {
        let answer = match self.wire.take() {
            Some(Ok(answer)) => answer,
            Some(Err(failure)) => return failure,
            None => return self.not_asked(),
        };
        if answer.status.is_success() {
            return answer.failure(Reason::Answer, "the answer is none that AWS documents");
        }
        match error {
            SdkError::ServiceError(error) => {
                let error = error.err();
                refusal::of_service(&answer, self.aim, error.code(), error.message())
            }
            _ => refusal::of_service(&answer, self.aim, None, None),
        }
    }

    /// An answer in order that lacks something.
    pub fn not_understood(&self, told: &str) -> Failure {
        match self.wire.take() {
            Some(Ok(answer)) => answer.failure(Reason::Answer, told),
            Some(Err(failure)) => failure,
            None => self.not_asked(),
        }
    }

    /// The SDK made no request of it.
    fn not_asked(&self) -> Failure {
        let (purpose, region) = (&self.wire.purpose, &self.region);
        let told = format!(
            "failed to ask AWS {purpose}: no request can be made for the region {region}; look at `region`, and at --token-endpoint if it is given"
        );
        Failure::new(Reason::Settings, told)
    }
}

/// The HTTP client of all issuers, as the SDK wants it. It keeps what became of its request.
#[derive(Clone)]
struct Wire {
    client: Client,
    purpose: Arc<str>,
    outcome: Arc<Mutex<Option<Result<Answer, Failure>>>>,
}

impl Wire {
    fn take(&self) -> Option<Result<Answer, Failure>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let sent = match self.request(&request) {
            Some((what, request)) => http::send(&what, request).await,
            None => {
                let told = format!("failed to ask AWS {}: the request is none", self.purpose);
                Err(Failure::new(Reason::Settings, told))
            }
        };
        let response = match &sent {
            Ok(answer) => response(answer).ok_or("the answer is none"),
            Err(_) => Err("there is no answer"),
        };
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
        response.map_err(|told| ConnectorError::other(told.into(), None))
    }

    fn request(&self, request: &HttpRequest) -> Option<(String, RequestBuilder)> {
        let url: Url = request.uri().parse().ok()?;
        let what = format!("ask {} {}", shown(&url), self.purpose);
        let method = Method::from_bytes(request.method().as_bytes()).ok()?;
        let body = request.body().bytes()?.to_vec();
        let mut builder = self.client.request(method, url).body(body);
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        Some((what, builder))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.send(request).await })
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Scheme, host, port and path.
pub fn shown(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!("{origin}{}", url.path())
}

fn response(answer: &Answer) -> Option<HttpResponse> {
    let status = StatusCode::try_from(answer.status.as_u16()).ok()?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body()));
    for (name, value) in answer.headers() {
        // One that is no text says nothing to the SDK.
        if let Ok(value) = value.to_str() {
            let _ = response.headers_mut().try_append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Some(response)
}
