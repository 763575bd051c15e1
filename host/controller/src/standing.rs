//! How a controller stands: what `/readyz` answers, and what tests wait for.

use std::fmt;

/// Where a controller is between its start and its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// It has not asked anything yet.
    #[default]
    Starting,
    /// The API server does not answer, or says no.
    Unreachable {
        /// In its own words.
        why: String,
    },
    /// Another controller works; this one takes over when that one ends.
    StandingBy {
        /// Which.
        holder: String,
    },
    /// It may work, and lists every kind first.
    Listing,
    /// It works.
    Working,
    /// It was asked to stop.
    Stopping,
}

impl Standing {
    /// Whether it does what is expected of it, be it working or standing by.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::StandingBy { .. } | Self::Working)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => formatter.write_str("starting"),
            Self::Unreachable { why } => write!(formatter, "the API server cannot be reached: {why}"),
            Self::StandingBy { holder } => write!(formatter, "standing by for {holder}"),
            Self::Listing => formatter.write_str("listing"),
            Self::Working => formatter.write_str("working"),
            Self::Stopping => formatter.write_str("stopping"),
        }
    }
}
