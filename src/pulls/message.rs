//! What the kubelet says of an image that it cannot pull, as it is shown.

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

    #[test]
    fn what_is_said_is_shortened_to_what_matters() {
        let tail = "unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized";
        let image = "registry.example.com/team/app:1";
        let message = format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {tail}"
        );
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
