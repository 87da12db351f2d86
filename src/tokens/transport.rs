//! What became of a request that has no answer. Of one cause the words are the same at each try.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::Reason;
use super::http::TIMEOUT;

/// Why, in one word and in many, with what to do.
pub fn failure(error: &reqwest::Error) -> (Reason, String) {
    let mut told = String::new();
    let mut reason = match () {
        () if error.is_timeout() => Reason::Timeout,
        () => Reason::Connection,
    };
    let mut source = error.source();
    while let Some(cause) = source {
        let of_tls = cause.downcast_ref::<rustls::Error>();
        if let Some(rustls::Error::InvalidCertificate(error)) = of_tls {
            return (Reason::Tls, of_certificate(error).to_owned());
        }
        let text = cause.to_string();
        reason = match &*text {
            _ if of_tls.is_some() => Reason::Tls,
            text if text.contains("dns error") || text.contains("lookup address") => Reason::Dns,
            text if text.contains("tunnel") || text.contains("proxy") => Reason::Proxy,
            _ => reason,
        };
        told = text;
        source = cause.source().or_else(|| {
            let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
            Some(inner as &(dyn Error + 'static))
        });
    }
    if reason == Reason::Timeout {
        told = format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let hint = match reason {
        Reason::Dns => {
            "; look at the DNS of the cluster, and at HTTPS_PROXY if the way out is a proxy"
        }
        Reason::Proxy => "; look at HTTPS_PROXY and NO_PROXY of the controller",
        Reason::Tls => "; look whether who answers there speaks HTTPS, with TLS 1.2 or 1.3",
        Reason::Connection | Reason::Timeout => {
            "; look at the NetworkPolicies and firewalls on its way"
        }
        _ => "",
    };
    (reason, format!("{told}{hint}"))
}

/// rustls tells the time of the attempt.
fn of_certificate(error: &CertificateError) -> &'static str {
    use CertificateError as Of;
    match error {
        Of::Expired | Of::ExpiredContext { .. } => {
            "its certificate has expired; look at the clock of this node, and have the certificate renewed if that is right"
        }
        Of::NotValidYet | Of::NotValidYetContext { .. } => {
            "its certificate is not yet valid; look at the clock of this node"
        }
        Of::UnknownIssuer => {
            "its certificate is of an authority that is not known; if that is a private one, give it to the controller with --token-ca-file"
        }
        Of::NotValidForName | Of::NotValidForNameContext { .. } => {
            "its certificate is not valid for that name; look at the URL, and at who answers there"
        }
        _ => "its certificate is not accepted; look at who answers there",
    }
}
