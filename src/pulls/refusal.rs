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
    /// The image is not built for the node.
    WrongPlatform,
    /// The registry was asked too often.
    TooManyRequests,
    /// The registry cannot be reached, or fails.
    Unreachable,
    /// It is not to be pulled, and not on the node for this Pod.
    NotOnNode,
    /// Its signature is refused.
    Signature,
    /// The node cannot look at it, or has lost a part of it.
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
// Of containerd, CRI-O and dockerd.
const WRONG_PLATFORM: &[&str] = &[
    "no match for platform in manifest",
    "no image found in image index",
    "no image found in manifest list",
    "no matching manifest for",
];
/// Of the content store of containerd, not of a registry.
const LOST: &[&str] = &["content digest not found"];
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
    "certificate",
    "http response to https client",
    "server error",
    "bad gateway",
    "service unavailable",
];
/// The same, of which names have the letters.
const UNREACHABLE_WORDS: &[&str] = &["tls", "eof"];

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
        let says = |any: &[&str]| words.split(' ').any(|word| any.contains(&bare(word)));
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
        } else if has(WRONG_PLATFORM) {
            Self::WrongPlatform
        } else if has(LOST) {
            Self::Inspection
        } else if has(NOT_FOUND) {
            Self::NotFound
        } else if has(UNREACHABLE) || says(UNREACHABLE_WORDS) {
            Self::Unreachable
        } else {
            Self::Unknown
        }
    }
}

/// The message in lower case without what it is about: an image, its host or its tag may be called
/// `forbidden`. Such names are quoted, have a slash, dot or colon in them, or are looked up.
fn own_words(message: &str) -> String {
    let unquoted = message.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let mut before = "";
    let mut own = Vec::new();
    for word in unquoted.split_whitespace() {
        if before != "lookup" && !word.contains('/') && !bare(word).contains(['.', ':']) {
            own.push(word);
        }
        before = word;
    }
    own.join(" ").to_lowercase()
}

/// A word without what closes the sentence, or brackets it.
fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !letter.is_alphanumeric())
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
    #[case::no_such_blob(
        "failed to copy: httpReadSeeker: failed open: content at https://registry.example.com/v2/team/app/manifests/sha256:0f not found: not found",
        Refusal::NotFound
    )]
    #[case::another_platform(
        "no match for platform in manifest: not found",
        Refusal::WrongPlatform
    )]
    #[case::lost_on_the_node("content digest sha256:0f: not found", Refusal::Inspection)]
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
    #[case::cri_o_other_platform(
        "choosing image instance: no image found in image index for architecture \"arm64\", variant \"v8\", OS \"linux\"",
        Refusal::WrongPlatform
    )]
    #[case::dockerd_other_platform(
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
        Refusal::WrongPlatform
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
    #[case::what_its_host_is_called(
        "pulling from host unauthorized:5000 failed with status code [manifests 1]: 503 Service Unavailable",
        Refusal::Unreachable
    )]
    #[case::closed("[a/b: EOF]", Refusal::Unreachable)]
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
}
