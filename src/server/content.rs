//! What a request says about its body, checked before any of it is read.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use thiserror::Error;

use super::respond::{Reason, failure};

/// Why a body is not read.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ContentError {
    /// The type is absent or another.
    #[error("the Content-Type must be application/json")]
    Type,
    /// The body is compressed, or encoded otherwise.
    #[error("a Content-Encoding is not supported; send the body as it is")]
    Encoding,
}

impl IntoResponse for ContentError {
    fn into_response(self) -> Response {
        failure(Reason::UnsupportedMediaType, &self.to_string())
    }
}

/// Requires `application/json`, with or without parameters, and no encoding but `identity`.
///
/// # Errors
/// Which of the two does not hold; its response is a 415.
pub fn check_json(headers: &HeaderMap) -> Result<(), ContentError> {
    let content_type = headers.get(CONTENT_TYPE).map(hyper::http::HeaderValue::as_bytes);
    let essence = content_type
        .and_then(|value| value.split(|byte| *byte == b';').next())
        .map(<[u8]>::trim_ascii);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json")) {
        return Err(ContentError::Type);
    }
    let is_identity = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"identity");
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if !encodings.all(|value| is_identity(value.as_bytes())) {
        return Err(ContentError::Encoding);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn headers(content_type: &str, encodings: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        for encoding in encodings {
            headers.append(CONTENT_ENCODING, encoding.parse().unwrap());
        }
        headers
    }

    #[rstest]
    #[case("application/json", &[], Ok(()))]
    #[case("Application/JSON ; charset=utf-8", &["identity"], Ok(()))]
    #[case("application/json-patch+json", &[], Err(ContentError::Type))]
    #[case("text/plain; application/json", &[], Err(ContentError::Type))]
    #[case("", &[], Err(ContentError::Type))]
    #[case("application/json", &["gzip"], Err(ContentError::Encoding))]
    #[case("application/json", &["identity", "br"], Err(ContentError::Encoding))]
    #[case("application/json", &["identity, gzip"], Err(ContentError::Encoding))]
    fn fault_13_14_only_plain_json_is_read(
        #[case] content_type: &str,
        #[case] encodings: &[&str],
        #[case] expected: Result<(), ContentError>,
    ) {
        assert_eq!(check_json(&headers(content_type, encodings)), expected);
    }

    #[test]
    fn fault_14_an_absent_content_type_is_refused() {
        assert_eq!(check_json(&HeaderMap::new()), Err(ContentError::Type));
    }
}
