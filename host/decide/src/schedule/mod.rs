//! Schedules: at which instants a line such as `0 2 * * *` in a zone falls due, and which of them runs.
//!
//! Five fields as a CronJob reads them ([`fields`]), searched over the calendar ([`calendar`]) and
//! laid onto a zone's clock ([`zone`]). The zones are part of the program, so that the same line
//! means the same on every machine.

mod calendar;
mod due;
mod error;
mod fields;
mod zone;

use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

pub use due::{Due, Missed, due};
pub use error::ScheduleError;
pub use zone::named as zone_named;

use fields::Fields;

/// When something is due, over and over.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule(Rhythm);

#[derive(Debug, Clone, PartialEq)]
enum Rhythm {
    /// The minutes of a zone's clock that five fields name.
    Clock { fields: Fields, zone: TimeZone },
    /// `@every 90m`, counted from `since`.
    Every { period: SignedDuration, since: Timestamp },
}

impl Schedule {
    /// Reads `line` in `zone` (an IANA name; UTC where there is none). `@every` counts from `since`.
    ///
    /// # Errors
    /// What is wrong with it, also where it is well formed and never falls due, such as 31 February.
    pub fn read(line: &str, zone: Option<&str>, since: Timestamp) -> Result<Self, ScheduleError> {
        let zone = zone.map_or(Ok(TimeZone::UTC), zone::named)?;
        if let Some(period) = line.trim().strip_prefix("@every ") {
            let since = Timestamp::from_second(since.as_second()).unwrap_or(since);
            return Ok(Self(Rhythm::Every { period: fields::period(period)?, since }));
        }
        let fields = Fields::read(line)?;
        if !calendar::ever(&fields) {
            return Err(ScheduleError::Never { line: line.to_owned() });
        }
        Ok(Self(Rhythm::Clock { fields, zone }))
    }

    /// The first instant after `after` at which it is due; none past the end of the calendar.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Rhythm::Clock { fields, zone } => {
                let mut at = calendar::first_from(fields, zone.to_datetime(after))?;
                loop {
                    // A time that was on the clock before, or that does not exist, may lie behind.
                    match zone::instant(zone, at)? {
                        instant if instant > after => return Some(instant),
                        _ => at = calendar::first_from(fields, calendar::next_minute(at)?)?,
                    }
                }
            }
            Rhythm::Every { period, since } => {
                let periods = passed(*since, after, *period).saturating_add(1);
                counted(*since, *period, periods)
            }
        }
    }

    /// The last instant up to and including `until` at which it was due.
    #[must_use]
    pub fn latest_until(&self, until: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Rhythm::Clock { fields, zone } => {
                let at = calendar::last_until(fields, zone::latest_shown(zone, until))?;
                zone::instant(zone, at).filter(|instant| *instant <= until)
            }
            Rhythm::Every { period, since } => {
                let periods = passed(*since, until, *period);
                (periods > 0).then(|| counted(*since, *period, periods))?
            }
        }
    }
}

/// Whole periods from `since` to `at`; none before it.
fn passed(since: Timestamp, at: Timestamp, period: SignedDuration) -> i64 {
    let seconds = at.as_second().saturating_sub(since.as_second()).max(0);
    seconds.checked_div(period.as_secs()).unwrap_or(0)
}

fn counted(since: Timestamp, period: SignedDuration, periods: i64) -> Option<Timestamp> {
    since.checked_add(SignedDuration::from_secs(period.as_secs().checked_mul(periods)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The ticks after `from`, as instants.
    fn ticks(line: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::read(line, Some(zone), at(from)).unwrap();
        let mut now = at(from);
        let next = || {
            now = schedule.next_after(now)?;
            Some(now.to_string())
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn a_time_that_does_not_exist_runs_at_the_first_instant_after_the_gap() {
        let wanted = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
        assert_eq!(ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3), wanted);
        // 02:00, 02:20, 02:40 and 03:00 are all that one instant.
        let wanted = ["2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z"];
        assert_eq!(ticks("*/20 * * * *", "Europe/Berlin", "2026-03-29T00:20:00Z", 3), wanted);
    }

    #[test]
    fn a_time_that_occurs_twice_runs_once() {
        let wanted = ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), wanted);
        let wanted = ["2026-10-25T00:40:00Z", "2026-10-25T02:00:00Z"];
        assert_eq!(ticks("*/20 * * * *", "Europe/Berlin", "2026-10-25T00:20:00Z", 2), wanted);
    }

    #[test]
    fn a_day_that_a_zone_left_out_still_runs_once() {
        // Samoa had no 30 December 2011.
        let wanted = ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"];
        assert_eq!(ticks("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 3), wanted);
    }

    #[test]
    fn every_counts_from_the_start() {
        let wanted = ["2026-01-01T01:30:05Z", "2026-01-01T03:00:05Z"];
        assert_eq!(ticks("@every 1h30m", "UTC", "2026-01-01T00:00:05Z", 2), wanted);
        let schedule = Schedule::read("@every 90s", None, at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(schedule.latest_until(at("2026-01-01T00:01:29Z")), None);
        assert_eq!(schedule.latest_until(at("2026-01-01T00:03:00Z")), Some(at("2026-01-01T00:03:00Z")));
    }

    #[test]
    fn leap_days_and_days_that_never_come() {
        assert_eq!(ticks("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), ["2104-02-29T00:00:00Z"]);
        for line in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            let never = Schedule::read(line, None, Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(matches!(never, ScheduleError::Never { .. }), "{line}");
        }
    }

    #[test]
    fn zones_are_named_as_in_kubernetes() {
        let refused = |zone: &str| Schedule::read("@daily", Some(zone), Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(refused("europe/berlin").to_string().contains("Europe/Berlin"));
        assert!(refused("Europe/Berlim").to_string().contains("Europe/Berlin"));
        assert!(matches!(refused("Local"), ScheduleError::UnknownZone { .. }));
        assert!(matches!(refused(""), ScheduleError::UnknownZone { .. }));
    }
}
