//! Registries as Go's `net/url` and `net` read them, which is how the kubelet compares them.

use std::net::Ipv6Addr;

/// Host, with port, and path of an `https` URL; both decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub host: Vec<u8>,
    pub path: Vec<u8>,
}

/// Parses what follows `https://`, as `url.Parse` does; `None` where that fails.
pub fn parse(text: &[u8]) -> Option<Url> {
    let (text, fragment) = cut(text, b'#');
    unescape(fragment.unwrap_or_default(), Part::Other)?;
    if text.iter().any(u8::is_ascii_control) {
        return None;
    }
    let (text, _query) = cut(text, b'?');
    let slash = text.iter().position(|b| *b == b'/').unwrap_or(text.len());
    let (authority, path) = text.split_at(slash);
    let host = match authority.iter().rposition(|b| *b == b'@') {
        None => parse_host(authority)?,
        Some(at) => {
            let user = &authority[..at];
            if !user.iter().all(|b| is_user_byte(*b)) {
                return None;
            }
            let host = parse_host(&authority[at + 1..])?;
            unescape(user, Part::Other)?;
            host
        }
    };
    Some(Url { host, path: unescape(path, Part::Other)? })
}

/// Splits a decoded host as `net.SplitHostPort` does: brackets go, and what has no port, or more
/// colons than one without brackets, is all host.
pub fn split_port(host: &[u8]) -> (&[u8], &[u8]) {
    try_split_port(host).unwrap_or((host, b""))
}

fn try_split_port(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = text.iter().rposition(|b| *b == b':')?;
    let (host, port) = (&text[..colon], &text[colon + 1..]);
    let host = match text.strip_prefix(b"[") {
        Some(inner) => {
            let end = inner.iter().position(|b| *b == b']')?;
            // The first `]` stands just before the last colon.
            (end + 2 == colon).then_some(&inner[..end])?
        }
        None => (!host.contains(&b':') && !host.contains(&b']')).then_some(host)?,
    };
    (!host.contains(&b'[') && !port.contains(&b'[') && !port.contains(&b']'))
        .then_some((host, port))
}

/// Where an escape stands, which decides what may be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Zone,
    /// Path, user or fragment: anything.
    Other,
}

fn parse_host(host: &[u8]) -> Option<Vec<u8>> {
    match host.iter().rposition(|b| *b == b'[') {
        Some(0) => parse_ip_literal(host),
        Some(_) => None,
        None => {
            let colon = host.iter().position(|b| *b == b':').unwrap_or(host.len());
            is_optional_port(&host[colon..]).then_some(())?;
            unescape(host, Part::Host)
        }
    }
}

fn parse_ip_literal(host: &[u8]) -> Option<Vec<u8>> {
    let end = host.iter().rposition(|b| *b == b']')?;
    let (address, port) = (&host[1..end], &host[end + 1..]);
    is_optional_port(port).then_some(())?;
    let zone = address.windows(3).position(|w| w == b"%25").unwrap_or(address.len());
    let mut address_and_zone = unescape(&address[..zone], Part::Host)?;
    address_and_zone.extend(unescape(&address[zone..], Part::Zone)?);
    is_ipv6(&address_and_zone).then(|| [b"[", &address_and_zone[..], b"]", port].concat())
}

/// An address that `netip.ParseAddr` takes and that is no IPv4 address.
fn is_ipv6(text: &[u8]) -> bool {
    let (address, zone) = cut(text, b'%');
    let address = str::from_utf8(address).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    address.is_some() && zone.is_none_or(|zone| !zone.is_empty())
}

fn is_optional_port(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    }
}

fn unescape(text: &[u8], part: Part) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            if part != Part::Other && byte.is_ascii() && !is_host_byte(byte) {
                return None;
            }
            decoded.push(byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let value = hex(digits[0])? << 4 | hex(digits[1])?;
        let allowed = match part {
            Part::Host => value >= 0x80 || value == b'%',
            Part::Zone => matches!(value, b'%' | b' ') || is_host_byte(value),
            Part::Other => true,
        };
        if !allowed {
            return None;
        }
        decoded.push(value);
        rest = after;
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// ASCII that may stand in a host without an escape.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!\"$&'()*+,-.:;<=>[]_~".contains(&byte)
}

fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)
}

fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == separator) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("gcr.io", Some(("gcr.io", "")))]
    #[case("gcr.io/", Some(("gcr.io", "/")))]
    #[case("gcr.io:443/a/b", Some(("gcr.io:443", "/a/b")))]
    #[case("gcr.io:", Some(("gcr.io:", "")))]
    #[case("user:pw@gcr.io/a", Some(("gcr.io", "/a")))]
    #[case("us er@gcr.io", None)]
    #[case("gcr.io/a?x=1#y", Some(("gcr.io", "/a")))]
    #[case("gcr.io?x/y", Some(("gcr.io", "")))]
    #[case("gcr.io#%zz", None)]
    #[case("gcr.io/%70%2f", Some(("gcr.io", "/p/")))]
    #[case("gcr.io/%7", None)]
    #[case("gcr%2eio", None)]
    #[case("a%25b", Some(("a%b", "")))]
    #[case("gc r.io", None)]
    #[case("gcr.io/a b", Some(("gcr.io", "/a b")))]
    #[case("gcr.io/a\tb", None)]
    #[case("reg:abc", None)]
    #[case("a:1:2", None)]
    #[case("[::1]:5000/a", Some(("[::1]:5000", "/a")))]
    #[case("[::1%25eth0]", Some(("[::1%eth0]", "")))]
    #[case("[::1%eth0]", None)]
    #[case("[127.0.0.1]", None)]
    #[case("[::g]", None)]
    #[case("a[::1]", None)]
    #[case("*.example.com", Some(("*.example.com", "")))]
    #[case("", Some(("", "")))]
    fn urls(#[case] text: &str, #[case] expected: Option<(&str, &str)>) {
        let expected = expected.map(|(h, p)| Url { host: h.into(), path: p.into() });
        assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
    }

    #[rstest]
    #[case("gcr.io", ("gcr.io", ""))]
    #[case("gcr.io:443", ("gcr.io", "443"))]
    #[case("gcr.io:", ("gcr.io", ""))]
    #[case("[::1]", ("[::1]", ""))]
    #[case("[::1]:5000", ("::1", "5000"))]
    #[case("[::1%a]]:5000", ("[::1%a]]:5000", ""))]
    #[case("a]:5000", ("a]:5000", ""))]
    #[case("", ("", ""))]
    fn ports(#[case] host: &str, #[case] expected: (&str, &str)) {
        let expected = (expected.0.as_bytes(), expected.1.as_bytes());
        assert_eq!(split_port(host.as_bytes()), expected, "{host}");
    }
}
