//! Amazon ECR: against moto, which verifies signatures and policies as AWS does, and against a server of our
//! own for all that must be seen of a request.

mod accounts;
mod aws;
mod identities;
mod instance;
mod moto;
mod privately;
mod proxy;
mod publicly;
mod refusals;
mod secrecy;
mod verified;

use std::collections::HashMap;

use pullpass::config::{self, SecretKey};
use pullpass::sources::{TokenRequest, Wanted, made};
use pullpass::tokens::{Endpoint, Endpoints, Environment, Failure, Token, Tokens};

/// An access key of the Secret `aws`.
const KEY: &str =
    "accessKeyIdFrom: {secret: aws, key: id}, secretAccessKeyFrom: {secret: aws, key: secret}";
const PRIVATE: &str = "accounts: ['123456789012'], region: eu-central-1";

/// What is fetched, where, and by whom.
#[derive(Default)]
struct Fetch<'a> {
    settings: String,
    values: Vec<(&'a str, &'a str)>,
    variables: Vec<(&'a str, String)>,
    endpoints: Vec<(Endpoint, String)>,
    authorities: Vec<u8>,
}

impl<'a> Fetch<'a> {
    /// Of an entry with these settings of `ecr`.
    fn of(settings: impl Into<String>) -> Self {
        Self { settings: settings.into(), ..Self::default() }
    }

    /// With this access key.
    fn key(mut self, id: &'a str, secret: &'a str) -> Self {
        self.settings = format!("{}, {KEY}", self.settings);
        self.values = vec![("id", id), ("secret", secret)];
        self
    }

    /// With this variable in the environment of the controller.
    fn variable(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Of a service that is asked here.
    fn at(mut self, endpoint: Endpoint, url: impl Into<String>) -> Self {
        self.endpoints.push((endpoint, url.into()));
        self
    }

    /// Of ECR, ECR Public and STS that are asked here.
    fn all_at(self, url: &str) -> Self {
        let services = [Endpoint::Ecr, Endpoint::EcrPublic, Endpoint::Sts];
        services.into_iter().fold(self, |fetch, service| fetch.at(service, url))
    }

    async fn now(&self) -> Result<Token, Failure> {
        let endpoints = self.endpoints.iter();
        let endpoints: Endpoints =
            endpoints.map(|(endpoint, url)| (*endpoint, url.parse().unwrap())).collect();
        let environment: Environment = self.variables.iter().cloned().collect();
        let tokens = Tokens::new(endpoints, &self.authorities).unwrap();
        tokens.with_environment(environment).fetch(&self.request()).await
    }

    fn request(&self) -> TokenRequest {
        let text = format!(
            "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {{name: a, images: ['123456789012.dkr.ecr.eu-central-1.amazonaws.com/*'], namespaces: {{names: [x]}}, source: {{ecr: {{{}}}}}}}\n",
            self.settings
        );
        let config = config::parse(&text).unwrap_or_else(|error| panic!("{error:?}")).config;
        let values: HashMap<_, _> = self.values.iter().copied().collect();
        let value = |key: &SecretKey| values.get(&*key.key).map(|value| value.as_bytes());
        match made(&config.entries()[0], value) {
            Some(Ok(Wanted::Token(request))) => request,
            other => panic!("no token is wanted: {other:?}"),
        }
    }
}

/// The logins of a token, as `REGISTRY USER:PASSWORD`.
fn logins(token: &Token) -> Vec<String> {
    let logins = token.logins.iter().map(|login| {
        let password = String::from_utf8_lossy(login.password.expose()).into_owned();
        format!("{} {}:{password}", login.registry, login.username)
    });
    logins.collect()
}
