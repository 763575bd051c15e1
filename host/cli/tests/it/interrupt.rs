//! Ctrl-C and the end of the time: everything stops, nothing half done is published, the exit code says so.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::{FLOW, Place};

/// Large enough that a debug build is at it for seconds.
const ROWS: usize = 3_000_000;

fn prepared() -> Place {
    let place = Place::new();
    place.write("in/data.csv", crate::rows(ROWS));
    let flow = FLOW.replace("parameters: {sizes", "parameters: {stratify: label, sizes");
    place.write("flow.yaml", flow);
    place
}

fn children_of(process: &Child) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.id())).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// A zombie is dead: whether it was reaped is up to whoever is process 1.
fn is_alive(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

#[test]
fn ctrl_c_stops_everything_and_publishes_nothing() {
    let place = prepared();
    let mut command = place.command(["run", "flow.yaml", "--threads", "1", "-o", "json"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Executing") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended before it began");
    }
    let children = children_of(&process);
    let pid = Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let told: Vec<_> = stderr.lines().map(Result::unwrap).collect();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("nothing half done was published")), "{told:#?}");
    assert!(children.iter().all(|child| !is_alive(*child)), "a runner outlived its run");
    assert!(
        !place.path("out/parts/_SUCCESS").exists()
            && !place.path("out/parts/_millrace/manifest.json").exists()
    );
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["state"], "Interrupted", "{document:#}");
}

#[test]
fn the_end_of_the_time_is_an_exit_code_of_its_own() {
    let place = prepared();
    let outcome = place.run(["run", "flow.yaml", "--threads", "1", "--timeout", "1"]).code(4);
    outcome.says(&["the time is up", "timed out"]);
    assert!(!place.path("out/parts/_SUCCESS").exists());
}
