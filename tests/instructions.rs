//! The budgets of instructions: when `make instructions` fails, and what it writes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../bench/instructions/src/budget.rs"]
mod budget;

use budget::{Counts, Verdict, compare, parse, write};
use rstest::rstest;

fn counts(count: u64) -> Counts {
    [("decode".to_owned(), count)].into()
}

#[rstest]
#[case::the_same(10_000, 10_000, "decode                         10_000  +0.0 %")]
#[case::a_little_more(10_000, 10_300, "decode                         10_300  +3.0 %")]
#[case::more(
    10_000,
    10_301,
    "decode                         10_301  +3.0 %: OVER its budget of 10_000"
)]
#[case::a_little_less(10_000, 9_700, "decode                          9_700  -3.0 %")]
#[case::less(
    10_000,
    9_699,
    "decode                          9_699  -3.0 %: lower its budget by `make instructions-accept`"
)]
#[case::none_before(0, 1, "decode                              1  +100.0 %: OVER its budget of 0")]
fn three_percent_are_tolerated(#[case] budget: u64, #[case] count: u64, #[case] said: &str) {
    let verdicts = compare(&counts(budget), &counts(count));
    assert_eq!(verdicts.iter().map(ToString::to_string).collect::<Vec<_>>(), [said]);
    let is_over = matches!(verdicts[..], [Verdict::Grown { .. }]);
    assert_eq!(is_over, said.contains("OVER"));
}

#[test]
fn a_case_without_a_budget_and_a_budget_without_a_case_are_told() {
    let verdicts = compare(&[("gone".to_owned(), 1)].into(), &counts(1));
    let expected = [
        Verdict::NoBudget { case: "decode".into(), count: 1 },
        Verdict::NoCase { case: "gone".into() },
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn what_is_written_is_read_again() {
    let written: Counts =
        [("a".to_owned(), 7), ("b".to_owned(), 1_234_567), ("c".to_owned(), 123)].into();
    let text = write(&written);
    assert!(text.ends_with("a = 7\nb = 1_234_567\nc = 123\n"), "{text}");
    assert_eq!(parse(&text).unwrap(), written);
    assert_eq!(parse("# nothing\n\n").unwrap(), Counts::new());
}

#[rstest]
#[case("decode")]
#[case("decode = many")]
#[case("decode = -1")]
#[case("a = 1\na = 2")]
fn what_is_no_budget_is_refused(#[case] text: &str) {
    assert!(parse(text).is_err());
}
