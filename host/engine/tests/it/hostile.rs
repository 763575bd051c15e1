//! Every fixture of `tests/guests` and what has to become of it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use millrace_data::outputs::{BAD, DROP};
use millrace_engine::{Fault, Instance, Level, Limits, ModuleError, RunContext, RunError};

use crate::{guests, inspection, runs};

/// What is done to a fixture.
#[derive(Clone, Copy, Debug)]
enum Act {
    Plan,
    Split,
    Fit,
    Merge,
    Finalize,
    Transform,
}

/// What becomes of it; texts are parts of the message.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Fine,
    Deadline,
    Memory,
    Trap(&'static str),
    Limit(&'static str),
    OutputLimit,
    Protocol(&'static str),
    Says(&'static str),
}

use Act::{Finalize, Fit, Merge, Plan, Split, Transform};
use Verdict::{Deadline, Fine, Memory, OutputLimit, Protocol, Says, Trap};

const TABLE: &[(&str, Act, Verdict)] = &[
    ("honest-split", Split, Fine),
    ("honest-aggregate", Finalize, Fine),
    ("honest-transform", Transform, Fine),
    ("honest-write", Transform, Fine),
    ("honest-plan", Plan, Fine),
    ("loop-in-open", Split, Deadline),
    ("loop-in-assign", Split, Deadline),
    ("loop-in-start", Split, Deadline),
    ("plan-forever", Plan, Deadline),
    ("merge-forever", Merge, Deadline),
    ("recursion", Split, Trap("call stack exhausted")),
    ("memory-growth", Split, Memory),
    ("memory-growth-survived", Split, Fine),
    ("memory-at-start", Split, Memory),
    ("moments-memory", Fit, Memory),
    ("table-growth", Split, Verdict::Limit("table elements")),
    ("trap-unreachable", Split, Trap("unreachable")),
    ("trap-divide", Split, Trap("divide by zero")),
    ("trap-out-of-bounds", Split, Trap("out of bounds")),
    ("panic-with-words", Split, Trap("index 7 out of range")),
    ("giant-list", Split, Trap("")),
    ("large-list", Split, Verdict::Limit("handed to the host")),
    ("assign-too-short", Split, Protocol("assign: 4 bytes for 3 rows")),
    ("assign-too-long", Split, Protocol("assign: 8 bytes for 3 rows")),
    ("assign-odd", Split, Protocol("assign: 5 bytes")),
    ("assign-nothing", Split, Protocol("assign: 0 bytes")),
    ("assign-out-of-range", Split, Protocol("row 1 goes to output 2, but there are 2")),
    ("assign-drop-and-bad", Split, Fine),
    ("bad-row-beyond-batch", Split, Protocol("row 3, but the batch has 3")),
    ("bad-row-without-batch", Split, Protocol("no batch is in hand")),
    ("bad-row-said-twice", Split, Fine),
    ("borrow-kept", Split, Trap("borrow")),
    ("batch-dropped-twice", Split, Trap("handle")),
    ("column-beyond", Split, Protocol("column 99, but the batch has 2")),
    ("slice-beyond", Split, Protocol("but the batch has 3")),
    ("text-not-utf8", Split, Trap("utf-8")),
    ("level-unknown", Split, Trap("")),
    ("answer-unknown", Split, Trap("")),
    ("error-internal", Split, Says("out of cheese")),
    ("error-transient", Split, Says("later")),
    ("error-invalid-params", Split, Says("/sizes: missing")),
    ("error-long", Split, Says("…")),
    ("log-flood", Split, Fine),
    ("counter-flood", Split, Verdict::Limit("counters")),
    ("counter-without-name", Split, Protocol("counter name: empty")),
    ("counter-overflow", Split, Fine),
    ("handle-leak", Split, Verdict::Limit("open handles")),
    ("open-without-end", Transform, Verdict::Limit("open handles")),
    ("outputs-same-name", Split, Protocol("two are called \"a\"")),
    ("outputs-too-many", Split, OutputLimit),
    ("output-in-splitter", Split, Protocol("only a transformer")),
    ("output-in-fit", Fit, Protocol("only a transformer")),
    ("output-name-up", Split, Protocol("`..`")),
    ("output-name-slash", Split, Protocol("2 parts")),
    ("output-name-absolute", Split, Protocol("3 parts")),
    ("output-name-nul", Split, Protocol("control character")),
    ("output-name-empty", Split, Protocol("empty")),
    ("output-name-hidden", Split, Protocol("_millrace")),
    ("output-name-long", Split, Protocol("5000 bytes")),
    ("partial-too-big", Finalize, Verdict::Limit("state bytes")),
    ("final-too-big", Finalize, Verdict::Limit("final state")),
    ("final-name-up", Finalize, Protocol("file name \"../model\"")),
    ("final-name-twice", Finalize, Protocol("two files")),
    ("moments-too-wide", Fit, Protocol("5000 columns")),
    ("moments-odd-shift", Fit, Protocol("9 bytes are no list of f64")),
    ("moments-wrong-columns", Fit, Says("no column \"nope\"")),
    ("eigh-not-finite", Fit, Protocol("not finite")),
    ("eigh-not-square", Fit, Protocol("3 x 3")),
    ("side-input-absent", Fit, Fine),
    ("write-values-short", Transform, Protocol("column \"n\": 4 bytes of values")),
    ("write-values-long", Transform, Protocol("column \"n\": 12 bytes of values")),
    ("write-offsets-missing", Transform, Protocol("column \"s\": no offsets")),
    ("write-offsets-unwanted", Transform, Protocol("column \"n\": offsets")),
    ("write-offsets-short", Transform, Protocol("8 offset bytes")),
    ("write-offsets-fall", Transform, Protocol("offsets fall at row 1")),
    ("write-offsets-beyond", Transform, Protocol("offsets end at 255")),
    ("write-offsets-negative", Transform, Protocol("offsets begin with -1")),
    ("write-text-not-utf8", Transform, Protocol("column \"s\"")),
    ("write-text-cut", Transform, Protocol("column \"s\"")),
    ("write-validity-long", Transform, Protocol("2 validity bytes")),
    ("write-validity-short", Transform, Protocol("0 validity bytes")),
    ("write-null-unwanted", Transform, Protocol("not nullable")),
    ("write-columns-short", Transform, Protocol("1 columns, but the output has 2")),
    ("write-rows-huge", Transform, Protocol("column \"n\"")),
    ("open-name-up", Transform, Protocol("2 parts")),
    ("open-name-nul", Transform, Protocol("control character")),
    ("open-not-planned", Transform, Protocol("not in the plan")),
    ("use-after-drop", Transform, Trap("handle")),
    ("handle-made-up", Transform, Trap("handle")),
    ("handle-of-another-kind", Transform, Trap("handle")),
    ("take-beyond", Transform, Protocol("row 9, but the batch has 3")),
    ("take-odd", Transform, Protocol("multiple of 4")),
    ("ipc-garbage", Transform, Protocol("not an Arrow IPC stream")),
    ("with-unknown-column", Transform, Protocol("column \"zzz\" is not in")),
    ("with-column-twice", Transform, Protocol("column \"n\" twice")),
    ("forward-forever", Transform, OutputLimit),
    ("plan-name-up", Plan, Protocol("`..`")),
    ("plan-name-twice", Plan, Protocol("two outputs are called \"o\"")),
    ("plan-opaque", Plan, Protocol("field \"c\"")),
    ("plan-field-twice", Plan, Protocol("two fields are called \"c\"")),
    ("plan-width-zero", Plan, Protocol("field \"c\"")),
];

fn run(name: &str, act: Act, limits: Limits) -> Result<Instance, RunError> {
    let module = guests::module(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let outputs = runs::Collector::default();
    let mut instance = module.instantiate(runs::context(limits, &outputs))?;
    perform(&mut instance, act)?;
    Ok(instance)
}

fn perform(instance: &mut Instance, act: Act) -> Result<(), RunError> {
    match act {
        Plan => instance.plan("{}", &[("data".to_owned(), runs::batch().columns.schema())]).map(drop),
        Split => {
            instance.open_splitter()?;
            instance.assign(&runs::batch()).map(drop)
        }
        Fit => {
            instance.open_aggregator()?;
            instance.update(&runs::batch())
        }
        Merge => {
            instance.open_aggregator()?;
            instance.merge(b"abc")
        }
        Finalize => {
            instance.open_aggregator()?;
            instance.partial()?;
            instance.finalize().map(drop)
        }
        Transform => {
            instance.open_transformer()?;
            instance.process(&runs::batch())?;
            instance.finish()
        }
    }
}

fn matches(verdict: Verdict, error: &RunError) -> bool {
    let text = error.to_string();
    match (verdict, error) {
        (Deadline, RunError::Deadline) | (Memory, RunError::Memory { .. }) => true,
        (OutputLimit, RunError::OutputLimit { .. }) => true,
        (Trap(part), RunError::Trap { .. })
        | (Verdict::Limit(part), RunError::Limit { .. })
        | (Protocol(part), RunError::Protocol(_))
        | (Says(part), RunError::Module(_)) => text.contains(part),
        _ => false,
    }
}

#[test]
fn every_fixture_meets_its_verdict() {
    let mut wrong = Vec::new();
    for (name, act, verdict) in TABLE {
        let short = Duration::from_millis(200);
        let deadline = if matches!(verdict, Deadline) { short } else { runs::limits().deadline };
        let outcome = run(name, *act, Limits { deadline, ..runs::limits() });
        let met = match (verdict, &outcome) {
            (Fine, Ok(_)) => true,
            (verdict, Err(error)) => matches(*verdict, error),
            _ => false,
        };
        if !met {
            let outcome = outcome.map(|_| "no error").map_err(|error| format!("{error:?}"));
            wrong.push(format!("{name}: {verdict:?} expected, found {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixture_has_a_verdict() {
    let files = std::fs::read_dir(guests::folder()).unwrap();
    let files: BTreeSet<String> = files
        .filter_map(|file| {
            file.unwrap().file_name().to_str().unwrap().strip_suffix(".wat").map(str::to_owned)
        })
        .collect();
    let known =
        TABLE.iter().map(|(name, _, _)| *name).chain(inspection::REFUSED.iter().map(|(name, _)| *name));
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    assert_eq!(files, known);
}

#[test]
fn faults_and_retries() {
    let error = |name, act| run(name, act, runs::limits()).err().unwrap();
    let transient = error("error-transient", Split);
    assert!(transient.retryable());
    assert_eq!(transient.fault(), Fault::Module);
    let params = error("error-invalid-params", Split);
    assert!(matches!(&params, RunError::Module(ModuleError::InvalidParams(list)) if list[0].0 == "/sizes"));
    assert_eq!((params.fault(), params.retryable()), (Fault::User, false));
    let trap = error("trap-unreachable", Split);
    assert_eq!((trap.fault(), trap.retryable()), (Fault::Module, false));
}

#[test]
fn an_instance_is_spent_after_an_error() {
    let module = guests::module("trap-unreachable").unwrap();
    let mut instance = module.instantiate(RunContext::new("{}", runs::limits())).unwrap();
    instance.open_splitter().unwrap();
    assert!(matches!(instance.assign(&runs::batch()), Err(RunError::Trap { .. })));
    assert!(matches!(instance.assign(&runs::batch()), Err(RunError::Host(_))));
}

#[test]
fn calls_out_of_order_are_refused() {
    let module = guests::module("honest-transform").unwrap();
    let mut instance = module.instantiate(RunContext::new("{}", runs::limits())).unwrap();
    assert!(matches!(instance.process(&runs::batch()), Err(RunError::Host(_))));
    assert!(matches!(instance.open_splitter(), Err(RunError::Host(_))));
    instance.open_transformer().unwrap();
    instance.finish().unwrap();
    assert!(matches!(instance.process(&runs::batch()), Err(RunError::Host(_))));
}

#[test]
fn a_bad_row_is_bad_whatever_its_assignment_says() {
    let assigned = |name| {
        let module = guests::module(name).unwrap();
        let mut instance = module.instantiate(RunContext::new("{}", runs::limits())).unwrap();
        assert_eq!(instance.open_splitter().unwrap(), ["a", "b"]);
        let targets = instance.assign(&runs::batch()).unwrap();
        (targets, instance.take_bad_rows())
    };
    let (targets, bad) = assigned("assign-drop-and-bad");
    assert_eq!(targets, [DROP, BAD, 1]);
    assert_eq!(bad, [(1, "the module gave no reason".to_owned())]);
    let (targets, bad) = assigned("bad-row-said-twice");
    assert_eq!(targets, [0, BAD, 0]);
    assert_eq!(bad, [(1, "first".to_owned())]);
}

#[test]
fn an_empty_batch_is_no_special_case() {
    for name in ["assign-nothing", "honest-split"] {
        let module = guests::module(name).unwrap();
        let mut instance = module.instantiate(RunContext::new("{}", runs::limits())).unwrap();
        instance.open_splitter().unwrap();
        let empty = runs::of(runs::batch().columns.slice(0, 0));
        assert_eq!(instance.assign(&empty).unwrap(), [0_u16; 0]);
    }
}

#[test]
fn a_flooded_log_keeps_its_first_and_last_lines() {
    let instance = run("log-flood", Split, runs::limits()).unwrap();
    let log = instance.log();
    let kept = log.head().len() + log.tail().count();
    assert_eq!(kept as u64 + log.dropped(), 50_000);
    assert!(kept * 1_000 <= runs::limits().log_bytes && log.head().len() > 400);
    assert!(log.tail().all(|line| line.level == Level::Info));
}

#[test]
fn counters_stop_at_the_largest_number() {
    let instance = run("counter-overflow", Split, runs::limits()).unwrap();
    assert_eq!(instance.counters()["n"], u64::MAX);
}

#[test]
fn what_a_module_writes_arrives() {
    let module = guests::module("honest-write").unwrap();
    let outputs = runs::Collector::default();
    let mut instance = module.instantiate(runs::context(runs::limits(), &outputs)).unwrap();
    perform(&mut instance, Transform).unwrap();
    let collected = outputs.0.lock().unwrap();
    assert_eq!(collected.names, ["out"]);
    assert_eq!(collected.written[0].schema(), runs::planned());
    let text = collected.written[0].column(1);
    assert_eq!(
        arrow::array::AsArray::as_string::<i32>(text).iter().collect::<Vec<_>>(),
        [Some("x"), Some("yz")]
    );
}

#[test]
fn a_module_that_ignores_a_cancellation_is_stopped() {
    let module = guests::module("loop-in-assign").unwrap();
    let limits = Limits { cancel_grace: Duration::from_millis(50), ..runs::limits() };
    let run = RunContext::new("{}", limits);
    run.cancelled.store(true, Ordering::Relaxed);
    let mut instance = module.instantiate(run).unwrap();
    instance.open_splitter().unwrap();
    assert!(matches!(instance.assign(&runs::batch()), Err(RunError::Cancelled)));
}

#[test]
fn instances_of_a_task_share_its_memory() {
    let module = guests::module("honest-split").unwrap();
    let memory = millrace_engine::MemoryBudget::new(3 * 65_536);
    let start = || {
        let mut run = RunContext::new("{}", runs::limits());
        run.memory = memory.clone();
        module.instantiate(run)
    };
    let three: Vec<_> = (0..3).map(|_| start().unwrap()).collect();
    assert!(matches!(start(), Err(RunError::Memory { .. })));
    drop(three);
    assert!(start().is_ok());
    assert_eq!(memory.peak(), 3 * 65_536);
}
