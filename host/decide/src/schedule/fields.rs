//! Reading the five fields, word for word as a CronJob reads them; 7 is Sunday as well, as in crontab(5).

use k8s_openapi::jiff::SignedDuration;
use k8s_openapi::jiff::civil::Date;

use super::error::ScheduleError;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A set of small numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    fn of(first: u32, last: u32, step: u32) -> Self {
        let step = usize::try_from(step).unwrap_or(usize::MAX).max(1);
        Self((first..=last).step_by(step).fold(0, |bits, number| bits | 1_u64.wrapping_shl(number)))
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, number: i8) -> bool {
        self.first_from(number) == Some(number)
    }

    /// The smallest member that is at least `number`.
    pub(super) fn first_from(self, number: i8) -> Option<i8> {
        let below = u32::try_from(number.max(0)).unwrap_or(0);
        let rest = self.0 & u64::MAX.checked_shl(below).unwrap_or(0);
        (rest != 0).then(|| i8::try_from(rest.trailing_zeros()).ok())?
    }

    /// The largest member that is at most `number`.
    pub(super) fn last_until(self, number: i8) -> Option<i8> {
        let above = 63_u32.checked_sub(u32::try_from(number).ok()?)?;
        let rest = self.0 & u64::MAX.checked_shr(above).unwrap_or(0);
        (rest != 0).then(|| i8::try_from(63_u32.saturating_sub(rest.leading_zeros())).ok())?
    }
}

/// Which minutes of which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) minutes: Set,
    pub(super) hours: Set,
    days: Set,
    months: Set,
    /// Sunday is 0.
    weekdays: Set,
    /// Both day fields say something: a day need fit only one of them.
    either_day: bool,
}

/// A field: its name, its numbers and their names.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of month", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: &MONTHS },
    Field { name: "day of week", least: 0, most: 7, names: &WEEKDAYS },
];

impl Fields {
    /// Reads a line of five fields, or a word such as `@daily`.
    pub(super) fn read(line: &str) -> Result<Self, ScheduleError> {
        let line = line.trim();
        if line.starts_with("TZ=") || line.starts_with("CRON_TZ=") {
            return Err(ScheduleError::ZoneInLine);
        }
        let line = if line.starts_with('@') { described(line)? } else { line };
        let words: Vec<&str> = line.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words.as_slice() else {
            return Err(ScheduleError::FieldCount { line: line.to_owned(), found: words.len() });
        };
        let [minutes, hours, days, months, weekdays] = FIELDS;
        let (days, any_day) = days.read(day)?;
        let (weekdays, any_weekday) = weekdays.read(weekday)?;
        let sunday = if weekdays.has(7) { Set::of(0, 0, 1) } else { Set::default() };
        Ok(Self {
            minutes: minutes.read(minute)?.0,
            hours: hours.read(hour)?.0,
            days,
            months: months.read(month)?.0,
            weekdays: weekdays.and(sunday),
            either_day: !any_day && !any_weekday,
        })
    }

    /// Whether anything may be due on that day.
    pub(super) fn has_day(&self, date: Date) -> bool {
        let day = self.days.has(date.day());
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset());
        let fits = if self.either_day { day || weekday } else { day && weekday };
        fits && self.months.has(date.month())
    }
}

fn described(word: &str) -> Result<&'static str, ScheduleError> {
    match word {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        _ => Err(ScheduleError::Descriptor { word: word.to_owned() }),
    }
}

impl Field {
    /// The field's numbers, and whether it is `*`: every one, because nothing was said.
    fn read(&self, text: &str) -> Result<(Set, bool), ScheduleError> {
        let (mut all, mut any) = (Set::default(), false);
        // An empty part (`1,,2`) is left out, as a CronJob does.
        let parts: Vec<&str> = text.split(',').filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Err(self.word(text));
        }
        for part in parts {
            let (set, star) = self.part(part)?;
            all = all.and(set);
            any |= star;
        }
        Ok((all, any))
    }

    /// `*`, `5`, `1-5`, each with an optional `/step`.
    fn part(&self, part: &str) -> Result<(Set, bool), ScheduleError> {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => {
                let step = step.parse::<u32>().ok().filter(|step| *step > 0);
                (range, Some(step.ok_or_else(|| ScheduleError::Step { word: part.to_owned() })?))
            }
        };
        let star = matches!(range, "*" | "?");
        let (first, last) = match range.split_once('-') {
            _ if star => (self.least, self.most_of_star()),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None => {
                let first = self.number(range)?;
                // `5/15` is `5-59/15`.
                (first, if step.is_some() { self.most_of_star().max(first) } else { first })
            }
        };
        if first < self.least || last > self.most {
            let expected = self.expected();
            return Err(ScheduleError::Range { field: self.name, word: part.to_owned(), expected });
        }
        if first > last {
            return Err(ScheduleError::Backwards { word: part.to_owned() });
        }
        // A CronJob takes `*/2` as saying something about days, and `*/1` as saying nothing.
        Ok((Set::of(first, last, step.unwrap_or(1)), star && step.unwrap_or(1) == 1))
    }

    /// The largest number that `*` stands for: Sunday is there once.
    fn most_of_star(&self) -> u32 {
        if self.names.len() == 7 { 6 } else { self.most }
    }

    fn number(&self, word: &str) -> Result<u32, ScheduleError> {
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            return word.parse().map_err(|_| self.word(word));
        }
        let place = self.names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let place = place.and_then(|place| u32::try_from(place).ok()).ok_or_else(|| self.word(word))?;
        Ok(place.saturating_add(self.least))
    }

    fn word(&self, word: &str) -> ScheduleError {
        ScheduleError::Word { field: self.name, word: word.to_owned(), expected: self.expected() }
    }

    /// `1-12 or jan-dec`.
    fn expected(&self) -> String {
        let numbers = format!("{}-{}", self.least, self.most);
        match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!("{numbers} or {first}-{last}"),
            _ => numbers,
        }
    }
}

/// Go's way of writing a duration, such as `1h30m`, in whole seconds of at least one.
pub(super) fn period(text: &str) -> Result<SignedDuration, ScheduleError> {
    let refused = || ScheduleError::Period { word: text.trim().to_owned() };
    let (mut rest, mut seconds) = (text.trim(), 0_i64);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(refused)?;
        let (number, unit) = rest.split_at_checked(digits).ok_or_else(refused)?;
        let unit_seconds = match unit.chars().next() {
            Some('h') => 3600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(refused()),
        };
        let number: i64 = number.parse().map_err(|_| refused())?;
        let more = number.checked_mul(unit_seconds).ok_or_else(refused)?;
        seconds = seconds.checked_add(more).ok_or_else(refused)?;
        rest = unit.get(1..).unwrap_or_default();
    }
    (seconds > 0).then(|| SignedDuration::from_secs(seconds)).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(set: Set) -> Vec<i8> {
        (0..60).filter(|number| set.has(*number)).collect()
    }

    #[test]
    fn fields_read_as_a_cronjob_reads_them() {
        let minutes = |text: &str| numbers(Fields::read(&format!("{text} * * * *")).unwrap().minutes);
        assert_eq!(minutes("5"), [5]);
        assert_eq!(minutes("1-4,9"), [1, 2, 3, 4, 9]);
        assert_eq!(minutes("*/20"), [0, 20, 40]);
        assert_eq!(minutes("10/20"), [10, 30, 50]);
        assert_eq!(minutes("10-30/10"), [10, 20, 30]);
        assert_eq!(minutes("?/30"), [0, 30]);
        assert_eq!(minutes("05"), [5]);
        let weekdays = |text: &str| {
            let fields = Fields::read(&format!("0 0 * * {text}")).unwrap();
            numbers(fields.weekdays).into_iter().filter(|day| *day < 7).collect::<Vec<_>>()
        };
        assert_eq!(weekdays("7"), [0]);
        assert_eq!(weekdays("5-7"), [0, 5, 6]);
        assert_eq!(weekdays("Mon-FRI"), [1, 2, 3, 4, 5]);
        assert_eq!(weekdays("*/2"), [0, 2, 4, 6]);
        assert_eq!(numbers(Fields::read("0 0 1 feb,Nov *").unwrap().months), [2, 11]);
    }

    #[test]
    fn days_are_joined_by_or_only_where_both_say_something() {
        let fits = |line: &str, day: i8| Fields::read(line).unwrap().has_day(Date::constant(2026, 11, day));
        // 13 November 2026 is a Friday.
        assert!(fits("0 0 13 * 1", 13) && fits("0 0 13 * 1", 16) && !fits("0 0 13 * 1", 17));
        assert!(fits("0 0 * * fri", 13) && !fits("0 0 * * fri", 14));
        assert!(fits("0 0 */1 * fri", 13) && !fits("0 0 */1 * fri", 15));
        assert!(fits("0 0 */2 * fri", 15), "a step says something");
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let words = [
            ("* * * *", "needs five"),
            ("0 0 2 * * *", "needs five"),
            ("60 * * * *", "0-59"),
            ("* * 0 * *", "1-31"),
            ("* * * * 8", "0-7 or sun-sat"),
            ("* * * mars *", "1-12 or jan-dec"),
            ("5-1 * * * *", "turn it round"),
            ("*/0 * * * *", "at least 1"),
            ("*/x * * * *", "at least 1"),
            ("-5 * * * *", "minute"),
            (", * * * *", "minute"),
            ("@fortnightly", "@daily"),
            ("TZ=UTC 0 0 * * *", "timeZone"),
        ];
        for (line, wanted) in words {
            let told = Fields::read(line).unwrap_err().to_string();
            assert!(told.contains(wanted), "{line}: {told}");
        }
        for text in ["", "0s", "1d", "90", "-5m", "99999999999999999999h"] {
            assert!(period(text).is_err(), "{text}");
        }
    }
}
