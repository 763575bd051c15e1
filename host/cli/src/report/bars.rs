//! One bar per step, for a terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use millrace_crds::common::Phase;

use super::View;
use super::lines::detail;
use super::numbers;
use crate::local::step::Step;
use crate::terminal::state_style;

/// A bar per step.
pub struct Bars {
    all: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
}

/// How often a bar moves while nothing is reported.
const TICK: Duration = Duration::from_millis(100);

impl Bars {
    /// For these steps, in their order.
    pub fn new(steps: &[Step]) -> Self {
        let all = MultiProgress::new();
        let width = steps.iter().map(|step| step.label().len()).max().unwrap_or(0);
        let bar = |step: &Step| {
            let bar = all.add(ProgressBar::new(100));
            bar.set_style(quiet());
            bar.set_prefix(format!("{:width$}", step.label()));
            bar.set_message(shown(step));
            (step.title(), bar)
        };
        let bars = steps.iter().map(bar).collect();
        Self { all, bars }
    }
}

impl View for Bars {
    fn changed(&mut self, step: &Step) {
        let Some(bar) = self.bars.get(&step.title()) else { return };
        if step.is_over() {
            bar.set_style(quiet());
            bar.finish_with_message(shown(step));
            return;
        }
        if step.status.phase == Phase::Executing {
            bar.set_style(moving());
            bar.enable_steady_tick(TICK);
            let done = step.status.done.clone().unwrap_or_default();
            bar.set_length(u64::try_from(done.bytes_total).unwrap_or(0).max(1));
            bar.set_position(u64::try_from(done.bytes_done).unwrap_or(0));
        }
        bar.set_message(shown(step));
    }

    fn say(&mut self, line: &str) {
        // A terminal that went away is no reason to stop the run.
        let _ = self.all.println(line);
    }

    fn finish(&mut self) {
        for bar in self.bars.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}

fn quiet() -> ProgressStyle {
    ProgressStyle::with_template("{prefix}  {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn moving() -> ProgressStyle {
    let template = "{prefix}  {msg}  {bar:24} {percent:>3}%  {binary_bytes_per_sec}  {elapsed}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸ ")
}

/// The state's word, coloured, and what goes with it.
fn shown(step: &Step) -> String {
    let phase = step.status.phase;
    let word = state_style(phase).for_stderr().apply_to(format!("{phase:9}"));
    let rows = step.status.done.as_ref().map_or(0, |done| done.rows_done);
    let rows = if phase == Phase::Executing && rows > 0 {
        format!("  {} rows", numbers::count(rows))
    } else {
        String::new()
    };
    format!("{word}  {}{rows}", detail(step))
}
