//! Every limit of the server, with its default.

use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use thiserror::Error;

/// Between two requests at the admin listener.
const ADMIN_IDLE: Duration = Duration::from_secs(10);

/// What one listener allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more are closed as they come.
    pub connections: usize,
    /// Requests answered at once; more get 503.
    pub in_flight: usize,
    /// Bytes in one request body; more get 413.
    pub body_bytes: usize,
    /// Bytes of request bodies held at once by the whole process; more get 503.
    pub buffered_bytes: usize,
    /// For the whole TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// For the whole request body.
    pub body_timeout: Duration,
    /// Between two requests. Above the 90 s of Go's client, so that the client closes first and no
    /// request meets a closing connection.
    pub idle_timeout: Duration,
    /// While the peer takes no bytes of the response.
    pub write_timeout: Duration,
    /// How long a closed connection waits for the peer to have read the answer and closed too.
    pub linger: Duration,
    /// The age at which a connection is told to close; each has its own, down to 3/4 of this.
    pub connection_max_age: Duration,
    /// The number of requests after which a connection is told to close.
    pub connection_max_requests: u32,
    /// Bytes in the head of a request; more get 431. At least 8192. Each connection's read buffer
    /// may grow to this.
    pub header_bytes: usize,
    /// Fields in the head of a request; more get 431.
    pub header_count: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            in_flight: 512,
            body_bytes: 7 * 1024 * 1024,
            buffered_bytes: 64 * 1024 * 1024,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(150),
            write_timeout: Duration::from_secs(10),
            linger: Duration::from_secs(1),
            connection_max_age: Duration::from_secs(5 * 60),
            connection_max_requests: 10_000,
            header_bytes: 16 * 1024,
            header_count: 64,
        }
    }
}

impl Limits {
    /// The same deadlines for the admin listener, which serves probes and scrapes alone.
    pub fn for_admin(&self) -> Self {
        Self {
            connections: 64,
            in_flight: 32,
            body_bytes: 0,
            // Probes open a connection each time; nobody else is to keep them out.
            idle_timeout: self.idle_timeout.min(ADMIN_IDLE),
            ..self.clone()
        }
    }
}

/// The two phases of an orderly end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownTimes {
    /// Not ready, still serving, each response closing its connection.
    pub delay: Duration,
    /// After that: until requests in flight are cut.
    pub grace: Duration,
}

impl Default for ShutdownTimes {
    fn default() -> Self {
        Self { delay: Duration::from_secs(5), grace: Duration::from_secs(20) }
    }
}

/// Why a text is no duration.
#[derive(Debug, Error)]
pub enum DurationError {
    /// Of a deadline or a delay.
    #[error("`{text}` is not a duration: {reason}; write e.g. 500ms, 5s or 2m")]
    Deadline {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Of something that is kept.
    #[error("`{text}` is not a lifetime: {reason}; write e.g. 36h, 30d or 365d")]
    Lifetime {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer than any deadline here needs, and short enough that a point in time can be told.
const LONGEST: Duration = DAY;
/// A hundred years.
const LONGEST_LIFETIME: Duration = Duration::from_secs(100 * 365 * DAY.as_secs());

/// Reads a duration such as `500ms`, `5s`, `2m` or `1h 30m`, from nothing to a day.
///
/// # Errors
/// If it is none.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refused = |reason: String| DurationError::Deadline { text: text.to_owned(), reason };
    let signed = SignedDuration::from_str(text).map_err(|error| refused(error.to_string()))?;
    match positive(signed).map_err(refused)? {
        duration if duration > LONGEST => Err(refused("it is longer than a day".to_owned())),
        duration => Ok(duration),
    }
}

/// Reads the lifetime of something that is kept, such as `36h`, `30d` or `52w`; a day has 24
/// hours. From more than nothing to 100 years.
///
/// # Errors
/// If it is none.
pub fn parse_lifetime(text: &str) -> Result<Duration, DurationError> {
    let refused = |reason: String| DurationError::Lifetime { text: text.to_owned(), reason };
    let read = Span::from_str(text);
    let signed = read.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let signed = signed.map_err(|error| refused(error.to_string()))?;
    match positive(signed).map_err(refused)? {
        lifetime if lifetime.is_zero() => Err(refused("it is nothing".to_owned())),
        lifetime if lifetime > LONGEST_LIFETIME => {
            Err(refused("it is longer than 100 years".to_owned()))
        }
        lifetime => Ok(lifetime),
    }
}

fn positive(signed: SignedDuration) -> Result<Duration, String> {
    Duration::try_from(signed).map_err(|_| "it is negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in
            [("500ms", 500), ("5s", 5_000), ("2m", 120_000), ("1h30m", 5_400_000), ("0s", 0)]
        {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "-5s", "five", "1 parsec", "25h"] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains("write e.g. 500ms"), "{error}");
        }
    }

    #[test]
    fn lifetimes_are_read_in_days_too() {
        for (text, hours) in
            [("30d", 720), ("365d", 8_760), ("1d 12h", 36), ("2w", 336), ("36h", 36)]
        {
            let expected = Duration::from_secs(hours * 3_600);
            assert_eq!(parse_lifetime(text).unwrap(), expected, "{text}");
        }
        assert!(parse_lifetime("36500d").is_ok());
        for text in ["", "0s", "0d", "-1d", "30", "36501d", "1mo", "99999999999d"] {
            let error = parse_lifetime(text).unwrap_err().to_string();
            assert!(error.contains("write e.g. 36h, 30d"), "{error}");
        }
    }
}
