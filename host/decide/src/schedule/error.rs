//! What can be wrong with a schedule, in words that say what to write instead.

/// Why a schedule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not five fields.
    #[error(
        "{line:?} has {found} fields and needs five: minute, hour, day of month, month, day of week, such as `0 2 * * *`"
    )]
    FieldCount {
        /// The line.
        line: String,
        /// How many it has.
        found: usize,
    },
    /// A word that is neither a number nor a name of that field.
    #[error("{word:?} is no {field}: give {expected}")]
    Word {
        /// Which field.
        field: &'static str,
        /// The word.
        word: String,
        /// What may stand there.
        expected: String,
    },
    /// A number that the field does not have.
    #[error("{word:?} is outside the {field}'s range: give {expected}")]
    Range {
        /// Which field.
        field: &'static str,
        /// The part of the field.
        word: String,
        /// What may stand there.
        expected: String,
    },
    /// A range that ends before it begins.
    #[error("{word:?} ends before it begins: turn it round, or write two ranges with a comma")]
    Backwards {
        /// The part of the field.
        word: String,
    },
    /// A step that is not a number of at least 1.
    #[error("{word:?} has a step that is no number of at least 1, as in `*/5`")]
    Step {
        /// The part of the field.
        word: String,
    },
    /// A word with `@` that is not known.
    #[error("{word:?} is not known: @yearly, @monthly, @weekly, @daily, @hourly and `@every 1h30m` are")]
    Descriptor {
        /// The word.
        word: String,
    },
    /// `@every` with something that is no duration.
    #[error("{word:?} is no duration of at least one second, such as `1h30m` or `45s`")]
    Period {
        /// The word.
        word: String,
    },
    /// The zone stands in the line.
    #[error("a zone in the line (TZ=…) is refused, as in a CronJob: give it in timeZone")]
    ZoneInLine,
    /// A zone that is not in the IANA database.
    #[error("timeZone {name:?} is not in the IANA database{hint}")]
    UnknownZone {
        /// What was given.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// Well formed, and never due.
    #[error("{line:?} never falls due: no month that it names has such a day")]
    Never {
        /// The line.
        line: String,
    },
}
