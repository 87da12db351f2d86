//! Certificates that are not accepted: the words are the same at each try, so that one failure is told once.

use super::azure::Azure;
use super::{SECRET, WITH_SECRET, request};
use pullpass::tokens::{Endpoint, Endpoints, Reason, Tokens};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rstest::rstest;

struct Server {
    name: &'static str,
    years: [i32; 2],
    usage: ExtendedKeyUsagePurpose,
    is_trusted: bool,
}

impl Default for Server {
    fn default() -> Self {
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        Self { name: "127.0.0.1", years: [2020, 4000], usage, is_trusted: true }
    }
}

#[rstest]
#[case::expired(
    Server { years: [2020, 2021], ..Server::default() },
    "its certificate has expired; look at the clock of this node, and have the certificate renewed if that is right"
)]
#[case::not_yet_valid(
    Server { years: [3999, 4000], ..Server::default() },
    "its certificate is not yet valid; look at the clock of this node"
)]
#[case::unknown_issuer(
    Server { is_trusted: false, ..Server::default() },
    "its certificate is of an authority that is not known; if that is a private one, give it to the controller with --token-ca-file"
)]
#[case::of_another_name(
    Server { name: "login.example.com", ..Server::default() },
    "its certificate is not valid for that name; look at the URL, and at who answers there"
)]
#[case::of_clients(
    Server { usage: ExtendedKeyUsagePurpose::ClientAuth, ..Server::default() },
    "its certificate is not accepted; look at who answers there"
)]
#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_told_in_fixed_words(
    #[case] server: Server,
    #[case] told: &str,
) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![server.name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(server.years[0], 1, 1);
    params.not_after = date_time_ymd(server.years[1], 1, 1);
    params.extended_key_usages = vec![server.usage];
    let certificate = params.self_signed(&key).unwrap().pem();
    let azure = Azure::start_with_tls(&certificate, &key.serialize_pem()).await;

    let endpoints = Endpoints::from_iter([(Endpoint::Entra, azure.url("/entra"))]);
    let authorities = if server.is_trusted { certificate.as_bytes() } else { b"" };
    let tokens = Tokens::new(endpoints, authorities).unwrap();
    let request = request("team.azurecr.io", WITH_SECRET, SECRET.as_bytes());
    let failure = tokens.fetch(&request).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Tls, "{failure}");
    let (_, words) = failure.message.split_once(" for a token: ").unwrap();
    assert_eq!(words, told);
    assert!(azure.asked().is_empty(), "nothing was sent");
}
