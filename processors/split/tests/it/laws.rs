//! What holds for every input, whatever the parameters.

use std::collections::{BTreeMap, BTreeSet};

use millrace_sdk::testing::{Assigned, Run};
use millrace_sdk::{Aggregator, BAD};
use proptest::prelude::*;
use serde_json::{Value, json};
use split::Split;

use crate::partitions;

type Rows = Vec<Vec<Option<String>>>;

fn texts(pattern: &'static str) -> impl Strategy<Value = Option<String>> {
    prop_oneof![1 => Just(None), 9 => pattern.prop_map(Some)]
}

fn rows(patterns: &'static [&'static str]) -> impl Strategy<Value = Rows> {
    let row: Vec<_> = patterns.iter().map(|pattern| texts(pattern)).collect();
    prop::collection::vec(row, 1..150)
}

/// Shares in hundredths of a percent of up to five outputs.
fn shares() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0_u32..10_000, 0..4).prop_map(|mut cuts| {
        cuts.extend([0, 10_000]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    })
}

fn sizes(shares: &[u32]) -> Value {
    let size = |(index, share): (usize, &u32)| {
        (format!("o{index}"), json!(format!("{}.{:02}%", share / 100, share % 100)))
    };
    Value::Object(shares.iter().enumerate().map(size).collect())
}

fn run(
    parameters: &Value,
    seed: u64,
    columns: &[&str],
    rows: &Rows,
    cuts: &[usize],
    batch: usize,
) -> Assigned {
    let parts = partitions(columns, rows, cuts, batch);
    Run::new(parameters.clone()).seed(seed).fit_split::<Split>(&parts).unwrap()
}

/// Rows of each output, per value of `of`.
fn cells(
    assigned: &[u16],
    outputs: usize,
    of: impl Fn(usize) -> Vec<Option<String>>,
) -> BTreeMap<Vec<Option<String>>, Vec<u64>> {
    let mut cells = BTreeMap::new();
    for (row, output) in assigned.iter().enumerate() {
        cells.entry(of(row)).or_insert_with(|| vec![0; outputs])[usize::from(*output)] += 1;
    }
    cells
}

/// Each number less than 1 from its share.
fn near(counts: &[u64], shares: &[u32]) -> bool {
    let total: u64 = counts.iter().sum();
    counts
        .iter()
        .zip(shares)
        .all(|(count, share)| (count * 10_000).abs_diff(u64::from(*share) * total) < 10_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn exact_splits_are_exact_and_the_same_however_cut(
        rows in rows(&["[a-e]", "[xy]"]), shares in shares(), seed in any::<u64>(),
        cuts in prop::collection::vec(any::<usize>(), 0..20), batch in 1_usize..40,
    ) {
        let parameters = json!({ "sizes": sizes(&shares), "stratify": ["l", "s"] });
        let whole = run(&parameters, seed, &["l", "s"], &rows, &[], 1000);
        let assigned = whole.flat();
        prop_assert_eq!(assigned.len(), rows.len());
        for counts in cells(&assigned, shares.len(), |row| rows[row].clone()).values() {
            prop_assert!(near(counts, &shares), "{:?}", counts);
        }
        let totals = cells(&assigned, shares.len(), |_| Vec::new());
        prop_assert!(near(&totals[&Vec::new()], &shares));
        prop_assert_eq!(run(&parameters, seed, &["l", "s"], &rows, &cuts, batch).flat(), assigned);
    }

    #[test]
    fn counts_come_out_exact(rows in rows(&["[a-h]"]), part in 0.0..1.0_f64, seed in any::<u64>()) {
        let wanted = (part * rows.len() as f64) as usize;
        let parameters = json!({ "sizes": { "a": wanted, "b": "rest" }, "stratify": "l" });
        let assigned = run(&parameters, seed, &["l"], &rows, &[3], 7);
        prop_assert_eq!(assigned.sizes(), [wanted, rows.len() - wanted]);
    }

    #[test]
    fn groups_stay_whole_and_near(
        rows in rows(&["[a-p]", "[xy]"]), shares in shares(), seed in any::<u64>(), stratified in any::<bool>(),
        cuts in prop::collection::vec(any::<usize>(), 0..9),
    ) {
        let mut parameters = json!({ "sizes": sizes(&shares), "groups": "g" });
        if stratified {
            parameters["stratify"] = json!("s");
        }
        let assigned = run(&parameters, seed, &["g", "s"], &rows, &[], 1000).flat();
        let mut places: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
        for (row, output) in rows.iter().zip(&assigned) {
            match &row[0] {
                None => prop_assert_eq!(*output, BAD),
                Some(group) => { places.entry(group).or_default().insert(*output); }
            }
        }
        prop_assert!(places.values().all(|outputs| outputs.len() == 1 && shares[usize::from(*outputs.first().unwrap())] > 0));
        if !stratified {
            let of = |group: &str| rows.iter().filter(|row| row[0].as_deref() == Some(group)).count() as u64;
            let largest = places.keys().map(|group| of(group)).max().unwrap_or(0);
            let total: u64 = places.keys().map(|group| of(group)).sum();
            for (output, share) in shares.iter().enumerate() {
                let size = assigned.iter().filter(|row| usize::from(**row) == output).count() as u64;
                prop_assert!((size * 10_000).saturating_sub(u64::from(*share) * total) < (largest + 1) * 10_000);
            }
        }
        prop_assert_eq!(run(&parameters, seed, &["g", "s"], &rows, &cuts, 4).flat(), assigned);
    }

    #[test]
    fn hashed_rows_never_move(rows in rows(&["[a-z0-9]{0,70}"]), shares in shares(), seed in any::<u64>(), keep in 1_usize..100) {
        let parameters = json!({ "sizes": sizes(&shares), "hash": "id" });
        let all = run(&parameters, seed, &["id"], &rows, &[], 9).flat();
        let fewer: Rows = rows.iter().take(keep).cloned().collect();
        prop_assert_eq!(run(&parameters, seed, &["id"], &fewer, &[], 1000).flat(), &all[..fewer.len()]);
        prop_assert!(all.iter().all(|output| shares[usize::from(*output)] > 0));
    }

    #[test]
    fn merging_is_associative(rows in rows(&["[a-e]"]), cuts in prop::collection::vec(any::<usize>(), 2)) {
        let run = Run::new(json!({ "sizes": { "a": "100%" }, "stratify": "l" }));
        let parts = partitions(&["l"], &rows, &cuts, 10);
        let whole = partitions(&["l"], &rows, &[], 1000);
        let plan = run.plan::<Split>(whole[0][0].schema()).unwrap();
        let split: Split = serde_json::from_value(json!({ "sizes": { "a": "100%" }, "stratify": "l" })).unwrap();
        let partial = |batches| split.decode(&run.partial::<Split>(&plan, batches).unwrap()).unwrap();
        let (mut left, mut tail) = (partial(&parts[0]), partial(&parts[1]));
        split.merge(&mut tail, partial(&parts[2])).unwrap();
        split.merge(&mut left, tail).unwrap();
        prop_assert_eq!(split.encode(&mut left).unwrap(), run.partial::<Split>(&plan, &whole[0]).unwrap());
    }

    #[test]
    fn damaged_states_are_errors(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in any::<prop::sample::Index>()) {
        let split: Split = serde_json::from_value(json!({ "sizes": { "a": "100%" } })).unwrap();
        prop_assert!(split.decode(&bytes).is_err());
        let good = Run::new(json!({ "sizes": { "a": "100%" } })).fit::<Split>(&partitions(&[], &vec![Vec::new(); 9], &[], 4)).unwrap().state;
        prop_assert!(split.decode(&good[..cut.index(good.len())]).is_err());
    }
}

#[test]
fn another_seed_gives_another_split() {
    let rows = vec![Vec::new(); 200];
    let parameters = json!({ "sizes": { "a": "50%", "b": "50%" } });
    assert_ne!(
        run(&parameters, 1, &[], &rows, &[], 1000).flat(),
        run(&parameters, 2, &[], &rows, &[], 1000).flat()
    );
}
