//! Which certificate a webhook serves: the newest that its callers verify.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;

use super::bundle::{Bundle, BundleError};
use super::verify::{validity, verify};

/// A certificate chain, leaf first.
pub type Chain = [CertificateDer<'static>];

/// By what the callers of one webhook verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where that stands, for messages.
    pub origin: String,
    /// The name that callers connect to.
    pub server_name: String,
    /// Whom they trust.
    pub bundle: Result<Bundle, BundleError>,
}

/// Which of two certificates to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// The newest one.
    Newest,
    /// The one that is in force.
    InForce,
}

/// What is served, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which certificate.
    pub serve: Serve,
    /// Why callers refuse it, if they do.
    pub unverified: Option<String>,
    /// Why they would have refused the newest, if it is passed over.
    pub passed_over: Option<String>,
}

/// Chooses between the newest good certificate and the one in force. One that all callers verify is
/// preferred, and of two alike the newest; nobody's certificate is better than none.
pub fn choose(
    newest: &Chain,
    in_force: Option<&Chain>,
    published: &[Published],
    now: SystemTime,
) -> Choice {
    let Err(reason) = check(newest, published, now) else {
        return Choice { serve: Serve::Newest, unverified: None, passed_over: None };
    };
    let keeps = in_force.is_some_and(|chain| check(chain, published, now).is_ok());
    match keeps {
        true => Choice { serve: Serve::InForce, unverified: None, passed_over: Some(reason) },
        false => Choice { serve: Serve::Newest, unverified: Some(reason), passed_over: None },
    }
}

/// Whether every caller accepts the chain. Without any it only needs to be in its time.
fn check(chain: &Chain, published: &[Published], now: SystemTime) -> Result<(), String> {
    if chain.first().and_then(validity).is_some_and(|validity| now > validity.not_after) {
        return Err("the certificate has expired; issue a new one".to_owned());
    }
    published.iter().try_for_each(|published| check_by(chain, published, now))
}

fn check_by(chain: &Chain, published: &Published, now: SystemTime) -> Result<(), String> {
    let Published { origin, server_name, bundle } = published;
    let bundle = bundle.as_ref().map_err(|error| format!("{origin}: its caBundle: {error}"))?;
    if bundle.is_empty() {
        return Err(format!(
            "{origin}: its caBundle is empty; the controller or cert-manager fills it in \
             (drop --webhook-configuration if the certificate chains to the system's roots)"
        ));
    }
    verify(bundle, chain, server_name, now)
        .map_err(|error| format!("{origin}: its caBundle does not verify the certificate: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Authority, issue_ca, issue_serving};
    use rustls::pki_types::pem::PemObject;
    use std::time::{Duration, UNIX_EPOCH};

    const DAY: Duration = Duration::from_secs(86_400);
    const NAME: &str = "pullpass-webhook.pullpass-system.svc";

    fn now() -> SystemTime {
        UNIX_EPOCH + 20_000 * DAY
    }

    fn authority(name: &str) -> Authority {
        issue_ca(name, now(), 300 * DAY).unwrap()
    }

    fn chain(ca: &Authority, name: &str, lifetime: Duration) -> Vec<CertificateDer<'static>> {
        let pair = issue_serving(ca, &[name.to_owned()], now(), lifetime).unwrap();
        vec![CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes()).unwrap()]
    }

    fn published(authorities: &[&Authority]) -> Published {
        let mut bundle = Bundle::default();
        for authority in authorities {
            bundle.insert(authority.certificate().clone());
        }
        Published {
            origin: "MutatingWebhookConfiguration pullpass".into(),
            server_name: NAME.into(),
            bundle: Ok(bundle),
        }
    }

    /// Every pair of certificates before every pair of published bundles: what the choice must be
    /// follows from who accepts what.
    #[test]
    fn what_all_callers_verify_is_served_before_what_they_do_not() {
        let (a, b) = (authority("a"), authority("b"));
        let good_of = |ca: &Authority| chain(ca, NAME, 30 * DAY);
        let soon_over = |ca: &Authority| chain(ca, NAME, DAY);
        let later = now() + 2 * DAY;
        // A certificate, whose it is, and whether it is for the name and in its time.
        let certificates = [
            (good_of(&a), "a", true),
            (good_of(&b), "b", true),
            (soon_over(&a), "a", false),
            (chain(&b, "other.example", 30 * DAY), "b", false),
        ];
        let bundles: [(&[&Authority], &[&str]); 4] =
            [(&[&a], &["a"]), (&[&b], &["b"]), (&[&a, &b], &["a", "b"]), (&[], &[])];
        let mut cases = 0;
        for (newest, newest_by, newest_good) in &certificates {
            for (in_force, in_force_by, in_force_good) in &certificates {
                for (first, first_trusts) in bundles {
                    for (second, second_trusts) in bundles {
                        let both = [published(first), published(second)];
                        let trusted =
                            |by: &&str| first_trusts.contains(by) && second_trusts.contains(by);
                        let newest_ok = *newest_good && trusted(newest_by);
                        let in_force_ok = *in_force_good && trusted(in_force_by);
                        let choice = choose(newest, Some(in_force), &both, later);
                        let keeps = !newest_ok && in_force_ok;
                        assert_eq!(choice.serve == Serve::InForce, keeps, "{choice:?}");
                        assert_eq!(choice.unverified.is_none(), newest_ok || in_force_ok);
                        assert_eq!(choice.passed_over.is_some(), keeps);
                        let alone = choose(newest, None, &both, later);
                        assert_eq!(alone.serve, Serve::Newest);
                        assert_eq!(alone.unverified.is_none(), newest_ok);
                        cases += 1;
                    }
                }
            }
        }
        assert_eq!(cases, 256);
    }

    #[test]
    fn the_reason_names_the_configuration_and_what_to_do() {
        let (a, b) = (authority("a"), authority("b"));
        let newest = chain(&a, NAME, DAY);
        let reason = |published: Published| choose(&newest, None, &[published], now()).unverified;
        let broken = Published { bundle: Err(BundleError::Pem), ..published(&[]) };
        let elsewhere = Published { server_name: "other.svc".into(), ..published(&[&a]) };
        for (published, words) in [
            (published(&[]), "its caBundle is empty; the controller or cert-manager fills it in"),
            (published(&[&b]), "does not verify the certificate: none of the trusted authorities"),
            (broken, "its caBundle: it is not valid PEM"),
            (elsewhere, "the certificate is not for `other.svc`"),
        ] {
            let reason = reason(published).unwrap();
            assert!(reason.starts_with("MutatingWebhookConfiguration pullpass: "), "{reason}");
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn where_nobody_calls_a_certificate_only_needs_to_be_in_its_time() {
        let a = authority("a");
        let (newest, in_force) = (chain(&a, NAME, DAY), chain(&a, NAME, 30 * DAY));
        let at = |days: u32| choose(&newest, Some(&in_force), &[], now() + days * DAY);
        assert_eq!((at(0).serve, at(0).unverified), (Serve::Newest, None));
        assert_eq!((at(2).serve, at(2).unverified), (Serve::InForce, None));
        let over = at(31);
        assert_eq!(over.serve, Serve::Newest);
        assert!(over.unverified.unwrap().contains("has expired"));
    }
}
