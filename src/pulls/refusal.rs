//! What the kubelet says of an image that it cannot pull: its reason, and the words of the container
//! runtime, which are those of a registry in part.

/// Why an image cannot be pulled, as far as the kubelet says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The registry demands a credential, and none was shown.
    NoCredential,
    /// The registry does not know the credential, or was shown none.
    Unauthorized,
    /// The registry knows it, and does not let it pull the image; or it was shown none.
    NotPermitted,
    /// The registry has no such image.
    NotFound,
    /// The registry was asked too often.
    TooManyRequests,
    /// The registry cannot be reached, or fails.
    Unreachable,
    /// It is not to be pulled, and not on the node for this Pod.
    NotOnNode,
    /// Its signature is refused.
    Signature,
    /// The node cannot look at it.
    Inspection,
    /// Something else, or nothing.
    Unknown,
}

const TOO_MANY: &[&str] = &["too many requests", "toomanyrequests"];
const UNAUTHORIZED: &[&str] = &[
    "unauthorized",
    "authentication required",
    "incorrect username",
    "invalid username",
    "invalid_token",
];
const NOT_PERMITTED: &[&str] = &[
    "forbidden",
    "insufficient_scope",
    "access denied",
    "is denied",
    "denied:",
    "authorization failed",
];
const NOT_FOUND: &[&str] = &["not found", "manifest unknown", "name unknown"];
const UNREACHABLE: &[&str] = &[
    "no such host",
    "server misbehaving",
    "timeout",
    "timed out",
    "deadline exceeded",
    "connection refused",
    "connection reset",
    "no route to host",
    "unreachable",
    "dial tcp",
    "proxyconnect",
    "x509",
    "tls",
    "certificate",
    "eof",
    "http response to https client",
    "server error",
    "bad gateway",
    "service unavailable",
];

impl Refusal {
    /// Reads why a container waits; none if it does not wait for an image.
    ///
    /// The reasons are those of the kubelet's `pkg/kubelet/images/types.go` and of `pkg/errors` of
    /// cri-api. `InvalidImageName` is not among them: what is no reference matches no entry.
    pub fn of(reason: &str, message: &str) -> Option<Self> {
        match reason {
            "ErrImagePull" | "ImagePullBackOff" => Some(Self::of_message(message)),
            "RegistryUnavailable" => Some(match Self::of_message(message) {
                Self::Unknown => Self::Unreachable,
                refusal => refusal,
            }),
            "ErrImageNeverPull" => Some(Self::NotOnNode),
            "SignatureValidationFailed" => Some(Self::Signature),
            "ImageInspectError" => Some(Self::Inspection),
            _ => None,
        }
    }

    fn of_message(message: &str) -> Self {
        let words = own_words(message);
        let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
        let is_refused = has(UNAUTHORIZED) || has(NOT_PERMITTED);
        if has(TOO_MANY) {
            Self::TooManyRequests
        } else if has(&["no basic auth credentials"])
            || (is_refused && has(&["fetch anonymous token"]))
        {
            Self::NoCredential
        } else if has(UNAUTHORIZED) {
            Self::Unauthorized
        } else if has(NOT_PERMITTED) {
            Self::NotPermitted
        } else if has(NOT_FOUND) {
            Self::NotFound
        } else if has(UNREACHABLE) {
            Self::Unreachable
        } else {
            Self::Unknown
        }
    }
}

/// The message in lower case without what it is about: an image may be called `forbidden`. Such names are
/// quoted, or have a slash.
fn own_words(message: &str) -> String {
    let unquoted = message.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let words = unquoted.split_whitespace().filter(|word| !word.contains('/'));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Longest message that is kept whole, in characters.
const LONGEST: usize = 240;

/// What the kubelet says, without the names that it begins with, on one line, and cut in the middle where
/// it is long: what matters stands at the end.
///
/// A URL loses its user and its query, in which registries hand out what lets others in.
pub fn shortened(message: &str) -> String {
    let words = without_names(message).split_whitespace().map(without_secrets);
    let text = words.collect::<Vec<_>>().join(" ");
    let length = text.chars().count();
    if length <= LONGEST {
        return text;
    }
    let half = LONGEST / 2;
    let begin: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(length - half).collect();
    format!("{begin} ... {end}")
}

/// The beginnings that say again which image it is; what is quoted follows, and then `": `.
const NAMES: &[&str] = &[
    "Back-off pulling image \"",
    "Failed to pull image \"",
    "failed to pull and unpack image \"",
    "failed to resolve reference \"",
];

fn without_names(message: &str) -> &str {
    let mut rest = message.trim();
    loop {
        let named = NAMES.iter().find_map(|name| rest.strip_prefix(name)?.split_once("\": "));
        let of_rpc = || rest.strip_prefix("rpc error: code = ")?.split_once(" desc = ");
        let reason = || rest.strip_prefix("ErrImagePull: ");
        match named.or_else(of_rpc).map(|(_, rest)| rest).or_else(reason) {
            Some(shorter) => rest = shorter,
            None => return rest,
        }
    }
}

fn without_secrets(word: &str) -> String {
    let Some(scheme) = word.find("://") else { return word.to_owned() };
    let query = word.get(scheme..).and_then(|url| url.find('?')).map(|at| scheme + at);
    let (mut rest, query) = word.split_at(query.unwrap_or(word.len()));
    let mut shown = String::new();
    while let Some((scheme, url)) = rest.split_once("://") {
        let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        shown.extend([scheme, "://", host]);
        rest = path;
    }
    shown.push_str(rest);
    // What closes the sentence, or a quotation, is no part of it.
    let value = query.trim_end_matches([':', ',', ';', '.', '"', ')', ']']);
    shown.push_str(&query[value.len()..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// As the kubelet and containerd 2 write it, of an image of this name.
    fn of_containerd(tail: &str) -> String {
        let image = "registry.example.com/team/app:1";
        format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {tail}"
        )
    }

    #[rstest]
    #[case::without_any(
        "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
        Refusal::NoCredential
    )]
    #[case::wrong(
        "unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized",
        Refusal::Unauthorized
    )]
    #[case::wrong_before_containerd_2(
        "pulling from host registry.example.com failed with status code [manifests 1]: 401 Unauthorized",
        Refusal::Unauthorized
    )]
    #[case::wrong_for_a_token(
        "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://auth.example.com/token?account=user&scope=repository%3Ateam%2Fapp%3Apull: 401 Unauthorized",
        Refusal::Unauthorized
    )]
    #[case::no_token_without_any(
        "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.example.com/token: 403 Forbidden",
        Refusal::NoCredential
    )]
    #[case::docker_hub(
        "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
        Refusal::NotPermitted
    )]
    #[case::no_right(
        "unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 403 Forbidden",
        Refusal::NotPermitted
    )]
    #[case::no_such_image("registry.example.com/team/app:1: not found", Refusal::NotFound)]
    #[case::too_often(
        "unexpected status from HEAD request to https://registry-1.docker.io/v2/library/app/manifests/1: 429 Too Many Requests",
        Refusal::TooManyRequests
    )]
    #[case::no_host(
        "failed to do request: Head \"https://registry.example.com/v2/team/app/manifests/1\": dial tcp: lookup registry.example.com: no such host",
        Refusal::Unreachable
    )]
    #[case::no_token_server(
        "failed to authorize: failed to fetch anonymous token: Get \"https://auth.example.com/token\": dial tcp 10.0.0.1:443: i/o timeout",
        Refusal::Unreachable
    )]
    #[case::no_trust(
        "failed to do request: Head \"https://registry.example.com/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
        Refusal::Unreachable
    )]
    #[case::it_fails(
        "unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 503 Service Unavailable",
        Refusal::Unreachable
    )]
    fn the_words_of_containerd_are_understood(#[case] tail: &str, #[case] expected: Refusal) {
        let message = of_containerd(tail);
        let back_off = format!(
            "Back-off pulling image \"registry.example.com/team/app:1\": ErrImagePull: {message}"
        );
        assert_eq!(Refusal::of("ErrImagePull", &message), Some(expected), "{message}");
        assert_eq!(Refusal::of("ImagePullBackOff", &back_off), Some(expected), "{back_off}");
    }

    #[rstest]
    #[case::cri_o_wrong(
        "unable to retrieve auth token: invalid username/password: unauthorized: login",
        Refusal::Unauthorized
    )]
    #[case::cri_o_none(
        "initializing source docker://registry.example.com/team/app:1: reading manifest 1 in registry.example.com/team/app: unauthorized: authentication required",
        Refusal::Unauthorized
    )]
    #[case::cri_o_no_right(
        "Requesting bearer token: invalid status code from registry 403 (Forbidden)",
        Refusal::NotPermitted
    )]
    #[case::cri_o_no_such_image(
        "reading manifest 1 in registry.example.com/team/app: manifest unknown",
        Refusal::NotFound
    )]
    #[case::dockerd(
        "rpc error: code = Unknown desc = Error response from daemon: pull access denied for team/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
        Refusal::NotPermitted
    )]
    #[case::several_credentials(
        "[rpc error: code = Unknown desc = a/b: 401 Unauthorized, rpc error: code = Unknown desc = a/b: 401 Unauthorized]",
        Refusal::Unauthorized
    )]
    #[case::no_words(
        "Back-off pulling image \"registry.example.com/unauthorized\"",
        Refusal::Unknown
    )]
    #[case::what_it_is_called(
        "docker.io/library/forbidden:unauthorized: not found",
        Refusal::NotFound
    )]
    #[case::the_disk("write /var/lib/x: no space left on device", Refusal::Unknown)]
    fn so_are_the_words_of_others(#[case] message: &str, #[case] expected: Refusal) {
        assert_eq!(Refusal::of("ErrImagePull", message), Some(expected), "{message}");
    }

    #[test]
    fn some_reasons_say_it_all_and_most_are_of_no_concern() {
        let never = "Container image \"a/b\" is not present with pull policy of Never";
        for (reason, message, expected) in [
            ("ErrImageNeverPull", never, Some(Refusal::NotOnNode)),
            ("SignatureValidationFailed", "image pull failed", Some(Refusal::Signature)),
            ("ImageInspectError", "Failed to inspect image", Some(Refusal::Inspection)),
            ("RegistryUnavailable", "the registry is", Some(Refusal::Unreachable)),
            ("RegistryUnavailable", "401 Unauthorized", Some(Refusal::Unauthorized)),
            ("ContainerCreating", "", None),
            ("CrashLoopBackOff", "401 Unauthorized", None),
        ] {
            assert_eq!(Refusal::of(reason, message), expected, "{reason}: {message}");
        }
    }

    #[test]
    fn what_is_said_is_shortened_to_what_matters() {
        let tail = "unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized";
        let message = of_containerd(tail);
        for message in [
            message.clone(),
            format!("rpc error: code = Unknown desc = {message}"),
            format!("Back-off pulling image \"a/b\": ErrImagePull: {message}"),
            message.replace("unexpected status", "unexpected\n  status"),
        ] {
            assert_eq!(shortened(&message), tail, "{message}");
        }
        let long = format!("{}\u{e9} 401 Unauthorized", "\u{e9}".repeat(100_000));
        let short = shortened(&long);
        assert!(short.chars().count() <= LONGEST + 5 && short.ends_with("401 Unauthorized"));
        assert_eq!(shortened("Back-off pulling image \"a/b\""), "Back-off pulling image \"a/b\"");
    }

    #[test]
    fn nothing_that_lets_others_in_is_left_in_a_url() {
        for (said, shown) in [
            ("https://user:pass@a.example/v2/: denied", "https://a.example/v2/: denied"),
            ("Get \"https://a.example/x?sig=abc&y=z\": EOF", "Get \"https://a.example/x\": EOF"),
            ("[https://a.example/?t=1, b]", "[https://a.example/, b]"),
            ("https://a.example/token?account=u: 401", "https://a.example/token: 401"),
            ("https://a.example?sig=abc: 401", "https://a.example: 401"),
            ("https://a.example/,https://u:p@b.example/", "https://a.example/,https://b.example/"),
        ] {
            assert_eq!(shortened(said), shown);
        }
    }
}
