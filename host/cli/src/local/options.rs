//! The options that `run` and `process` share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::overrides::Overrides;
use crate::arguments::Output;

/// How manifests are run on this machine.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Namespace of objects that name none.
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// For people or for programs; each command has its own flag for it.
    #[arg(skip)]
    pub output: Output,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Compute again what was published before.
    #[arg(long)]
    pub fresh: bool,
    /// Give up after so long, such as 90s, 10m or 2h; what goes on is stopped.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Threads of one run; one per processor unless said. Results never depend on it.
    #[arg(long, value_name = "NUMBER")]
    pub threads: Option<NonZeroUsize>,
    /// Flush outputs to the disk before they count as published.
    #[arg(long)]
    pub durable: bool,
    /// Refuse to run modules where the kernel lacks a layer of the sandbox.
    #[arg(long)]
    pub require_sandbox: bool,
    /// A module of your own, by its file; manifests name it as its descriptor does.
    #[arg(long = "module", value_name = "FILE")]
    pub modules: Vec<PathBuf>,
    /// Folder of cache and modules; $XDG_DATA_HOME/millrace unless said.
    #[arg(long, value_name = "FOLDER")]
    pub home: Option<PathBuf>,
    /// Cut partitions of this size instead of 64 MiB; for tests.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(i64).range(1024..), hide_short_help = true)]
    pub partition_bytes: Option<i64>,
    /// Simulate so many nodes on this machine; for tests.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64), hide_short_help = true)]
    pub agents: u16,
}

impl Options {
    /// What is changed in the objects.
    pub fn overrides(&self) -> Overrides {
        Overrides { fresh: self.fresh, partition_bytes: self.partition_bytes }
    }
}

/// `90s`, `10m`, `1h30m`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    let time = parsed.ok().and_then(|time| Duration::try_from(time).ok());
    time.ok_or_else(|| "a time is a number and a unit, such as 90s, 10m or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_units() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert!(duration("soon").is_err() && duration("-5s").is_err());
    }
}
