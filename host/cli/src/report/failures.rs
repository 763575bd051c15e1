//! What is said of steps that failed: what, why, what to do next, and the end of the log.

use console::Style;

use crate::local::step::Step;

/// Everything that a person needs to know of the failed steps; empty where none failed.
pub fn describe(steps: &[Step]) -> String {
    steps.iter().filter(|step| step.is_over() && !step.is_complete()).map(one).collect::<Vec<_>>().join("\n")
}

fn one(step: &Step) -> String {
    let red = Style::new().for_stderr().red().bold();
    if step.gone {
        return format!("{} {} was deleted while it was waited for\n", red.apply_to("gone:"), step.title());
    }
    let status = &step.status;
    let reason = status.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let mut text = format!("{} {}{reason}\n", red.apply_to("failed:"), step.title());
    push(&mut text, "what", &status.message);
    if let Some(reason) = status.reason {
        push(&mut text, "why", reason.meaning());
        push(&mut text, "next", reason.remedy());
    }
    push(&mut text, "log", status.log_tail.trim_end());
    text
}

/// A titled paragraph; nothing where there is nothing to say.
fn push(text: &mut String, title: &str, said: &str) {
    for (index, line) in said.lines().enumerate() {
        let title = if index == 0 { format!("{title}:") } else { String::new() };
        text.push_str(format!("  {title:5} {line}").trim_end());
        text.push('\n');
    }
}
