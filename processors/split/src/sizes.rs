//! `sizes`: exact shares or row counts, with at most one `rest`, as whole-number weights.

use std::collections::BTreeMap;

use millrace_sdk::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Output names and their sizes, in byte order of the names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Sizes(pub BTreeMap<String, Size>);

/// One output's size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Size {
    /// A number of rows.
    Rows(u64),
    /// `"80%"`, `"33.25%"`, `"1000"` or `"rest"`.
    Text(String),
}

/// Digits after the decimal point of a share; with them a weight times a row count fits in 128 bits.
const DIGITS: usize = 12;
/// 100 % as a weight.
const WHOLE: u128 = 100 * 10_u128.pow(DIGITS as u32);
/// Outputs that fit the contract's numbers.
const OUTPUTS: usize = 65_534;

/// Sizes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    outputs: Vec<(String, Amount)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    Share(u128),
    Rows(u64),
    Rest,
}

/// Whole-number weights, whose sum is `whole`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Weights {
    pub(crate) parts: Vec<u128>,
    pub(crate) whole: u128,
}

impl Sizes {
    pub(crate) fn parse(&self) -> Result<Parsed> {
        let outputs = self.0.iter().map(|(name, size)| Ok((name.clone(), size.amount(name)?)));
        let parsed = Parsed { outputs: outputs.collect::<Result<_>>()? };
        match parsed.fault() {
            None => Ok(parsed),
            Some(fault) => Err(Error::parameter("/sizes", fault)),
        }
    }
}

impl Size {
    fn amount(&self, name: &str) -> Result<Amount> {
        let text = match self {
            Self::Rows(rows) => return Ok(Amount::Rows(*rows)),
            Self::Text(text) => text.trim(),
        };
        let amount = match text.strip_suffix('%') {
            Some(share) => share_weight(share).map(Amount::Share),
            None if text == "rest" => Some(Amount::Rest),
            None => text.parse().ok().map(Amount::Rows),
        };
        let pointer = || format!("/sizes/{}", name.replace('~', "~0").replace('/', "~1"));
        let expected = || {
            format!(
                "`{text}` is no size: expected a share such as \"80%\" (at most {DIGITS} decimals), a number of rows, or \"rest\""
            )
        };
        amount.ok_or_else(|| Error::parameter(pointer(), expected()))
    }
}

/// `"33.25"` as a weight of [`WHOLE`]; none where it is no decimal or more than 100.
fn share_weight(text: &str) -> Option<u128> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() > 3
        || fraction.len() > DIGITS
        || whole.len() + fraction.len() == 0
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let weight = format!("{whole}{fraction:0<DIGITS$}").parse().ok()?;
    (weight <= WHOLE).then_some(weight)
}

impl Parsed {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|(name, _)| name.as_str())
    }

    /// Whether the weights depend on how many rows there are.
    pub(crate) fn needs_total(&self) -> bool {
        self.outputs.iter().any(|(_, amount)| matches!(amount, Amount::Rows(_)))
    }

    fn fault(&self) -> Option<String> {
        let shares: Vec<u128> = self.outputs.iter().filter_map(|(_, amount)| amount.share()).collect();
        let rests = self.outputs.iter().filter(|(_, amount)| *amount == Amount::Rest).count();
        let sum: u128 = shares.iter().sum();
        if self.outputs.is_empty() || self.outputs.len() > OUTPUTS {
            return Some(format!("give between 1 and {OUTPUTS} outputs"));
        }
        if rests > 1 {
            return Some("at most one output can have the rest".to_owned());
        }
        if self.needs_total() && !shares.is_empty() {
            return Some("give shares or numbers of rows, not both".to_owned());
        }
        let short = !self.needs_total() && rests == 0 && sum != WHOLE;
        (short || sum > WHOLE).then(|| format!("the shares sum to {}, not 100%", percent(sum)))
    }

    /// The weights for an input of `total` rows.
    ///
    /// # Errors
    /// `InvalidInput` where row counts do not come to `total`.
    pub(crate) fn weights(&self, total: u64) -> Result<Weights> {
        let whole = if self.needs_total() { u128::from(total) } else { WHOLE };
        let given: u128 = self.outputs.iter().map(|(_, amount)| amount.weight()).sum();
        let has_rest = self.outputs.iter().any(|(_, amount)| *amount == Amount::Rest);
        let rest = whole.checked_sub(given).filter(|rest| *rest == 0 || has_rest);
        let Some(rest) = rest else {
            return Err(Error::input(format!("the sizes ask for {given} rows and the input has {total}")));
        };
        let part =
            |(_, amount): &(String, Amount)| if *amount == Amount::Rest { rest } else { amount.weight() };
        Ok(Weights { parts: self.outputs.iter().map(part).collect(), whole })
    }
}

impl Amount {
    fn share(self) -> Option<u128> {
        if let Self::Share(weight) = self { Some(weight) } else { None }
    }

    fn weight(self) -> u128 {
        match self {
            Self::Share(weight) => weight,
            Self::Rows(rows) => u128::from(rows),
            Self::Rest => 0,
        }
    }
}

fn percent(weight: u128) -> String {
    let unit = WHOLE / 100;
    let text = format!("{}.{:0DIGITS$}", weight / unit, weight % unit);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

impl Weights {
    /// ⌊w n / W⌋ for each output.
    pub(crate) fn floors(&self, rows: u64) -> Vec<u64> {
        let floor = |weight: &u128| {
            weight.checked_mul(u128::from(rows)).and_then(|product| product.checked_div(self.whole))
        };
        self.parts.iter().map(|weight| floor(weight).unwrap_or(0) as u64).collect()
    }

    /// w n mod W for each output.
    pub(crate) fn remainders(&self, rows: u64) -> Vec<u128> {
        let remainder = |weight: &u128| {
            weight.checked_mul(u128::from(rows)).and_then(|product| product.checked_rem(self.whole))
        };
        self.parts.iter().map(|weight| remainder(weight).unwrap_or(0)).collect()
    }

    /// Whole rows by largest remainder, ties in output order.
    pub(crate) fn targets(&self, rows: u64) -> Vec<u64> {
        let mut targets = self.floors(rows);
        let remainders = self.remainders(rows);
        let left = rows - targets.iter().sum::<u64>();
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by_key(|output| std::cmp::Reverse(remainders.get(*output).copied()));
        for output in order.into_iter().take(left as usize) {
            if let Some(target) = targets.get_mut(output) {
                *target += 1;
            }
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Parsed> {
        serde_json::from_str::<Sizes>(json).unwrap().parse()
    }

    #[test]
    fn shares_are_exact_decimals() {
        let parsed = parse(r#"{"a": "33.25%", "b": "66.75 %", "c": "0%"}"#).unwrap();
        let unit = WHOLE / 10_000;
        assert_eq!(parsed.weights(7).unwrap().parts, [3325 * unit, 6675 * unit, 0]);
        assert_eq!(
            parse(r#"{"a": ".5%", "b": "rest"}"#).unwrap().weights(1).unwrap().parts,
            [50 * unit, 9950 * unit]
        );
    }

    #[test]
    fn counts_come_to_the_total() {
        let parsed = parse(r#"{"test": 100, "train": "rest", "val": "20"}"#).unwrap();
        assert_eq!(parsed.weights(1000).unwrap(), Weights { parts: vec![100, 880, 20], whole: 1000 });
        let message = parsed.weights(119).unwrap_err().to_string();
        assert_eq!(message, "the sizes ask for 120 rows and the input has 119");
        assert!(parse(r#"{"a": 1}"#).unwrap().weights(2).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, said) in [
            (r#"{"a": "80%", "b": "19.9%"}"#, "/sizes: the shares sum to 99.9%, not 100%"),
            (r#"{"a": "80%", "b": 5}"#, "/sizes: give shares or numbers of rows, not both"),
            (r#"{"a": "rest", "b": "rest"}"#, "/sizes: at most one output can have the rest"),
            (r#"{}"#, "/sizes: give between 1 and 65534 outputs"),
            (
                r#"{"a/b": "80 percent"}"#,
                "/sizes/a~1b: `80 percent` is no size: expected a share such as \"80%\" (at most 12 decimals), a number of rows, or \"rest\"",
            ),
            (
                r#"{"a": "101%"}"#,
                "/sizes/a: `101%` is no size: expected a share such as \"80%\" (at most 12 decimals), a number of rows, or \"rest\"",
            ),
        ] {
            assert_eq!(parse(json).unwrap_err().to_string(), said);
        }
        assert!(parse(r#"{"a": "%"}"#).is_err());
        assert!(parse(r#"{"a": "+80%", "b": "20%"}"#).is_err());
    }

    #[test]
    fn targets_by_largest_remainder() {
        let weights = parse(r#"{"a": "33.3%", "b": "33.3%", "c": "33.4%"}"#).unwrap().weights(10).unwrap();
        assert_eq!(weights.targets(10), [3, 3, 4]);
        assert_eq!(weights.targets(1), [0, 0, 1]);
        assert_eq!(weights.targets(2), [1, 0, 1]);
        assert_eq!(weights.targets(0), [0, 0, 0]);
    }
}
