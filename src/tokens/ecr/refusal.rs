//! What a refusal of AWS means. Of an answer only those error codes are shown that stand here.

use std::time::{Duration, SystemTime};

use super::sdk::Aim;
use crate::tokens::http::Answer;
use crate::tokens::{Failure, Reason};

/// AWS takes a signature for five minutes.
const SKEW: Duration = Duration::from_secs(300);

/// The common errors of AWS, and those of ECR, ECR Public, STS and the EKS Auth API.
const CODES: &[(&str, Reason)] = &[
    ("UnrecognizedClientException", Reason::Unauthorized),
    ("InvalidClientTokenId", Reason::Unauthorized),
    ("InvalidAccessKeyId", Reason::Unauthorized),
    ("InvalidSignatureException", Reason::Unauthorized),
    ("SignatureDoesNotMatch", Reason::Unauthorized),
    ("IncompleteSignature", Reason::Unauthorized),
    ("IncompleteSignatureException", Reason::Unauthorized),
    ("MissingAuthenticationToken", Reason::Unauthorized),
    ("MissingAuthenticationTokenException", Reason::Unauthorized),
    ("AuthFailure", Reason::Unauthorized),
    ("ExpiredToken", Reason::Unauthorized),
    ("ExpiredTokenException", Reason::Unauthorized),
    ("InvalidToken", Reason::Unauthorized),
    ("InvalidTokenException", Reason::Unauthorized),
    ("InvalidIdentityToken", Reason::Unauthorized),
    ("InvalidIdentityTokenException", Reason::Unauthorized),
    ("IDPRejectedClaim", Reason::Unauthorized),
    ("IDPRejectedClaimException", Reason::Unauthorized),
    ("AccessDenied", Reason::Forbidden),
    ("AccessDeniedException", Reason::Forbidden),
    ("NotAuthorized", Reason::Forbidden),
    ("UnauthorizedOperation", Reason::Forbidden),
    ("OptInRequired", Reason::Forbidden),
    ("RegionDisabledException", Reason::Forbidden),
    ("AssumeRoleUnauthorizedAccess", Reason::Forbidden),
    ("ResourceNotFoundException", Reason::NoIdentity),
    ("RequestExpired", Reason::ClockSkew),
    ("RequestInTheFuture", Reason::ClockSkew),
    ("RequestTimeTooSkewed", Reason::ClockSkew),
    ("Throttling", Reason::Throttled),
    ("ThrottlingException", Reason::Throttled),
    ("ThrottledException", Reason::Throttled),
    ("RequestThrottled", Reason::Throttled),
    ("RequestThrottledException", Reason::Throttled),
    ("RequestLimitExceeded", Reason::Throttled),
    ("TooManyRequestsException", Reason::Throttled),
    ("SlowDown", Reason::Throttled),
    ("InternalError", Reason::Server),
    ("InternalFailure", Reason::Server),
    ("InternalServerException", Reason::Server),
    ("ServerException", Reason::Server),
    ("ServiceUnavailable", Reason::Server),
    ("ServiceUnavailableException", Reason::Server),
    ("IDPCommunicationError", Reason::Server),
    ("InvalidParameterException", Reason::Settings),
    ("InvalidRequestException", Reason::Settings),
    ("UnsupportedCommandException", Reason::Settings),
    ("ValidationError", Reason::Settings),
    ("ValidationException", Reason::Settings),
];

/// A code that stands above.
pub fn known(code: &str) -> Option<(&'static str, Reason)> {
    CODES.iter().find(|(known, _)| *known == code).copied()
}

/// The code that a text names as `(CODE)`, as the EKS Pod Identity Agent does, or as an element of XML.
pub fn named_in(body: &[u8]) -> Option<(&'static str, Reason)> {
    let text = std::str::from_utf8(body).ok()?;
    let is_named = |code: &str| {
        text.contains(&format!("({code})")) || text.contains(&format!("<Code>{code}</Code>"))
    };
    CODES.iter().find(|(code, _)| is_named(code)).copied()
}

/// Those that a wrong clock can be behind.
const TIMED: [&str; 4] =
    ["InvalidSignatureException", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException"];

/// What a service refused, by its error code, or else by the status.
pub fn of_service(answer: &Answer, aim: Aim, code: Option<&str>, message: Option<&str>) -> Failure {
    let known = code.and_then(known).or_else(|| named_in(answer.body()));
    let mut reason = known.map_or_else(|| answer.refused("").reason, |(_, reason)| reason);
    if reason == Reason::Unauthorized && is_skewed(answer, known.map(|(code, _)| code), message) {
        reason = Reason::ClockSkew;
    }
    let hint = hint(reason, aim);
    let told = match known {
        Some((code, _)) if hint.is_empty() => code.to_owned(),
        Some((code, _)) => format!("{code}; {hint}"),
        None if hint.is_empty() => "with an error that AWS does not document".to_owned(),
        None => hint.to_owned(),
    };
    answer.failure(reason, &told)
}

/// Both a wrong secret and a wrong clock make a wrong signature, and a wrong clock an expired token.
fn is_skewed(answer: &Answer, code: Option<&str>, message: Option<&str>) -> bool {
    let is_timed = code.is_some_and(|code| TIMED.contains(&code));
    let says_so = message.is_some_and(|message| {
        message.contains("Signature expired") || message.contains("Signature not yet current")
    });
    let now = SystemTime::now();
    let differs = |date: SystemTime| {
        let apart = date.duration_since(now).unwrap_or_else(|error| error.duration());
        apart > SKEW
    };
    is_timed && (says_so || answer.date().is_some_and(differs))
}

fn hint(reason: Reason, aim: Aim) -> &'static str {
    match (reason, aim) {
        (Reason::Forbidden, Aim::Ecr) => {
            "allow it `ecr:GetAuthorizationToken` on the resource `*` in IAM"
        }
        (Reason::Forbidden, Aim::EcrPublic) => {
            "allow it `ecr-public:GetAuthorizationToken` and `sts:GetServiceBearerToken` on the resource `*` in IAM"
        }
        (Reason::Forbidden, Aim::WebIdentity) => {
            "the trust policy of the role must allow `sts:AssumeRoleWithWebIdentity` to the ServiceAccount of the controller"
        }
        (Reason::Forbidden, Aim::Role) => {
            "allow it `sts:AssumeRole` on the role in IAM, and let the role's trust policy name it, with `externalId` if that asks for one"
        }
        (Reason::Unauthorized, Aim::WebIdentity) => {
            "the token of the ServiceAccount is not accepted: IAM needs an OIDC provider for this cluster, with the audience `sts.amazonaws.com`"
        }
        (Reason::Unauthorized, _) => {
            "the credentials are not known, not right or no longer valid; for an access key look at its ID and its secret"
        }
        (Reason::ClockSkew, _) => "the clock of this node differs from that of AWS: set it by NTP",
        (Reason::Settings, Aim::WebIdentity) => "look at AWS_ROLE_ARN",
        (Reason::Settings, Aim::Role) => "look at `roleArn` and `externalId`",
        (Reason::Settings, _) => "look at `region`",
        (Reason::Proxy, _) => "look at HTTPS_PROXY and NO_PROXY of the controller",
        _ => "",
    }
}
