//! Why a TLS handshake failed, in a few classes.

use std::io;

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use crate::telemetry::metrics::HandshakeFailure;

/// The class of an error that the TLS accept ended with. `has_certificate` says whether there was
/// one to serve.
pub(super) fn classify(error: &io::Error, has_certificate: bool) -> HandshakeFailure {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return HandshakeFailure::Other;
    };
    match error {
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired
            // It came with TLS 1.2: who does not send it is older.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )
        | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
            HandshakeFailure::TlsVersion
        }
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            HandshakeFailure::PlainHttpOrGarbage
        }
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // Signed by another authority of the same name: a stale caBundle.
            | AlertDescription::DecryptError,
        ) => HandshakeFailure::ClientRejectedCertificate,
        Error::NoCertificatesPresented => HandshakeFailure::NoClientCertificate,
        Error::InvalidCertificate(_) => HandshakeFailure::ClientCertificateRefused,
        _ if !has_certificate => HandshakeFailure::NoCertificate,
        _ => HandshakeFailure::Other,
    }
}
