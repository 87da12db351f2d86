//! For how long what is seen has been so, on this process's own clock.
//!
//! Neither the clock of the process that wrote an object nor one stamped into it is trusted: whoever
//! becomes the leader counts anew from what it has seen itself. That may make a delay longer, and
//! never shorter.

use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;

use super::seen::Seen;

/// Since when what was seen last has been seen without a break.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    published: Option<Since>,
    serving: Option<Since>,
}

#[derive(Clone, Debug)]
struct Since {
    certificate: CertificateDer<'static>,
    since: Instant,
}

/// For how long something has been so; none if it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed {
    /// That every caBundle has held the authority that signs.
    pub published: Option<Duration>,
    /// That the serving Secret has held this very certificate.
    pub serving: Option<Duration>,
}

impl Memory {
    /// Takes note of what is seen now.
    pub fn note(&mut self, seen: &Seen, now: Instant) -> Elapsed {
        let authority = seen.authority.good().map(|found| &found.certificate);
        let published = authority.filter(|certificate| {
            seen.published
                .iter()
                .all(|bundle| bundle.as_ref().is_some_and(|bundle| bundle.contains(certificate)))
        });
        let serving = seen.serving.good().and_then(|found| found.chain.first());
        Elapsed {
            published: elapsed(&mut self.published, published, now),
            serving: elapsed(&mut self.serving, serving, now),
        }
    }
}

fn elapsed(
    memory: &mut Option<Since>,
    seen: Option<&CertificateDer<'static>>,
    now: Instant,
) -> Option<Duration> {
    let since = match (memory.take(), seen) {
        (_, None) => return None,
        (Some(since), Some(seen)) if since.certificate == *seen => since,
        (_, Some(seen)) => Since { certificate: seen.clone(), since: now },
    };
    let elapsed = now.saturating_duration_since(since.since);
    *memory = Some(since);
    Some(elapsed)
}
