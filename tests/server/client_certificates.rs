//! Clients that must present a certificate.

use std::sync::Arc;

use pullpass::telemetry::metrics::HandshakeFailure;
use pullpass::tls::ClientAuth;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use rstest::rstest;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use crate::client::{Client, review, trusting};
use crate::site::{Site, eventually};

type Version = &'static SupportedProtocolVersion;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn params(common_name: &str, dns_names: &[&str]) -> CertificateParams {
        let names: Vec<_> = dns_names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    }

    fn client(&self, site: &Site, version: Version, params: &CertificateParams) -> ClientConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        trusting(&site.ca_pem, &[version])
            .with_client_auth_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

fn auth_by(authority: &Authority, names: &[&str]) -> Arc<ClientAuth> {
    let auth = ClientAuth::new(names.iter().map(ToString::to_string).collect());
    auth.install(authority.0.pem().as_bytes()).unwrap();
    Arc::new(auth)
}

async fn is_served(site: &Site, config: &ClientConfig) -> bool {
    // TLS 1.3 tells a client that it is refused only once it reads.
    match Client::with(config.clone(), site.address, "pullpass.test").await {
        Ok(mut client) => {
            client.try_ask(review("{}")).await.is_some_and(|answer| answer.status == 200)
        }
        Err(_) => false,
    }
}

async fn fails_as(site: &Site, failure: HandshakeFailure, count: u64) {
    let failures = &site.metrics.server.handshake_failures;
    eventually(&format!("counted as {failure:?}"), || failures.get(failure) == count).await;
    eventually("the connection is given back", || site.connections() == 0).await;
}

#[rstest]
#[case(&TLS12)]
#[case(&TLS13)]
#[tokio::test]
async fn fault_20_only_clients_with_a_certificate_of_the_authority_are_served(
    #[case] version: Version,
) {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let site = Site::start_for(auth_by(&ours, &[])).await;
    let params = Authority::params("anyone", &[]);
    assert!(is_served(&site, &ours.client(&site, version, &params)).await);

    let anonymous = trusting(&site.ca_pem, &[version]).with_no_client_auth();
    assert!(!is_served(&site, &anonymous).await);
    fails_as(&site, HandshakeFailure::NoClientCertificate, 1).await;

    let mut expired = params.clone();
    expired.not_after = date_time_ymd(2020, 1, 1);
    let mut for_servers = params.clone();
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let refused = [
        theirs.client(&site, version, &params),
        ours.client(&site, version, &expired),
        ours.client(&site, version, &for_servers),
    ];
    for (count, config) in (1..).zip(&refused) {
        assert!(!is_served(&site, config).await, "case {count}");
        fails_as(&site, HandshakeFailure::ClientCertificateRefused, count).await;
    }
    assert!(is_served(&site, &ours.client(&site, version, &params)).await);
}

#[rstest]
#[case("kube-apiserver", &[], true)]
#[case("other", &["a.example", "API.example"], true)]
#[case("other", &["a.example"], false)]
#[case("kube-apiserver2", &["x.api.example"], false)]
#[case("", &[], false)]
#[tokio::test]
async fn fault_20_with_names_only_clients_of_these_names_are_served(
    #[case] common_name: &str,
    #[case] dns_names: &[&str],
    #[case] wanted: bool,
) {
    let authority = Authority::new();
    let site = Site::start_for(auth_by(&authority, &["kube-apiserver", "api.example"])).await;
    let params = Authority::params(common_name, dns_names);
    assert_eq!(is_served(&site, &authority.client(&site, &TLS13, &params)).await, wanted);
    let refused = u64::from(!wanted);
    fails_as(&site, HandshakeFailure::ClientCertificateRefused, refused).await;
}

#[rstest]
#[case(&TLS12)]
#[case(&TLS13)]
#[tokio::test]
async fn fault_20_after_an_exchange_no_client_of_the_old_authority_resumes(
    #[case] version: Version,
) {
    let (old, new) = (Authority::new(), Authority::new());
    let auth = auth_by(&old, &[]);
    let site = Site::start_for(Arc::clone(&auth)).await;
    let params = Authority::params("anyone", &[]);
    // One configuration is one session cache.
    let (before, after) =
        (old.client(&site, version, &params), new.client(&site, version, &params));
    for _ in 0..3 {
        assert!(is_served(&site, &before).await);
    }

    auth.install(new.0.pem().as_bytes()).unwrap();

    assert!(!is_served(&site, &before).await);
    assert!(is_served(&site, &after).await);
    auth.install(format!("{}{}", old.0.pem(), new.0.pem()).as_bytes()).unwrap();
    assert!(is_served(&site, &before).await && is_served(&site, &after).await);
}

#[tokio::test]
async fn before_there_are_authorities_every_client_is_refused() {
    let authority = Authority::new();
    let site = Site::start_for(Arc::new(ClientAuth::new(vec![]))).await;
    let config = authority.client(&site, &TLS13, &Authority::params("anyone", &[]));
    assert!(!is_served(&site, &config).await);
    fails_as(&site, HandshakeFailure::ClientCertificateRefused, 1).await;
}
