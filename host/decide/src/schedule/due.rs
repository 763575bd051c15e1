//! Which tick runs now: the latest that was missed, if it is not too late for it.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::Schedule;
use crate::placement::later;

/// What a schedule asks for at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The tick that is to run, if one is.
    pub tick: Option<Timestamp>,
    /// A tick that was missed for longer than `startingDeadlineSeconds`.
    pub missed: Option<Missed>,
    /// The tick after that; none past the end of the calendar.
    pub next: Option<Timestamp>,
}

/// A tick that it is too late for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The tick.
    pub tick: Timestamp,
    /// Until when it could have run.
    pub until: Timestamp,
}

/// What is due at `now`, where everything up to `since` is done with. Of several missed ticks only
/// the latest runs, and only within `deadline` seconds, as with a CronJob.
#[must_use]
pub fn due(schedule: &Schedule, since: Timestamp, deadline: Option<i64>, now: Timestamp) -> Due {
    let next = schedule.next_after(now.max(since));
    let latest = schedule.latest_until(now).filter(|tick| *tick > since);
    let too_late = latest.and_then(|tick| {
        let until = later(tick, SignedDuration::from_secs(deadline?.max(0)));
        // Whole seconds, so that a deadline of zero can be met.
        (until.as_second() < now.as_second()).then_some(Missed { tick, until })
    });
    Due { tick: latest.filter(|_| too_late.is_none()), missed: too_late, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_latest_missed_tick_runs_within_the_deadline() {
        let schedule = Schedule::read("0 * * * *", None, Timestamp::UNIX_EPOCH).unwrap();
        let since = at("2026-01-01T00:00:00Z");
        let ask = |deadline, now: &str| due(&schedule, since, deadline, at(now));
        assert_eq!(ask(None, "2026-01-01T00:59:59Z").tick, None);
        assert_eq!(ask(None, "2026-01-01T01:00:00Z").tick, Some(at("2026-01-01T01:00:00Z")));
        let down = ask(None, "2026-01-01T05:40:00Z");
        assert_eq!(down.tick, Some(at("2026-01-01T05:00:00Z")));
        assert_eq!(down.next, Some(at("2026-01-01T06:00:00Z")));
        let late = ask(Some(600), "2026-01-01T05:40:00Z");
        assert_eq!((late.tick, late.missed.unwrap().until), (None, at("2026-01-01T05:10:00Z")));
        assert!(ask(Some(0), "2026-01-01T05:00:00.9Z").tick.is_some());
        assert!(ask(Some(0), "2026-01-01T05:00:01Z").tick.is_none());
    }
}
