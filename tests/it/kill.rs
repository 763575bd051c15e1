//! kill -9 at 200 seeded moments: running the same command again finishes the work, reuses what was
//! published, and gives the same bytes as a run that nobody disturbed.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use millrace_tests::files;
use millrace_tests::millrace::Millrace;
use rustix::process::{Pid, Signal, kill_process};

const MOMENTS: u64 = 200;

const FLOW: &str = r#"
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {name: rows}
spec:
  mounts: [{mountPoint: "local://./in"}]
---
apiVersion: fluid.io/v1alpha1
kind: Dataset
metadata: {name: work}
spec:
  mounts: [{mountPoint: "local://./out"}]
  accessModes: [ReadWriteMany]
---
apiVersion: data.fluid.io/v1alpha1
kind: DataLoad
metadata: {name: warm}
spec: {dataset: {name: rows}}
---
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {name: parts}
spec:
  datasets: [{name: rows, path: /rows}, {name: work, path: /work}]
  runAfter: {operationType: DataLoad, name: warm}
  processor:
    wasm:
      module: split
      input: /rows/data.csv
      output: /work/parts
      partitionBytes: 16384
      parameters: {sizes: {train: "80%", test: "20%"}, stratify: label}
---
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {name: groups}
spec:
  datasets: [{name: work, path: /work}]
  runAfter: {operationType: DataProcessing, name: parts}
  processor:
    wasm:
      module: group
      input: /work/parts/train
      output: /work/groups
      partitionBytes: 16384
      parameters: {by: label}
"#;

fn prepared() -> Millrace {
    let millrace = Millrace::new();
    millrace.write("in/data.csv", files::nasty_csv(6000));
    std::fs::create_dir_all(millrace.path("out")).unwrap();
    millrace.write("flow.yaml", FLOW);
    millrace
}

#[test]
fn the_same_command_finishes_what_a_kill_interrupted() {
    let undisturbed = prepared();
    // The first run compiles the modules; the second is the one to interrupt.
    let _ = undisturbed.run(["run", "flow.yaml"]).ok();
    let expected = files::tree(&undisturbed.path("out"));
    clear(&undisturbed.path("out"));
    let started = Instant::now();
    let _ = undisturbed.run(["run", "flow.yaml"]).ok();
    let mut usual = started.elapsed();
    assert_eq!(expected, files::tree(&undisturbed.path("out")), "two undisturbed runs differ");

    let millrace = prepared();
    let _ = millrace.run(["run", "flow.yaml"]).ok();
    let mut interrupted = 0;
    for seed in 0..MOMENTS {
        clear(&millrace.path("out"));
        let mut run = millrace.spawn(["run", "flow.yaml"]);
        // A moment of the run, drawn evenly; the machine decides what it hits.
        std::thread::sleep(moment(seed, usual));
        let hit = kill_one(&mut run, seed);
        interrupted += u64::from(hit);
        // Keeps pace with the machine: what came too late was later than a run takes.
        usual = if hit { usual.mul_f64(1.02) } else { moment(seed, usual) };
        let _ = millrace.run(["run", "flow.yaml"]).ok();
        let found = files::tree(&millrace.path("out"));
        assert!(found == expected, "moment {seed}: the published files differ from an undisturbed run");
        assert_eq!(
            leftovers(&millrace.path("out")),
            Vec::<String>::new(),
            "moment {seed}: staging was left behind"
        );
    }
    assert!(interrupted > MOMENTS / 4, "only {interrupted} of {MOMENTS} kills hit a running process");
}

/// Kills a runner where there is one and the seed says so, else millrace itself; whether it hit.
fn kill_one(run: &mut Child, seed: u64) -> bool {
    let own = Pid::from_child(run);
    let children = children(own);
    let target = match children.first() {
        Some(child) if seed.is_multiple_of(2) => *child,
        _ => own,
    };
    let hit = run.try_wait().unwrap().is_none() && kill_process(target, Signal::KILL).is_ok();
    if target == own {
        let _ = run.wait().unwrap();
    } else {
        // A killed runner is tried again by the same run.
        assert!(run.wait().unwrap().success(), "seed {seed}: the run did not survive the loss of a runner");
    }
    hit
}

fn children(of: Pid) -> Vec<Pid> {
    let path = format!("/proc/{}/task", of.as_raw_nonzero());
    let tasks = std::fs::read_dir(path).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect::<Vec<_>>()
        })
        .collect()
}

fn moment(seed: u64, usual: Duration) -> Duration {
    let spread = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) % 1000;
    usual.mul_f64(spread as f64 / 1000.0)
}

fn clear(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::create_dir_all(folder).unwrap();
}

/// What is left in the staging folders of all outputs.
fn leftovers(out: &Path) -> Vec<String> {
    let outputs = std::fs::read_dir(out).unwrap().flatten();
    let runs = outputs.filter_map(|output| std::fs::read_dir(output.path().join("_millrace/runs")).ok());
    runs.flat_map(|runs| runs.flatten().map(|run| run.path().display().to_string())).collect()
}
