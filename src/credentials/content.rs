//! Whether a copy is up to date.

use aws_lc_rs::digest::{Context, SHA256};

/// The mark of a copy: SHA-256, in hex, over the source's UID and the content.
///
/// Two sources with the same content have different marks, so that a copy made from a source that
/// was deleted and created anew is seen to be of the former one.
pub fn content_mark(source_uid: &str, content: &[u8]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(source_uid.as_bytes());
    // No UID holds it: `ab` with `c` is marked otherwise than `a` with `bc`.
    context.update(&[0]);
    context.update(content);
    let digit = |value| char::from_digit(u32::from(value), 16);
    let digest = context.finish();
    digest.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_sha_256_in_hex() {
        // printf 'uid\0content' | sha256sum
        assert_eq!(
            content_mark("uid", b"content"),
            "1c54305dc87bdd088985020bca0eeae62d0839fbf6bca92fc49c4e5a6dddf10c"
        );
    }

    #[test]
    fn it_tells_uid_and_content_apart() {
        let mark = content_mark("ab", b"c");
        assert_eq!(content_mark("ab", b"c"), mark);
        for (uid, content) in [("ab", "d"), ("ac", "c"), ("a", "bc"), ("abc", ""), ("", "abc")] {
            assert_ne!(content_mark(uid, content.as_bytes()), mark, "{uid} {content}");
        }
    }
}
