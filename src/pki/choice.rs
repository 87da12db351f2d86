//! Which certificate a webhook serves: the newest that its callers verify.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;

use super::bundle::Bundle;
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
    pub bundle: Bundle,
    /// Whether a webhook that these callers refuse has lost its purpose.
    pub is_essential: bool,
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
    /// Whether all callers that are essential accept it, and it is in its time.
    pub is_accepted: bool,
    /// Why a caller refuses it, if one does.
    pub unverified: Option<String>,
    /// Why a caller would have refused the newest, if it is passed over.
    pub passed_over: Option<String>,
}

/// Chooses between the newest good certificate and the one in force. The one that all essential callers
/// verify is preferred, then the one that more callers verify, and of two alike the newest; nobody's
/// certificate is better than none.
pub fn choose(
    newest: &Chain,
    in_force: Option<&Chain>,
    published: &[Published],
    now: SystemTime,
) -> Choice {
    let newest = Verdict::of(newest, published, now);
    let in_force = in_force.map(|chain| Verdict::of(chain, published, now));
    match in_force.filter(|in_force| in_force.rank() > newest.rank()) {
        None => Choice {
            serve: Serve::Newest,
            is_accepted: newest.is_accepted,
            unverified: newest.refusal,
            passed_over: None,
        },
        Some(in_force) => Choice {
            serve: Serve::InForce,
            is_accepted: in_force.is_accepted,
            unverified: in_force.refusal,
            passed_over: newest.refusal,
        },
    }
}

/// What callers say of a chain.
struct Verdict {
    /// How many accept it. A chain in its time that nobody calls for has one in its favour.
    accepting: usize,
    /// Whether the essential ones do.
    is_accepted: bool,
    /// Why the first of the others refuses it.
    refusal: Option<String>,
}

impl Verdict {
    /// What is greater is preferred.
    fn rank(&self) -> (bool, usize) {
        (self.is_accepted, self.accepting)
    }

    fn of(chain: &Chain, published: &[Published], now: SystemTime) -> Self {
        if chain.first().and_then(validity).is_some_and(|validity| now > validity.not_after) {
            let refusal = "the certificate has expired; issue a new one".to_owned();
            return Self { accepting: 0, is_accepted: false, refusal: Some(refusal) };
        }
        let verdicts: Vec<_> = published.iter().map(|by| check_by(chain, by, now)).collect();
        let mut essential = published.iter().zip(&verdicts).filter(|(by, _)| by.is_essential);
        Self {
            is_accepted: essential.all(|(_, verdict)| verdict.is_ok()),
            accepting: match published {
                [] => 1,
                _ => verdicts.iter().filter(|verdict| verdict.is_ok()).count(),
            },
            refusal: verdicts.into_iter().find_map(Result::err),
        }
    }
}

fn check_by(chain: &Chain, published: &Published, now: SystemTime) -> Result<(), String> {
    let Published { origin, server_name, bundle, .. } = published;
    if bundle.is_empty() {
        return Err(format!(
            "{origin}: its caBundle holds no certificate; the controller or cert-manager fills it in \
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
            bundle,
            is_essential: true,
        }
    }

    /// Every pair of certificates before every pair of published bundles: what the choice must be
    /// follows from who accepts what.
    #[test]
    fn what_the_essential_callers_verify_is_served_and_then_what_most_do() {
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
                        let second = Published { is_essential: false, ..published(second) };
                        let both = [published(first), second];
                        let by_first = |good: &bool, by: &&str| *good && first_trusts.contains(by);
                        let accepting = |good: &bool, by: &&str| {
                            let trusts = [first_trusts, second_trusts];
                            trusts.iter().filter(|trusts| *good && trusts.contains(by)).count()
                        };
                        let of_newest = accepting(newest_good, newest_by);
                        let of_in_force = accepting(in_force_good, in_force_by);
                        let choice = choose(newest, Some(in_force), &both, later);
                        let rank_of_newest = (by_first(newest_good, newest_by), of_newest);
                        let rank_of_in_force = (by_first(in_force_good, in_force_by), of_in_force);
                        let keeps = rank_of_in_force > rank_of_newest;
                        assert_eq!(choice.serve == Serve::InForce, keeps, "{choice:?}");
                        let (is_accepted, served) = rank_of_newest.max(rank_of_in_force);
                        assert_eq!(choice.is_accepted, is_accepted);
                        assert_eq!(choice.unverified.is_none(), served == 2);
                        assert_eq!(choice.passed_over.is_some(), keeps);
                        let alone = choose(newest, None, &both, later);
                        assert_eq!(alone.serve, Serve::Newest);
                        assert_eq!(alone.is_accepted, by_first(newest_good, newest_by));
                        assert_eq!(alone.unverified.is_none(), of_newest == 2);
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
        let elsewhere = Published { server_name: "other.svc".into(), ..published(&[&a]) };
        for (published, words) in [
            (
                published(&[]),
                "its caBundle holds no certificate; the controller or cert-manager fills it in",
            ),
            (published(&[&b]), "does not verify the certificate: none of the trusted authorities"),
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
        assert_eq!((over.serve, over.is_accepted), (Serve::Newest, false));
        assert!(over.unverified.unwrap().contains("has expired"));
    }
}
