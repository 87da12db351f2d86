//! A search for secrets in whatever form somebody may have written them.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::json;

/// So much of the beginning, and of the end, of a secret is one.
const PART: usize = 12;
/// What is shown of the text around a secret that was found.
const AROUND: usize = 160;

/// Secrets, each under the name of the place where it was planted.
#[derive(Debug, Default)]
pub struct Canaries(BTreeMap<String, Vec<u8>>);

/// What looks for them.
pub struct Search {
    forms: AhoCorasick,
    /// Of each form the name of the secret, and what the form is.
    meanings: Vec<(String, &'static str)>,
}

impl Canaries {
    /// Remembers a secret of at least 12 bytes.
    pub fn plant(&mut self, place: impl Into<String>, secret: impl AsRef<[u8]>) {
        let (place, secret) = (place.into(), secret.as_ref());
        assert!(secret.len() >= PART, "{place}: it is too short to be looked for");
        self.0.insert(place, secret.to_vec());
    }

    /// Remembers each line of a PEM private key. In a short one, which is of an elliptic curve, what follows the
    /// private number is the public key.
    pub fn plant_key(&mut self, place: &str, pem: &str) {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let private = if body.len() < 300 { &body[..88.min(body.len())] } else { &body[..] };
        for (number, line) in private.as_bytes().chunks(64).enumerate() {
            // What is left over says little.
            if line.len() >= PART {
                self.plant(format!("{place}, line {number}"), line);
            }
        }
    }

    /// The places.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What looks for the secrets, their beginnings and their ends.
    pub fn search(&self) -> Search {
        let (mut all, mut meanings) = (Vec::new(), Vec::new());
        for (place, secret) in &self.0 {
            let parts = [&secret[..], &secret[..PART], &secret[secret.len() - PART..]];
            for (meaning, form) in parts.iter().flat_map(|part| forms(part)) {
                meanings.push((place.clone(), meaning));
                all.push(form);
            }
        }
        let forms = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&all);
        Search { forms: forms.expect("the forms are not too many"), meanings }
    }
}

impl Search {
    /// The places whose secrets stand in a text, each with one form, and the text around it.
    pub fn found(&self, text: &[u8]) -> BTreeMap<&str, String> {
        let mut found = BTreeMap::new();
        for hit in self.forms.find_overlapping_iter(text) {
            let (place, form) = &self.meanings[hit.pattern().as_usize()];
            found.entry(&**place).or_insert_with(|| {
                let (from, to) = (hit.start().saturating_sub(AROUND), hit.end() + AROUND);
                let around = String::from_utf8_lossy(&text[from..to.min(text.len())]);
                format!("{form}: ...{around}...")
            });
        }
        found
    }
}

/// Every form that a secret may have in a text.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(secret);
    let unquoted = |quoted: String| quoted.as_bytes()[1..quoted.len() - 1].to_vec();
    let every = |write: fn(&u8) -> String, between: &str| {
        secret.iter().map(write).collect::<Vec<_>>().join(between).into_bytes()
    };
    let url = |space: &str| {
        let form = reqwest::Url::parse_with_params("http://x/", [("x", &*text)]);
        let form = form.expect("it is a URL");
        form.query().unwrap_or_default()[2..].replace('+', space).into_bytes()
    };
    let mut forms = vec![
        ("plain", secret.to_vec()),
        ("as JSON", unquoted(json!(text).to_string())),
        ("as Rust shows it", unquoted(format!("{text:?}"))),
        ("as Rust shows it, escaped", text.escape_default().to_string().into_bytes()),
        ("as a field of a form", url("+")),
        ("in a URL", url("%20")),
        ("each byte escaped", every(|byte| format!("%{byte:02X}"), "")),
        ("each byte escaped", every(|byte| format!("%{byte:02x}"), "")),
        ("hexadecimal", every(|byte| format!("{byte:02X}"), "")),
        ("hexadecimal", every(|byte| format!("{byte:02x}"), "")),
        ("numbers", every(u8::to_string, ", ")),
        ("numbers", every(u8::to_string, ",")),
    ];
    for once in in_base64(secret) {
        forms.extend(in_base64(&once).into_iter().map(|twice| ("base64 of base64", twice)));
        forms.push(("base64", once));
    }
    forms
}

/// What stands in base64 of any text with this in it, wherever in it: in both alphabets.
fn in_base64(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for before in 0..3 {
        let padded = [&vec![0; before][..], secret].concat();
        // Six bits a character: of the first and the last one others may have a part.
        let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            all.push(text.as_bytes()[from..to].to_vec());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const SECRET: &str = "canary-0/1+2\"3\\4 5ä6&7=8~canary-9";

    fn places(text: &str) -> Vec<String> {
        let mut canaries = Canaries::default();
        canaries.plant("a password", SECRET);
        canaries.plant("another", "tukan-0123456789");
        let search = canaries.search();
        search.found(text.as_bytes()).into_keys().map(str::to_owned).collect()
    }

    fn assert_found(text: &str) {
        assert_eq!(places(text), ["a password"], "{text}");
    }

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        assert_found(SECRET);
        assert_found(&json!({"x": SECRET}).to_string());
        assert_found(&json!({"x": json!({"y": SECRET}).to_string()}).to_string());
        assert_found(&format!("{SECRET:?}"));
        assert_found(&format!("{:?}", SECRET.as_bytes()));
        assert_found(&json!(SECRET.as_bytes()).to_string());
        assert_found(&hex(SECRET));
        assert_found(
            &SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat(),
        );
        let form = reqwest::Url::parse_with_params("http://x/", [("x", SECRET)]).unwrap();
        assert_found(form.as_str());
        for before in ["", "u", "us", "usr", "user"] {
            for after in ["", "x", "xy", "xyz"] {
                let text = format!("{before}{SECRET}{after}");
                let auth = STANDARD.encode(&text);
                assert_found(&auth);
                assert_found(&URL_SAFE.encode(&text));
                assert_found(&STANDARD.encode(json!({"auth": auth}).to_string()));
                assert_found(&STANDARD.encode(json!({"more": auth}).to_string()));
                assert_found(&STANDARD.encode(json!({"much": [auth]}).to_string()));
            }
        }
    }

    #[test]
    fn its_beginning_and_its_end_are_enough() {
        for part in [&SECRET[..12], &SECRET[..20], &SECRET[SECRET.len() - 12..]] {
            assert_found(&format!("x{part}x"));
            assert_found(&STANDARD.encode(format!("x{part}x")));
            assert_found(&hex(part));
        }
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        let digits = STANDARD.encode("0123456789".repeat(20));
        for text in ["", "canary-0", "canary-9", "a password", "another", &SECRET[..11], &digits] {
            assert_eq!(places(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn each_line_of_a_private_key_is_a_secret() {
        for (algorithm, lines) in
            [(&rcgen::PKCS_ECDSA_P256_SHA256, 2), (&rcgen::PKCS_RSA_SHA256, 25)]
        {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let mut canaries = Canaries::default();
            canaries.plant_key("key", &key.serialize_pem());
            assert!((lines..lines + 2).contains(&canaries.places().count()), "{canaries:?}");
            let search = canaries.search();
            let found = search.found(key.serialize_pem().as_bytes());
            assert_eq!(found.len(), canaries.places().count());
            assert!(search.found(b"-----BEGIN PRIVATE KEY-----").is_empty());
            if lines == 2 {
                let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key);
                assert!(search.found(certificate.unwrap().pem().as_bytes()).is_empty());
                assert!(search.found(key.public_key_pem().as_bytes()).is_empty());
            }
        }
    }
}
