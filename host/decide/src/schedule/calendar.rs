//! Searching the calendar for minutes that five fields name. It knows no zones: a clock on a wall.

use k8s_openapi::jiff::ToSpan;
use k8s_openapi::jiff::civil::{Date, DateTime, Time};

use super::fields::Fields;

/// Every combination of month, day and weekday recurs within this many years: 29 February is eight
/// years apart around a century, and a day that has not come by then never does.
const YEARS: i16 = 9;

/// The first minute at or after `from` that the fields name.
pub(super) fn first_from(fields: &Fields, from: DateTime) -> Option<DateTime> {
    let end = from.year().saturating_add(YEARS);
    let (mut date, mut earliest) = (from.date(), (from.hour(), from.minute()));
    while date.year() <= end {
        if fields.has_day(date)
            && let Some(time) = first_time(fields, earliest)
        {
            return Some(date.to_datetime(time));
        }
        date = date.tomorrow().ok()?;
        earliest = (0, 0);
    }
    None
}

/// The last minute at or before `until` that the fields name.
pub(super) fn last_until(fields: &Fields, until: DateTime) -> Option<DateTime> {
    let end = until.year().saturating_sub(YEARS);
    let (mut date, mut latest) = (until.date(), (until.hour(), until.minute()));
    while date.year() >= end {
        if fields.has_day(date)
            && let Some(time) = last_time(fields, latest)
        {
            return Some(date.to_datetime(time));
        }
        date = date.yesterday().ok()?;
        latest = (23, 59);
    }
    None
}

/// The minute after `at`.
pub(super) fn next_minute(at: DateTime) -> Option<DateTime> {
    at.checked_add(1.minute()).ok()
}

/// Whether the fields name any minute at all. The years around 2000 have every weekday on every day.
pub(super) fn ever(fields: &Fields) -> bool {
    first_from(fields, Date::constant(2000, 1, 1).at(0, 0, 0, 0)).is_some()
}

fn first_time(fields: &Fields, (hour, minute): (i8, i8)) -> Option<Time> {
    let within = fields.minutes.first_from(minute).filter(|_| fields.hours.has(hour));
    let (hour, minute) = match within {
        Some(minute) => (hour, minute),
        None => (fields.hours.first_from(hour.checked_add(1)?)?, fields.minutes.first_from(0)?),
    };
    Time::new(hour, minute, 0, 0).ok()
}

fn last_time(fields: &Fields, (hour, minute): (i8, i8)) -> Option<Time> {
    let within = fields.minutes.last_until(minute).filter(|_| fields.hours.has(hour));
    let (hour, minute) = match within {
        Some(minute) => (hour, minute),
        None => (fields.hours.last_until(hour.checked_sub(1)?)?, fields.minutes.last_until(59)?),
    };
    Time::new(hour, minute, 0, 0).ok()
}
