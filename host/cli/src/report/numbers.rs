//! Numbers as people read them.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};

/// `1,438`.
pub fn count(number: i64) -> String {
    HumanCount(u64::try_from(number).unwrap_or(0)).to_string()
}

/// `1.4 MiB`.
pub fn bytes(number: i64) -> String {
    HumanBytes(u64::try_from(number).unwrap_or(0)).to_string()
}

/// `40ms`, `1.4s`, `12s`, `3m20s`, `2h05m`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(count(1_234_567), "1,234,567");
        for (milliseconds, wanted) in
            [(40, "40ms"), (1_440, "1.4s"), (59_999, "59s"), (200_000, "3m20s"), (7_500_000, "2h05m")]
        {
            assert_eq!(duration(Duration::from_millis(milliseconds)), wanted);
        }
    }
}
