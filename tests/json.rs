//! The reader that skips, held against serde_json.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::{collection::vec, prelude::*};
use pullpass::json::{Unread, from_str};
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Some of what can be read: a text, one that may be absent, a list, an object within.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct View<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    tag: Option<String>,
    is_set: bool,
    list: Option<Vec<View<'a>>>,
}

fn read(text: &str) -> Result<View<'_>, Unread> {
    from_str(text)
}

fn named(name: &str) -> View<'_> {
    View { name: name.into(), ..View::default() }
}

#[rstest]
#[case::alone(r#"{"name":"a"}"#)]
#[case::white_space(" {\n\t\"name\" :\r\n \"a\" } \n")]
#[case::brackets_in_a_skipped_text(r#"{"x":["]}\"]}{[", {"y":"}"}],"name":"a"}"#)]
#[case::backslashes_before_a_quote(r#"{"x":{"y":"\\"},"z":["\\\"]"],"name":"a"}"#)]
#[case::skipped_scalars(
    r#"{"a":1,"b":-2.5e+3,"c":true,"d":false,"e":null,"f":"\u00e9\"","name":"a"}"#
)]
#[case::skipped_nothing(r#"{"a":{},"b":[],"c":[[],{}],"name":"a"}"#)]
#[case::after_it(r#"{"name":"a","x":{"name":"b"},"y":0}"#)]
#[case::escapes_that_are_read(r#"{"name":"\u0061"}"#)]
fn a_name_is_found(#[case] text: &str) {
    assert_eq!(read(text), Ok(named("a")));
}

#[rstest]
#[case::nothing("")]
#[case::no_end(r#"{"name":"a""#)]
#[case::no_end_of_what_is_skipped(r#"{"x":[{"name":"a"}"#)]
#[case::no_end_of_a_text(r#"{"x":["],"name":"a"}"#)]
#[case::a_backslash_at_the_end(r#"{"name":"a\"#)]
#[case::too_much(r#"{"name":"a"}}"#)]
#[case::no_comma(r#"{"name":"a" "tag":"b"}"#)]
#[case::two_commas(r#"{"name":"a",,"tag":"b"}"#)]
#[case::a_comma_at_the_end(r#"{"name":"a",}"#)]
#[case::a_comma_at_the_beginning(r#"{,"name":"a"}"#)]
#[case::a_comma_at_the_end_of_a_list(r#"{"list":[{},]}"#)]
#[case::no_colon(r#"{"name" "a"}"#)]
#[case::a_key_that_is_no_text(r#"{name:"a"}"#)]
#[case::a_control_character("{\"name\":\"a\nb\"}")]
#[case::a_control_character_in_a_skipped_text("{\"x\":\"a\nb\"}")]
#[case::no_number(r#"{"x":01}"#)]
#[case::no_word(r#"{"x":nul}"#)]
#[case::a_word_that_goes_on(r#"{"tag":nullx}"#)]
#[case::another_type(r#"{"name":["a"]}"#)]
#[case::given_twice(r#"{"name":"a","name":"a"}"#)]
#[case::no_escape(r#"{"name":"\x"}"#)]
fn what_is_not_in_order_is_not_read(#[case] text: &str) {
    assert_eq!(read(text), Err(Unread));
    assert!(serde_json::from_str::<View<'_>>(text).is_err());
}

#[test]
fn a_number_that_is_read_is_left_to_serde_json() {
    assert_eq!(from_str::<u8>("1"), Err(Unread));
}

#[test]
fn however_deep_the_nesting_no_stack_overflows() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let skipped = format!(r#"{{"x":{},"name":"a"}}"#, nested(1_000_000));
    assert_eq!(read(&skipped), Ok(named("a")));
    assert_eq!(from_str::<Value>(&nested(1_000_000)), Err(Unread));
    assert_eq!(
        from_str::<Value>(&nested(10)).unwrap(),
        serde_json::from_str::<Value>(&nested(10)).unwrap()
    );
}

/// Texts that are likely to lead a scanner astray, values of them, and white space that moves them over the blocks.
fn text() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![
            Just("\""),
            Just("\\"),
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just("é"),
            Just("\n"),
            Just("abcdefgh")
        ],
        0..12,
    )
    .prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_read_is_what_serde_json_reads(
        before in value(), between in value(), name in text(), tag in proptest::option::of(text()), space in 0..130_usize
    ) {
        let text = " ".repeat(space)
            + &json!({"x": before, "name": name, "list": [{"y": between, "tag": tag}, {}], "is_set": true}).to_string();
        prop_assert_eq!(read(&text).ok(), serde_json::from_str(&text).ok());
        prop_assert!(read(&text).is_ok());
    }

    #[test]
    fn what_is_cut_off_is_not_read(value in value(), at in any::<prop::sample::Index>()) {
        let text = json!({"x": value, "name": "a"}).to_string();
        let cut = text.floor_char_boundary(at.index(text.len()));
        prop_assert_eq!(read(&text[..cut]), Err(Unread));
    }

    /// What is skipped is not looked at, so more may be read than serde_json reads; never something else.
    #[test]
    fn what_both_read_of_a_damaged_text_is_the_same(
        value in value(), at in any::<prop::sample::Index>(), by in "[\\[\\]{}\",:\\\\a0 ]{0,2}"
    ) {
        let mut text = json!({"x": value, "name": "a", "list": [{"tag": "b"}]}).to_string();
        let at = text.floor_char_boundary(at.index(text.len()));
        let end = text.ceil_char_boundary(at + 1);
        text.replace_range(at..end, &by);
        if let (Ok(ours), Ok(theirs)) = (read(&text), serde_json::from_str(&text)) {
            prop_assert_eq!(ours, theirs);
        }
    }
}
