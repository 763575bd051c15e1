//! What a module promises of its outputs, checked on what was written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use millrace_crds::Reason;
use millrace_crds::reason::Fault;
use millrace_data::manifest::Proof;
use millrace_engine::Guarantee;
use serde_json::{Value, json};

use crate::failure::{self, Failure};
use crate::runner::{keys, named_columns};

/// Rows of each output, those without any included.
pub(super) type Totals = BTreeMap<String, u64>;
/// Class → output → rows.
pub(super) type ClassTable = BTreeMap<String, BTreeMap<String, u64>>;

/// Checks every guarantee that the parameters ask for; the proofs, for the manifest.
pub(super) fn check(
    guarantees: &[Guarantee],
    params: &Value,
    keys: &[PathBuf],
    totals: &Totals,
    classes: Option<&ClassTable>,
) -> Result<Vec<Proof>, Failure> {
    let mut proofs = Vec::new();
    for guarantee in guarantees {
        let proof = match guarantee {
            Guarantee::DisjointBy(column) => disjoint(&named_columns(params, column), keys)?,
            Guarantee::MinRowsPerOutput(number) => least(number_of(params, number), totals)?,
            Guarantee::MinRowsPerClass(columns, number) => {
                least_per_class(&named_columns(params, columns), number_of(params, number), totals, classes)?
            }
            Guarantee::ExactSizes(sizes) => exact(params.get(sizes), totals)?,
        };
        proofs.extend(proof);
    }
    Ok(proofs)
}

fn broken(message: String) -> Failure {
    Failure::new(Reason::GuaranteeBroken, Fault::Module, message)
}

fn number_of(params: &Value, parameter: &str) -> u64 {
    params.get(parameter).and_then(Value::as_u64).unwrap_or(0)
}

/// Each table was checked while it was filled; here the tables are held against each other.
fn disjoint(columns: &[String], files: &[PathBuf]) -> Result<Option<Proof>, Failure> {
    let name = columns.join(", ");
    let (mut all, mut outputs, mut tables) = (keys::Table::default(), Vec::<String>::new(), 0);
    for path in files {
        let (head, entries) = keys::read(path).map_err(|error| failure::io("read", path, &error))?;
        if head.columns != name {
            continue;
        }
        tables += 1;
        all.thin_out(head.zero_bits);
        let places: Vec<usize> = head.outputs.iter().map(|output| place(&mut outputs, output)).collect();
        for (hash, output) in entries {
            let now = places.get(output as usize).and_then(|place| u32::try_from(*place).ok());
            let Some(now) = now else { continue };
            if let Some(before) = all.note(hash, now) {
                return Err(overlap(&name, outputs.get(before as usize), outputs.get(now as usize)));
            }
        }
    }
    if tables == 0 {
        return Ok(None);
    }
    let checked = if all.zero_bits == 0 {
        "every value".to_owned()
    } else {
        format!("one value of {}", 1_u64 << all.zero_bits.min(63))
    };
    let proof = json!({ "column": name, "overlap": 0, "values": all.len(), "checked": checked });
    Ok(Some(Proof { guarantee: format!("disjoint-by {name}"), proof }))
}

fn place(outputs: &mut Vec<String>, name: &str) -> usize {
    outputs.iter().position(|known| known == name).unwrap_or_else(|| {
        outputs.push(name.to_owned());
        outputs.len() - 1
    })
}

fn overlap(column: &str, first: Option<&String>, second: Option<&String>) -> Failure {
    let name = |output: Option<&String>| output.cloned().unwrap_or_default();
    broken(format!(
        "a value of {column} is in {} and in {}; the module promises that no value is in two outputs",
        name(first),
        name(second)
    ))
}

fn least(number: u64, totals: &Totals) -> Result<Option<Proof>, Failure> {
    if number == 0 {
        return Ok(None);
    }
    if let Some((output, rows)) = totals.iter().find(|(_, rows)| **rows < number) {
        return Err(broken(format!(
            "output {output} has {rows} rows; the module promises at least {number} in each"
        )));
    }
    let least = totals.values().min().copied().unwrap_or(0);
    Ok(Some(Proof { guarantee: format!("min-rows-per-output {number}"), proof: json!({ "least": least }) }))
}

fn least_per_class(
    columns: &[String],
    number: u64,
    totals: &Totals,
    classes: Option<&ClassTable>,
) -> Result<Option<Proof>, Failure> {
    let (Some(classes), false, 1..) = (classes, columns.is_empty(), number) else { return Ok(None) };
    let mut least = u64::MAX;
    for (class, rows) in classes {
        for output in totals.keys() {
            let count = rows.get(output).copied().unwrap_or(0);
            if count < number {
                let message = format!(
                    "output {output} has {count} rows of {} {class}; the module promises at least {number}",
                    columns.join(", ")
                );
                return Err(broken(message));
            }
            least = least.min(count);
        }
    }
    let proof = json!({ "classes": classes.len(), "least": least });
    Ok(Some(Proof { guarantee: format!("min-rows-per-class {} {number}", columns.join(", ")), proof }))
}

/// Sizes as `split` writes them: counts exactly, shares to less than one row.
fn exact(sizes: Option<&Value>, totals: &Totals) -> Result<Option<Proof>, Failure> {
    let Some(Value::Object(sizes)) = sizes else { return Ok(None) };
    let all: u64 = totals.values().sum();
    for (output, size) in sizes {
        let rows = totals.get(output).copied().unwrap_or(0);
        if !fits(size, rows, all) {
            return Err(broken(format!(
                "output {output} has {rows} of {all} rows; the module promises {size}"
            )));
        }
    }
    Ok(Some(Proof { guarantee: "exact-sizes".to_owned(), proof: json!({ "rows": totals }) }))
}

fn fits(size: &Value, rows: u64, all: u64) -> bool {
    let text = size.as_str().map(str::trim);
    match (size.as_u64(), text, text.and_then(|text| text.strip_suffix('%'))) {
        (Some(count), ..) => rows == count,
        (None, _, Some(share)) => share
            .trim()
            .parse::<f64>()
            .is_ok_and(|share| (rows as f64 - share / 100.0 * all as f64).abs() < 1.0),
        (None, Some("rest"), None) => true,
        (None, Some(count), None) => count.parse() == Ok(rows),
        (None, None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(rows: &[(&str, u64)]) -> Totals {
        rows.iter().map(|(output, rows)| ((*output).to_owned(), *rows)).collect()
    }

    fn checked(
        guarantee: Guarantee,
        params: Value,
        rows: &[(&str, u64)],
        classes: Option<&ClassTable>,
    ) -> Result<usize, Reason> {
        let proofs = check(&[guarantee], &params, &[], &totals(rows), classes);
        proofs.map(|proofs| proofs.len()).map_err(|failure| failure.reason)
    }

    #[test]
    fn sizes_are_exact_or_the_promise_is_broken() {
        let law = || Guarantee::ExactSizes("sizes".into());
        let params = json!({ "sizes": { "a": "33.4%", "b": 2, "c": "rest" } });
        assert_eq!(checked(law(), params.clone(), &[("a", 3), ("b", 2), ("c", 4)], None), Ok(1));
        assert_eq!(
            checked(law(), params.clone(), &[("a", 5), ("b", 2), ("c", 2)], None),
            Err(Reason::GuaranteeBroken)
        );
        assert_eq!(
            checked(law(), params, &[("a", 3), ("b", 3), ("c", 3)], None),
            Err(Reason::GuaranteeBroken)
        );
        assert_eq!(checked(law(), json!({}), &[("a", 3)], None), Ok(0));
    }

    #[test]
    fn every_class_is_in_every_output() {
        let law = || Guarantee::MinRowsPerClass("stratify".into(), "least".into());
        let params = json!({ "stratify": "label", "least": 2 });
        let mut classes = ClassTable::from([("x".into(), totals(&[("a", 2), ("b", 9)]))]);
        assert_eq!(checked(law(), params.clone(), &[("a", 2), ("b", 9)], Some(&classes)), Ok(1));
        classes.insert("y".into(), totals(&[("a", 2)]));
        assert_eq!(
            checked(law(), params, &[("a", 4), ("b", 9)], Some(&classes)),
            Err(Reason::GuaranteeBroken)
        );
        assert_eq!(checked(law(), json!({ "stratify": "label" }), &[("a", 4)], Some(&classes)), Ok(0));
    }

    #[test]
    fn small_outputs_are_noticed() {
        let law = || Guarantee::MinRowsPerOutput("n".into());
        assert_eq!(checked(law(), json!({ "n": 3 }), &[("a", 3)], None), Ok(1));
        assert_eq!(checked(law(), json!({ "n": 4 }), &[("a", 3)], None), Err(Reason::GuaranteeBroken));
    }
}
