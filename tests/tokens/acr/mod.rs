//! The kind `acr`, against servers that answer as Microsoft Entra, the metadata service and registries do.

mod answers;
mod azure;
mod certificates;
mod environment;
mod errors;
mod secrets;
mod tls;

use azure::Azure;
use pullpass::config::{self, SecretKey};
use pullpass::sources::{TokenRequest, Wanted, made};
use pullpass::tokens::{Endpoint, Endpoints, Environment, Failure, Token, Tokens};
use std::collections::HashMap;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// What forms have to escape.
const SECRET: &str = "hunter2~+/%&= ä";

const WITH_SECRET: &str = "tenantId: 11111111-2222-3333-4444-555555555555, clientId: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee, clientSecretFrom: {secret: azure, key: value}";
const WITH_CERTIFICATE: &str = "tenantId: 11111111-2222-3333-4444-555555555555, clientId: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee, clientCertificateFrom: {secret: azure, key: value}";

/// What an entry asks for, whose Secret has this value.
fn request(registries: &str, identity: &str, value: &[u8]) -> TokenRequest {
    let comma = if identity.is_empty() { "" } else { ", " };
    let text = format!(
        "apiVersion: pullpass.io/v1\nkind: Config\nregistries:\n- {{name: a, images: ['*.azurecr.io/*'], namespaces: {{names: [x]}}, source: {{acr: {{registries: [{registries}]{comma}{identity}}}}}}}\n"
    );
    let config = config::parse(&text).unwrap().config;
    let values: HashMap<_, _> = HashMap::from([("value", value)]);
    let value = |key: &SecretKey| values.get(&*key.key).copied();
    match made(&config.entries()[0], value).unwrap().unwrap() {
        Wanted::Token(request) => request,
        Wanted::Content(_) => panic!("a token is wanted"),
    }
}

impl Azure {
    /// Every service of it, in the place of the real ones.
    fn endpoints(&self) -> Endpoints {
        let of = |endpoint, path| (endpoint, self.url(path));
        Endpoints::from_iter([
            of(Endpoint::Entra, "/entra"),
            of(Endpoint::Acr, "/acr/"),
            of(Endpoint::AzureMetadata, "/imds"),
        ])
    }

    async fn fetch(&self, request: &TokenRequest) -> Result<Token, Failure> {
        self.fetch_in(&[], request).await
    }

    /// With these environment variables.
    async fn fetch_in(
        &self,
        variables: &[(&str, &str)],
        request: &TokenRequest,
    ) -> Result<Token, Failure> {
        let environment = variables.iter().copied().collect::<Environment>();
        let tokens = Tokens::new(self.endpoints(), b"").unwrap().with_environment(environment);
        tokens.fetch(request).await
    }
}
