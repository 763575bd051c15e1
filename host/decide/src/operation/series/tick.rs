//! Runs at the ticks of a schedule.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use millrace_crds::Reason;
use millrace_crds::operation::{ActiveRun, OperationStatus};

use super::{Plan, blocked_words, is_blocked};
use crate::operation::Seen;
use crate::refusal::Refusal;
use crate::schedule::{Due, Schedule, due};

pub(super) fn plan(seen: &Seen, status: &OperationStatus) -> Result<Plan, Refusal> {
    let fields = seen.operation.ask.fields();
    let created = seen.operation.created.unwrap_or(seen.now);
    let line = fields.schedule.as_deref().unwrap_or_default();
    let schedule = Schedule::read(line, fields.time_zone.as_deref(), created).map_err(|error| {
        Refusal::new(Reason::InvalidSchedule, format!("a schedule that can be read: {error}"))
    })?;
    let since = status.last_schedule_time.as_ref().map_or(created, |last| last.0.max(created));
    let Due { tick, missed, next } = due(&schedule, since, fields.starting_deadline_seconds, seen.now);
    // A run that had to stop for this tick does not make it late.
    let tick = tick.or_else(|| missed.map(|missed| missed.tick).filter(|tick| was_replaced(seen, *tick)));
    let mut plan = Plan {
        last: status.last_schedule_time.as_ref().map(|last| last.0),
        next,
        wake: next,
        ..Plan::default()
    };
    if fields.suspend {
        let words = "spec.suspend to become false".to_owned();
        plan.waits = Some((Reason::Suspended, words));
        return Ok(plan);
    }
    let (blocked, replace) = is_blocked(seen, status);
    match tick {
        Some(_) if blocked => {
            plan.replace = replace;
            plan.waits = Some((Reason::Waiting, blocked_words(seen, status)));
        }
        Some(tick) => {
            plan.runs.push(run(seen, tick));
            plan.last = Some(tick);
        }
        None => {
            let words = next_words(line, fields.time_zone.as_deref(), next);
            let missed_words = |at: Timestamp, until: Timestamp| {
                format!(
                    "{words}; the one at {at} was missed, since it could start until {until} only (startingDeadlineSeconds)"
                )
            };
            plan.waits = Some(match missed {
                Some(missed) => (Reason::MissedSchedule, missed_words(missed.tick, missed.until)),
                None => (Reason::Scheduled, words),
            });
        }
    }
    Ok(plan)
}

/// Whether a run was, or is being, stopped to make place for that tick.
fn was_replaced(seen: &Seen, tick: Timestamp) -> bool {
    seen.children.iter().any(|child| {
        let ended = child.status.completion_time.as_ref().map(|time| time.0);
        child.ask.fields().cancelled
            && child.tick.is_some_and(|own| own < tick)
            && ended.is_none_or(|at| at >= tick)
    })
}

fn run(seen: &Seen, tick: Timestamp) -> ActiveRun {
    let seconds = if tick.as_second() % 60 == 0 { "" } else { "%S" };
    let stage = tick.strftime(&format!("%Y%m%d%H%M{seconds}")).to_string();
    let name = seen.operation.child_name(seen.operation.name.kind, &stage, &[]);
    ActiveRun { name: name.name.name, time: Time(tick), uid: None }
}

/// `the tick at 2026-11-24T01:00:00Z (0 2 * * *, Europe/Berlin)`.
fn next_words(line: &str, zone: Option<&str>, next: Option<Timestamp>) -> String {
    let zone = zone.unwrap_or("UTC");
    match next {
        Some(next) => format!("the tick at {next} ({line}, {zone})"),
        None => format!("a tick, and {line} in {zone} has none any more"),
    }
}
