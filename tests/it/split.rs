//! Splitting from outside: exact, complete, in order, and the same whatever the machine.

use std::collections::BTreeMap;
use std::path::Path;

use millrace_tests::files;
use millrace_tests::millrace::Millrace;

const ROWS: usize = 24_000;
/// Small enough for more than 20 partitions of the test's input.
const PARTITION: &str = "16384";

/// A run whose outputs have many part files, so that many shards are shared out.
fn manifest(output: &str) -> String {
    format!(
        r#"
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {{name: work}}
spec: {{mounts: [{{mountPoint: "local://."}}], accessModes: [ReadWriteMany]}}
---
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {{name: split}}
spec:
  datasets: [{{name: work, path: /work}}]
  processor:
    wasm:
      module: split
      input: /work/data.csv
      output: /work/{output}
      outputOptions: {{targetFileSize: 4Ki}}
      seed: 7
      parameters: {{sizes: {{train: "80%", val: "10%", test: "10%"}}, stratify: label}}
"#
    )
}

fn split(millrace: &Millrace, output: &str, extra: &[&str]) {
    let name = format!("{output}.yaml");
    millrace.write(&name, manifest(output));
    let mut arguments = vec!["run", &name];
    arguments.extend(extra);
    let _ = millrace.run(arguments).ok();
}

fn prepared() -> Millrace {
    let millrace = Millrace::new();
    let text = files::nasty_csv(ROWS);
    assert!(
        text.len() > 20 * PARTITION.parse::<usize>().unwrap(),
        "the input must have more than 20 partitions"
    );
    millrace.write("data.csv", text);
    millrace
}

#[test]
fn every_row_once_in_order_and_every_cell_less_than_one_from_its_share() {
    let millrace = prepared();
    split(&millrace, "out", &["--partition-bytes", PARTITION]);
    let shares = [("train", 0.8), ("val", 0.1), ("test", 0.1)];
    let mut seen = vec![0_u32; ROWS];
    let mut total: BTreeMap<String, f64> = BTreeMap::new();
    let mut cells: BTreeMap<(String, &str), f64> = BTreeMap::new();
    for (name, _) in shares {
        let mut last = None;
        for record in files::records(&millrace.path("out").join(name)) {
            let id: usize = record[0].parse().unwrap();
            assert!(last < Some(id), "{name}: row {id} stands after {last:?}");
            last = Some(id);
            seen[id] += 1;
            *total.entry(record[1].to_owned()).or_default() += 1.0;
            *cells.entry((record[1].to_owned(), name)).or_default() += 1.0;
        }
    }
    assert!(seen.iter().all(|count| *count == 1), "some row is in no output or in two");
    for (name, share) in shares {
        let mut rows = 0.0;
        for (label, count) in &total {
            let cell = cells.get(&(label.clone(), name)).copied().unwrap_or_default();
            assert!(
                (cell - share * count).abs() < 1.0,
                "{label} in {name}: {cell} of {count}, share {share}"
            );
            rows += cell;
        }
        assert!((rows - share * ROWS as f64).abs() < 1.0, "{name}: {rows} rows, share {share}");
    }
}

#[test]
fn rows_leave_byte_for_byte_as_they_came() {
    let millrace = prepared();
    split(&millrace, "out", &["--partition-bytes", PARTITION]);
    let input = std::fs::read(millrace.path("data.csv")).unwrap();
    let mut bytes = 0;
    let mut headers = 0;
    for name in ["train", "val", "test"] {
        for part in files::parts(&millrace.path("out").join(name)) {
            assert!(part.starts_with(b"id,label,key,note\n"), "a part without its header");
            headers += b"id,label,key,note\n".len();
            bytes += part.len();
        }
    }
    assert_eq!(bytes - headers, input.len() - b"id,label,key,note\n".len());
}

#[test]
fn the_same_files_for_any_number_of_threads_and_agents() {
    let millrace = prepared();
    let published = |output: &str, extra: &[&str]| {
        let mut arguments = vec!["--partition-bytes", PARTITION];
        arguments.extend(extra);
        split(&millrace, output, &arguments);
        files::tree(&millrace.path(output))
    };
    let one = published("one", &["--threads", "1"]);
    let parts = one.keys().filter(|name| name.contains("part-")).count();
    assert!(parts >= 60, "20 shards of 3 outputs, not {parts} parts: {one:?}");
    assert_eq!(one, published("two", &["--threads", "2"]));
    assert_eq!(one, published("seven", &["--threads", "7"]));
    assert_eq!(one, published("agents", &["--agents", "3"]));
}

#[test]
fn another_partition_size_gives_the_same_rows_in_the_same_order() {
    let millrace = prepared();
    split(&millrace, "small", &["--partition-bytes", PARTITION]);
    split(&millrace, "large", &["--partition-bytes", "131072"]);
    for name in ["train", "val", "test"] {
        let rows = |output: &str| files::records(&Path::new(&millrace.path(output)).join(name));
        assert!(rows("small") == rows("large"), "{name} differs");
    }
}

#[test]
fn a_second_run_reuses_what_the_first_published_and_fresh_does_not() {
    let millrace = prepared();
    let run = |extra: &[&str]| {
        let mut arguments = vec!["process", "split", "--input", "data.csv", "--output", "out", "-o", "json"];
        arguments.extend(["-p", "sizes.a=50%", "-p", "sizes.b=50%"]);
        arguments.extend(extra);
        millrace.run(arguments).ok()
    };
    let first = run(&[]);
    let before = files::tree(&millrace.path("out"));
    assert!(!first.stdout.contains("Reused"), "{}", first.stdout);
    let second = run(&[]);
    assert!(second.stdout.contains("Reused"), "{}", second.stdout);
    assert_eq!(before, files::tree(&millrace.path("out")));
    let third = run(&["--fresh", "--output-mode", "Replace"]);
    assert!(!third.stdout.contains("Reused"), "{}", third.stdout);
    assert_eq!(
        before,
        files::tree(&millrace.path("out")),
        "the same input, parameters and seed give the same bytes"
    );
}
