//! What of the runner's sandbox this kernel has: a confined child tries what must be refused.

use millrace_node::ProgramCommand;
use millrace_node::sandbox::{self, LayerReport};

use super::Check;

/// One check per layer.
pub(super) fn checks() -> Vec<Check> {
    match sandbox::probe(&ProgramCommand::current("runner")) {
        Ok(reports) => reports.iter().map(check).collect(),
        Err(error) => {
            let said = format!("{:#}", anyhow::Error::from(error));
            vec![Check::lacking(
                "sandbox",
                said,
                "runs would fail the same way: report it with `millrace version -o json`",
            )]
        }
    }
}

fn check(report: &LayerReport) -> Check {
    let name = format!("sandbox: {}", report.layer.name());
    if let Some(why) = &report.missing {
        let advice = "runs go on without this layer, the others hold; --require-sandbox refuses instead";
        return Check::lacking(name, format!("not there: {why}"), advice);
    }
    let allowed: Vec<_> = report
        .attempts
        .iter()
        .filter(|attempt| !attempt.refused)
        .map(|attempt| attempt.what.as_str())
        .collect();
    if allowed.is_empty() {
        return Check::ok(
            name,
            format!("there; refused {} of {} attempts", report.attempts.len(), report.attempts.len()),
        );
    }
    Check::lacking(
        name,
        format!("did not refuse: {}", allowed.join(", ")),
        "do not run modules you do not trust on this machine",
    )
}
