//! How durations, sizes, lists and near misses are written. Fluid's ways of writing, where it has one.

use std::fmt::Write as _;

use k8s_openapi::jiff::Timestamp;

/// Go's way of writing a duration, rounded to whole seconds, as Fluid has it: `1h0m3s`, `2m0s`, `0s`.
#[must_use]
pub fn duration(start: Timestamp, end: Timestamp) -> String {
    let milliseconds = end.as_millisecond().saturating_sub(start.as_millisecond()).max(0);
    let seconds = milliseconds.saturating_add(500) / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// Fluid's way of writing a size: binary units, two decimals: `1.80GiB`, `0.00B`.
#[must_use]
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes.max(0) as f64;
    let mut unit = "B";
    for next in UNITS {
        unit = next;
        if value < 1024.0 {
            break;
        }
        if next != "PiB" {
            value /= 1024.0;
        }
    }
    format!("{value:.2}{unit}")
}

/// `66.7%`; all of nothing is all: `100.0%`.
#[must_use]
pub fn percentage(part: i64, whole: i64) -> String {
    let share = if whole <= 0 { 1.0 } else { (part.max(0) as f64 / whole as f64).min(1.0) };
    format!("{:.1}%", share * 100.0)
}

/// The candidate that `wanted` was probably meant to be, if one is near enough to be worth saying.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ, but always one: `splt`, `splits`, `Dataload`.
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(wanted, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *candidate != wanted)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits from one word to the other; upper and lower case are the same, since that is a common slip.
fn distance(left: &str, right: &str) -> usize {
    strsim::damerau_levenshtein(&left.to_lowercase(), &right.to_lowercase())
}

/// ` Did you mean X?` with its space in front, or nothing.
#[must_use]
pub fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!(" Did you mean {nearest}?")).unwrap_or_default()
}

/// `a, b and c`, at most `limit` of them by name: `a, b and 7 more`.
#[must_use]
pub fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>, limit: usize) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.len() > limit {
        let shown: Vec<&str> = items.iter().take(limit).map(String::as_str).collect();
        return format!("{} and {} more", shown.join(", "), items.len().saturating_sub(limit));
    }
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `text`, cut at a letter so that it has at most `limit` bytes; what was cut is said.
#[must_use]
pub fn clip(text: &str, limit: usize) -> String {
    const MARK: &str = " … (cut)";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(MARK.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let mut clipped = text.get(..end).unwrap_or_default().to_owned();
    // Writing to a String cannot fail.
    let _ = write!(clipped, "{MARK}");
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let check = |milliseconds: i64, wanted: &str| {
            let end = Timestamp::from_millisecond(milliseconds).unwrap();
            assert_eq!(duration(Timestamp::UNIX_EPOCH, end), wanted, "{milliseconds}");
        };
        check(0, "0s");
        check(499, "0s");
        check(500, "1s");
        check(63_000, "1m3s");
        check(120_000, "2m0s");
        check(3_600_000, "1h0m0s");
        check(90_061_000, "25h1m1s");
        check(-5_000, "0s");
    }

    #[test]
    fn sizes_are_written_as_fluid_writes_them() {
        assert_eq!(size(0), "0.00B");
        assert_eq!(size(1023), "1023.00B");
        assert_eq!(size(1536), "1.50KiB");
        assert_eq!(size(1_932_735_283), "1.80GiB");
        assert_eq!(size(i64::MAX), "8192.00PiB");
        assert_eq!(size(-1), "0.00B");
    }

    #[test]
    fn percentages_stay_between_none_and_all() {
        assert_eq!(percentage(2, 3), "66.7%");
        assert_eq!(percentage(0, 0), "100.0%");
        assert_eq!(percentage(9, 3), "100.0%");
        assert_eq!(percentage(-9, 3), "0.0%");
    }

    #[test]
    fn near_misses_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("splt", ["pca", "split", "group"]), Some("split"));
        assert_eq!(nearest("Dataload", ["DataLoad", "Dataset"]), Some("DataLoad"));
        assert_eq!(nearest("xyz", ["pca", "split"]), None);
        assert_eq!(nearest("pca", ["pca"]), None);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list(["a"], 3), "a");
        assert_eq!(list(["a", "b", "c"], 3), "a, b and c");
        assert_eq!(list(["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(list(Vec::<String>::new(), 2), "");
    }

    proptest! {
        #[test]
        fn clipped_text_fits(text in ".{0,200}", limit in 16usize..64) {
            prop_assert!(clip(&text, limit).len() <= limit.max(text.len().min(limit)));
        }
    }
}
