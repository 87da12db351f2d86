//! Manifests are read as kubectl reads them, and written so that no value changes.

use proptest::prelude::*;
use pullpass::cli::manifests::Manifests;
use rstest::rstest;
use serde_json::{Value, json};

fn read(text: &str) -> Value {
    Manifests::read(text).unwrap().documents()[0].value.clone()
}

/// The text with `added: true` in its first document.
fn changed(text: &str) -> Result<String, String> {
    let manifests = Manifests::read(text).map_err(|error| error.to_string())?;
    let mut value = manifests.documents()[0].value.clone();
    value["added"] = json!(true);
    manifests.with(&[(0, value)]).map_err(|error| error.to_string())
}

/// Each answer is what `kubectl annotate --local -o json` makes of the value.
#[rstest]
#[case("yes", json!(true))]
#[case("y", json!(true))]
#[case("On", json!(true))]
#[case("oN", json!("oN"))]
#[case("tRue", json!("tRue"))]
#[case("off", json!(false))]
#[case("N", json!(false))]
#[case("\"yes\"", json!("yes"))]
#[case("'no'", json!("no"))]
#[case("1:20", json!("1:20"))]
#[case("0644", json!(0o644))]
#[case("+0644", json!(0o644))]
#[case("-0644", json!(-0o644))]
#[case("0o17", json!(15))]
#[case("\"0o17\"", json!("0o17"))]
#[case("0O17", json!(15))]
#[case("08", json!(8.0))]
#[case("1_000", json!(1000))]
#[case("1_", json!(1))]
#[case("_1", json!("_1"))]
#[case("0b11", json!(3))]
#[case("-0b11", json!(-3))]
#[case("0b", json!("0b"))]
#[case("0x1F", json!(31))]
#[case("0x", json!("0x"))]
#[case("1e3", json!(1000.0))]
#[case("1e", json!("1e"))]
#[case("1e400", json!("1e400"))]
#[case(".5", json!(0.5))]
#[case("1.", json!(1.0))]
#[case("1.10", json!(1.1))]
#[case(".", json!("."))]
#[case("+", json!("+"))]
#[case("-0", json!(0))]
#[case("~", json!(null))]
#[case("NULL", json!(null))]
#[case("", json!(null))]
#[case("\"\"", json!(""))]
#[case("2024-01-01", json!("2024-01-01"))]
#[case("2024-01-01T00:00:00Z", json!("2024-01-01T00:00:00Z"))]
#[case("<<", json!("<<"))]
#[case("= ", json!("="))]
#[case("18446744073709551615", json!(u64::MAX))]
#[case("-9223372036854775808", json!(i64::MIN))]
#[case("0.1234567890123456789", json!(0.123_456_789_012_345_68))]
#[case("!!str 12", json!("12"))]
#[case("! 12", json!("12"))]
#[case("!!int \"12\"", json!(12))]
#[case("!!bool \"yes\"", json!(true))]
#[case("!!null \"\"", json!(null))]
#[case("\"a\\u0001\\tb\"", json!("a\u{1}\tb"))]
#[case("{1: a, true: b, yes: c}", json!({"1": "a", "true": "c"}))]
#[case("{<<: {a: 1, b: 1}, b: 2}", json!({"a": 1, "b": 2}))]
#[case("{<<: [{a: 1}, {a: 2, b: 2}]}", json!({"a": 1, "b": 2}))]
#[case("[&x {a: 1}, *x]", json!([{"a": 1}, {"a": 1}]))]
fn a_value_is_read_as_kubectl_reads_it(#[case] yaml: &str, #[case] expected: Value) {
    assert_eq!(read(&format!("v: {yaml}\n"))["v"], expected);
}

#[rstest]
#[case::booleans("v: [yes, \"yes\", 'no', \"true\", on, n, \"y\"]")]
#[case::numbers(
    "v: [0644, \"0644\", 0o17, \"0o17\", 1_000, \"1_000\", 0x1F, 1e3, \"1e3\", 1.0, -0.5, 1e21, 5e-324]"
)]
#[case::large("v: [18446744073709551615, -9223372036854775808, 9007199254740993]")]
#[case::sexagesimal("v: [1:20, \"1:20\", 1:20:30, 190:20:30.15]")]
#[case::nulls("v: [null, \"null\", ~, \"~\", \"\", ]")]
#[case::empty("a: {}\nb: []\nc:\nd: [{}, []]")]
#[case::unicode(
    "v: [\"\\u00e4\\U0001F600\", \"\\u2028\", \"\\u0085\", \"\\ufeffx\", \"\\0\", \"\\u001b[31m\", e\u{301}]"
)]
#[case::literal("v: |\n  one\n\n    two\n  three\n")]
#[case::keep("v: |+\n  one\n\n\nw: |-\n  two")]
#[case::folded("v: >\n  one\n  two\n\n  three\n")]
#[case::indented(
    "v: \"  one\\n two\\n\"\nw: \"\\n one\"\nx: \"\\n\\n\"\ny: \" \"\nz: \"a \\n b\\n\""
)]
#[case::carriage_return("v: \"a\\r\\nb\\rc\"")]
#[case::long(&format!("v: \"{}\"", "word ".repeat(60)))]
#[case::signs(
    "v: ['- a', '# b', 'a: b', 'a #b', '*x', '&x', '!x', '%x', '@x', '`x', '{a', '[a', '|', '>', '?', ': a', 'a:', '-', '---', '...', '<<', '=', \"it's\", '\"q\"']"
)]
#[case::keys(
    "{\"yes\": 1, \"1\": 2, \"\": 3, \"a: b\": 4, \"null\": 5, \"- a\": 6, \"0x1\": 7, \"<<\": {a: 1}, \"x\\ny\": 8}"
)]
#[case::dates("v: [2024-01-01, \"2024-01-01T00:00:00Z\"]")]
#[case::anchors("a: &x {k: v}\nb: *x\nc: {<<: *x, l: w}")]
#[case::json(
    "{\"a\": [1, 2.50, \"x\\/y\", \"\\ud83d\\ude00\", null, true, {}], \"z\": {\"b\": 1, \"a\": 2}}"
)]
fn a_changed_document_keeps_every_value_and_the_order_of_fields(#[case] text: &str) {
    let mut expected = read(text);
    let again = changed(text).unwrap();
    expected["added"] = json!(true);
    let found = read(&again);
    assert_eq!(found, expected, "{again}");
    assert_eq!(serde_json::to_string(&found).unwrap(), serde_json::to_string(&expected).unwrap());
}

#[test]
fn texts_that_other_readers_take_for_something_else_are_quoted() {
    let words = [
        "yes",
        "No",
        "on",
        "y",
        "1:20",
        "0o17",
        "0644",
        "null",
        "~",
        "1e3",
        ".5",
        "0x1F",
        "1_000",
        "2024-01-01",
        "true",
    ];
    let out = changed(&json!({ "v": words }).to_string()).unwrap();
    for word in words {
        assert!(
            out.contains(&format!("\"{word}\"")) || out.contains(&format!("'{word}'")),
            "{word} in {out}"
        );
    }
}

#[rstest]
#[case(
    "v: 18446744073709551616",
    "line 1, column 4: the number `18446744073709551616` cannot be kept exactly"
)]
#[case("a: 1\nv: -9223372036854775809", "line 2, column 4: the number")]
#[case("{\"v\": 18446744073709551616}", "cannot be kept exactly")]
#[case("v: .inf", "the number `.inf` cannot be kept exactly")]
#[case("v: !foo 12", "the tag `!foo` cannot be kept; remove it")]
#[case("v: !!binary aGk=", "the tag `!!binary` cannot be kept")]
#[case("v: !!set {a: }", "the tag `!!set` cannot be kept")]
#[case("a: 1\na: 2", "line 2, column 1: the key `a` stands twice")]
#[case("a: 1\n<<: {a: 2}", "write `<<` first")]
fn what_cannot_be_kept_is_refused_only_where_the_document_changes(
    #[case] text: &str,
    #[case] reason: &str,
) {
    let untouched = Manifests::read(text).unwrap().with(&[]).unwrap();
    assert_eq!(untouched, text);
    let error = changed(text).unwrap_err();
    assert!(error.starts_with("document 1, ") && error.contains(reason), "{error}");
}

#[rstest]
#[case("a: [1", "document 1, line ")]
#[case("a: 1\n---\nb: *x", "document 2, line 3, column 4: ")]
#[case("a: 1\n...\nb: 1", "a second document begins here")]
#[case(
    "a: 1\n--- {b: 1}\n",
    "line 2, column 1: `--- {b: 1}`: kubectl takes only a comment after `---`"
)]
#[case("? [a]\n: b", "a key must be a text")]
#[case("{~: b}", "a key must be a text")]
#[case("a: &x [*x]", "the alias stands for a value that it is part of")]
#[case("<<: 1", "`<<` merges maps only")]
fn what_cannot_be_read_is_refused_with_its_place(#[case] text: &str, #[case] reason: &str) {
    let error = Manifests::read(text).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn deep_nesting_and_alias_bombs_are_bounded() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = Manifests::read(&deep).unwrap_err().to_string();
    assert!(error.contains("recursion"), "{error}");
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let error = Manifests::read(&deep).unwrap_err().to_string();
    assert!(error.contains("nested deeper than 120 levels"), "{error}");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb += &format!("a{i}: &a{i} [{items}]\n");
    }
    assert!(
        Manifests::read(&bomb)
            .unwrap_err()
            .to_string()
            .contains("too large with its aliases expanded")
    );
}

#[test]
fn only_the_changed_document_differs() {
    let text = "# head\n---\n# first\na: 1 # gone\n--- # second\n\n# kept\nb:   2\n---\n";
    let manifests = Manifests::read(text).unwrap();
    assert_eq!(manifests.with(&[]).unwrap(), text);
    let out = manifests.with(&[(1, json!({"a": 2}))]).unwrap();
    assert_eq!(out, "# head\n---\n# first\na: 2\n--- # second\n\n# kept\nb:   2\n---\n");
}

#[test]
fn several_json_values_become_documents_when_one_changes() {
    let text = "{\"a\": 1}\n{\"b\":\n2}{\"c\": 3}\n";
    let manifests = Manifests::read(text).unwrap();
    assert_eq!(manifests.documents().len(), 3);
    assert_eq!(manifests.with(&[]).unwrap(), text);
    let out = manifests.with(&[(1, json!({"b": 4}))]).unwrap();
    let again = Manifests::read(&out).unwrap();
    let values: Vec<_> = again.documents().iter().map(|document| document.value.clone()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": 4}), json!({"c": 3})], "{out}");
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,12}",
        "[ \\t\\n\\r#:'\"a-c|>!&*-]{0,12}",
        "(0[xob])?[0-9_]{1,5}([.:e][0-9]{1,2})?",
        "(?i:yes|no|on|off|y|n|true|false|null|~|\\.inf|\\.nan|<<|=)",
        prop::collection::vec(any::<char>(), 0..5).prop_map(|chars| chars.into_iter().collect()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15f64).prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Law: whatever JSON holds is written as YAML that reads the same.
    #[test]
    fn written_and_read_is_the_same(value in any_value()) {
        let manifests = Manifests::read("a: 1\n").unwrap();
        let out = manifests.with(&[(0, json!({ "v": value }))]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read(&out)["v"], &value);
    }

    /// Law: no text makes the reader panic, and what is not changed is printed as it was.
    #[test]
    fn any_text_is_read_or_refused(text in "[ \\n\\-:#{}\\[\\],&*!|>'\"a-c0-9~<.]{0,40}|\\PC{0,30}") {
        if let Ok(manifests) = Manifests::read(&text) {
            prop_assert_eq!(manifests.with(&[]).unwrap(), text.strip_prefix('\u{feff}').unwrap_or(&text));
        }
    }
}
