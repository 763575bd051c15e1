//! The agent against an in-process API server, with real runners.
//!
//! This program is its own runner and compile worker, so it has a `main` of its own instead of the
//! standard harness: `agent runner` is what the agent starts. Arguments choose tests by part of name.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod failures;
mod life;
mod loads;
mod modules;
mod runs;
mod sandbox;
mod stages;
mod volumes;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A test and its name.
type Test = (&'static str, fn());

macro_rules! tests {
    ($($module:ident::$name:ident),+ $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), $module::$name)),+]
    };
}

const TESTS: &[Test] = tests![
    sandbox::nothing_forbidden_is_possible,
    runs::a_split_is_published_whole_and_reused,
    runs::threads_do_not_change_a_byte,
    runs::a_model_is_fitted_and_applied,
    runs::bad_rows_fail_or_are_set_apart,
    modules::an_uploaded_module_is_brought_where_it_runs,
    modules::what_is_no_module_of_ours_is_refused,
    stages::three_agents_publish_what_one_runner_would,
    loads::a_local_dataset_is_listed_and_held,
    volumes::a_pod_sees_what_was_loaded_and_restarts_do_not_disturb_it,
    failures::what_cannot_be_done_says_why,
    failures::hostile_modules_end_with_their_reason_and_publish_nothing,
    life::a_cancelled_task_ends_and_leaves_nothing,
    life::a_task_of_an_earlier_boot_is_taken_up_again,
    life::staging_of_a_killed_run_is_swept,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("runner") => return millrace_node::runner_main(),
        Some("compile-worker") => return millrace_node::compile_worker_main(),
        Some(volumes::INSIDE) => {
            volumes::inside();
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let failed: Vec<_> = TESTS.iter().filter(|(name, _)| chosen(name)).filter(|test| !passes(test)).collect();
    for (name, _) in &failed {
        println!("FAILED {name}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes((name, test): &Test) -> bool {
    let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    passed
}
