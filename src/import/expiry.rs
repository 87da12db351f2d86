//! Credentials that live for hours: which they are, and whether they have ended, where that can be told.

use crate::credentials::{Entry, expiry_of_jwt};
use jiff::Timestamp;

/// How long a token of ECR lives, in seconds.
const ECR_LIFE: i64 = 12 * 60 * 60;

/// What to do about a token that ends within hours.
pub const RENEW: &str = "a source of the kind `ecr`, `gcp` or `acr` fetches such tokens and renews them; a Secret of pullpass-system has to be kept fresh";

/// What is known of the life of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Nothing speaks against it.
    Open,
    /// It ends within hours, in words.
    Short(String),
    /// It has ended, in words.
    Ended(String),
}

/// The life of a credential which was written at `made_at`, in seconds since 1970, if that is known.
pub fn life_of(entry: &Entry, made_at: Option<i64>, now: i64) -> Life {
    let (user, password) = (entry.username().expose(), entry.password().expose());
    if let Some(exp) = expiry_of_jwt(password) {
        let at = Timestamp::from_second(exp).map(|at| at.to_string()).unwrap_or_default();
        return match exp <= now {
            true => Life::Ended(format!("its password is a token that ended at {at}")),
            false => Life::Short(format!("its password is a token that ends at {at}")),
        };
    }
    let host = entry.key().normalized().unwrap_or_default();
    let is_ecr = host.contains(".dkr.ecr") || host.contains(".dkr-ecr") || host == "public.ecr.aws";
    match user {
        b"AWS" if is_ecr => {
            let age = made_at.map(|made_at| now.saturating_sub(made_at));
            match age {
                Some(age) if age >= ECR_LIFE => Life::Ended(format!(
                    "its password is a token of ECR, which lives 12 hours, and was written {} hours ago",
                    age / 3_600
                )),
                _ => Life::Short("its password is a token of ECR, which lives 12 hours".into()),
            }
        }
        b"oauth2accesstoken" => Life::Short(
            "its password is an access token of Google, which lives about an hour".into(),
        ),
        _ => Life::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{DockerConfig, SecretKind};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use rstest::rstest;
    use serde_json::json;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn life(key: &str, user: &str, password: &str, made_at: Option<i64>) -> Life {
        let text = json!({"auths": {key: {"username": user, "password": password}}}).to_string();
        let config = DockerConfig::parse(SecretKind::DockerConfigJson, text.as_bytes()).unwrap();
        life_of(&config.entries()[0], made_at, 1_000_000)
    }

    const ECR: &str = "1.dkr.ecr.eu-west-1.amazonaws.com";

    #[rstest]
    #[case("gcr.io", "u", "pw", None, "")]
    #[case("gcr.io", "u", "a.b.c", None, "")]
    #[case("gcr.io", "u", &jwt(r#"{"exp":999999}"#), None, "ended at 1970-01-12T13:46:39Z")]
    #[case("gcr.io", "u", &jwt(r#"{"exp":1000000}"#), None, "ended at")]
    #[case("gcr.io", "u", &jwt(r#"{"exp":1000001.5}"#), None, "ends at 1970-01-12T13:46:41Z")]
    #[case("gcr.io", "u", &jwt(r#"{"exp":1e300}"#), None, "")]
    #[case("gcr.io", "u", &jwt(r#"{"exp":"x"}"#), None, "")]
    #[case("gcr.io", "u", &format!("{}.d", jwt(r#"{"exp":1}"#)), None, "")]
    #[case(ECR, "AWS", "pw", None, "lives 12 hours")]
    #[case(ECR, "AWS", "pw", Some(999_000), "lives 12 hours")]
    #[case(ECR, "AWS", "pw", Some(956_800), "written 12 hours ago")]
    #[case(ECR, "me", "pw", Some(0), "")]
    #[case("gcr.io", "AWS", "pw", Some(0), "")]
    #[case("public.ecr.aws", "AWS", "pw", Some(0), "written 277 hours ago")]
    #[case("gcr.io", "oauth2accesstoken", "pw", None, "about an hour")]
    fn what_is_known_of_a_life(
        #[case] key: &str,
        #[case] user: &str,
        #[case] password: &str,
        #[case] made_at: Option<i64>,
        #[case] expected: &str,
    ) {
        let words = match life(key, user, password, made_at) {
            Life::Open => String::new(),
            Life::Short(words) | Life::Ended(words) => words,
        };
        assert!(words.contains(expected) && words.is_empty() == expected.is_empty(), "{words}");
        assert!(!words.contains(password) || password == "pw" || password == "a.b.c", "{words}");
    }
}
