//! What this terminal can show, and the few things that everything writes to it.

use std::io::Write;

use clap::ValueEnum;
use console::{Style, Term};
use millrace_crds::common::Phase;
use tracing_subscriber::EnvFilter;

use crate::manifest::fault::{Fault, Look};

/// Columns where the terminal does not say.
const WIDTH: u16 = 100;

/// How the log of a part of a cluster is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line of words.
    #[default]
    Text,
    /// A line of JSON.
    Json,
}

/// Writes a log to standard error: always from a part of a cluster (`format`), else if it is asked
/// for by `-v` or `MILLRACE_LOG`.
pub fn start_log(verbose: u8, format: Option<LogFormat>) {
    let filter = match (std::env::var("MILLRACE_LOG"), verbose, format) {
        (Ok(filter), 0, _) => filter,
        (_, 0, None) => return,
        (_, 0, Some(_)) | (_, 1, None) => "info".to_owned(),
        (_, 2, None) | (_, 1, Some(_)) => "debug".to_owned(),
        (_, _, _) => "trace".to_owned(),
    };
    let colors = console::colors_enabled_stderr();
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr);
    // A second log would be a mistake of this program's own; the first one stays.
    let _ = match format {
        Some(LogFormat::Json) => log.json().flatten_event(true).try_init(),
        _ => log.with_ansi(colors).try_init(),
    };
}

/// How standard error wants to be written to.
pub fn look() -> Look {
    let width = Term::stderr().size_checked().map_or(WIDTH, |(_, columns)| columns);
    Look {
        color: console::colors_enabled_stderr(),
        unicode: supports_unicode::on(supports_unicode::Stream::Stderr),
        width: usize::from(width.max(40)),
    }
}

/// Writes the answer to standard output. A reader that went away (`| head`) is no error.
pub fn answer(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes a line for the person at the terminal to standard error.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Everything that is wrong with manifests, each with its place.
pub fn print_faults(faults: &[Fault]) {
    let look = look();
    for fault in faults {
        tell(fault.render(look).trim_end());
        tell("");
    }
    let count = faults.len();
    let red = Style::new().for_stderr().red().bold();
    tell(&format!(
        "{} {count} {} in the manifests; nothing was started",
        red.apply_to("invalid:"),
        if count == 1 { "fault" } else { "faults" }
    ));
}

/// What is right here and would not be elsewhere.
pub fn print_warnings(warnings: &[Fault]) {
    let yellow = Style::new().for_stderr().yellow().bold();
    for warning in warnings {
        tell(&format!("{} {}: {warning}", yellow.apply_to("warning:"), warning.location()));
    }
}

/// An error and what caused it.
pub fn print_error(error: &anyhow::Error) {
    let red = Style::new().for_stderr().red().bold();
    tell(&format!("{} {error}", red.apply_to("error:")));
    for cause in error.chain().skip(1) {
        tell(&format!("  because: {cause}"));
    }
}

/// The colour that goes with a state's word, on standard error or standard output.
pub fn state_style(phase: Phase) -> Style {
    match phase {
        Phase::Complete => Style::new().green(),
        Phase::Failed => Style::new().red().bold(),
        Phase::Executing => Style::new().cyan(),
        Phase::Pending | Phase::Suspended => Style::new().dim(),
    }
}
