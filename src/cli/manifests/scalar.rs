//! Plain YAML scalars as kubectl reads them: YAML 1.1 booleans, octal `0644`, `1_000`, `0x1F`.
//!
//! Mirrors `resolve` of sigs.k8s.io/yaml's decoder, so that a manifest means the same before and
//! after it was written anew.

use serde_json::{Number, Value};

/// What a plain scalar means.
#[derive(Debug, PartialEq)]
pub enum Scalar {
    /// A value that JSON can hold.
    Value(Value),
    /// A number that JSON cannot hold exactly, with its nearest value.
    Inexact(Value),
}

/// Resolves a plain scalar without a tag.
pub fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Value(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Value(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Value(Value::Bool(false));
        }
        _ => {}
    }
    if is_not_finite(text) {
        return Scalar::Inexact(Value::String(text.to_owned()));
    }
    number(text).unwrap_or_else(|| Scalar::Value(Value::String(text.to_owned())))
}

fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn number(text: &str) -> Option<Scalar> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let plain = text.replace('_', "");
    if let Some(integer) = integer(&plain) {
        return Some(Scalar::Value(Value::Number(integer)));
    }
    let float = plain.parse::<f64>().ok().filter(|f| f.is_finite() && is_float(&plain))?;
    let value = Value::Number(Number::from_f64(float)?);
    let is_huge_integer = plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-'))
        && float.abs() >= 9.0e18;
    Some(if is_huge_integer { Scalar::Inexact(value) } else { Scalar::Value(value) })
}

/// An integer as Go's `strconv.ParseInt(text, 0, 64)` and `ParseUint` read it.
fn integer(text: &str) -> Option<Number> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match unsigned.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, &unsigned[2..]),
        Some("0o") => (8, &unsigned[2..]),
        Some("0b") => (2, &unsigned[2..]),
        Some(two) if two.starts_with('0') => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match negative {
        true => 0_i64.checked_sub_unsigned(magnitude).map(Number::from),
        false => Some(Number::from(magnitude)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    let exponent_holds = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    has_digits && all_digits(whole) && all_digits(fraction) && exponent_holds
}
