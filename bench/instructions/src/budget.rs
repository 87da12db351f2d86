//! The budgets: one count a case, and what is said of a count that differs.

use std::{collections::BTreeMap, fmt};

/// How many percent a count may lie over its budget.
pub const TOLERANCE: u64 = 3;

/// Instructions by case.
pub type Counts = BTreeMap<String, u64>;

const HEAD: &str = "\
# Instructions of the work on a review, counted by callgrind in the code of the image (x86-64 with AVX2).
# `make instructions` fails when one grows by over 3 %; `make instructions-accept` writes this file.
";

/// What is to be said of a case.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It costs what it may.
    Within { case: String, budget: u64, count: u64 },
    /// It costs so much less that its budget should be lowered.
    Shrunk { case: String, budget: u64, count: u64 },
    /// It costs more than it may.
    Grown { case: String, budget: u64, count: u64 },
    /// It has no budget.
    NoBudget { case: String, count: u64 },
    /// There is a budget, and nothing that it is for.
    NoCase { case: String },
}

/// Reads `name = count`, line by line.
pub fn parse(text: &str) -> Result<Counts, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut counts = Counts::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let refused = || format!("`{line}` is not of the form `name = count`");
        let (name, count) = line.split_once('=').ok_or_else(refused)?;
        let count = count.trim().replace('_', "").parse().map_err(|_| refused())?;
        if counts.insert(name.trim().to_owned(), count).is_some() {
            return Err(format!("`{}` stands there twice", name.trim()));
        }
    }
    Ok(counts)
}

/// The file with these counts.
pub fn write(counts: &Counts) -> String {
    let line = |(name, count): (&String, &u64)| format!("{name} = {}\n", grouped(*count));
    HEAD.to_owned() + &counts.iter().map(line).collect::<String>()
}

/// A verdict for each case and each budget.
pub fn compare(budgets: &Counts, counts: &Counts) -> Vec<Verdict> {
    let of_case = |(case, &count): (&String, &u64)| {
        let case = case.clone();
        match budgets.get(&case).copied() {
            None => Verdict::NoBudget { case, count },
            Some(budget) if count * 100 > budget * (100 + TOLERANCE) => {
                Verdict::Grown { case, budget, count }
            }
            Some(budget) if count * 100 < budget * (100 - TOLERANCE) => {
                Verdict::Shrunk { case, budget, count }
            }
            Some(budget) => Verdict::Within { case, budget, count },
        }
    };
    let without_case = budgets.keys().filter(|case| !counts.contains_key(*case));
    let without_case = without_case.map(|case| Verdict::NoCase { case: case.clone() });
    counts.iter().map(of_case).chain(without_case).collect()
}

fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within { case, budget, count } => {
                write!(f, "{case:<24} {:>12}  {}", grouped(*count), change(*budget, *count))
            }
            Self::Shrunk { case, budget, count } => write!(
                f,
                "{case:<24} {:>12}  {}: lower its budget by `make instructions-accept`",
                grouped(*count),
                change(*budget, *count)
            ),
            Self::Grown { case, budget, count } => write!(
                f,
                "{case:<24} {:>12}  {}: OVER its budget of {}",
                grouped(*count),
                change(*budget, *count),
                grouped(*budget)
            ),
            Self::NoBudget { case, count } => {
                write!(f, "{case:<24} {:>12}  has NO BUDGET", grouped(*count))
            }
            Self::NoCase { case } => write!(f, "{case:<24} has a budget, and is NOT MEASURED"),
        }
    }
}

/// In percent, with its sign and one decimal.
fn change(budget: u64, count: u64) -> String {
    let sign = if count < budget { '-' } else { '+' };
    let tenths = (count.abs_diff(budget) * 1_000 + budget / 2) / budget.max(1);
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}
