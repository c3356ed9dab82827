//! Runs `pidfile-run check COMMAND`: tells what a start would do, and starts nothing.

use serde_json::json;

use super::start::{self, Plan};
use crate::cli;
use crate::output::{Failure, say, say_json, shown, status};
use crate::settings::variable;

pub fn run(asked: cli::Check) -> Result<u8, Failure> {
    let planned = start::plan(&asked.settings, &asked.command);
    if asked.json {
        let (exit, value) = as_json(&asked, &planned);
        say_json(&value);
        return Ok(exit);
    }
    let plan = planned?;
    let notes = plan.report.typos.iter().chain(&plan.report.notes);
    notes.for_each(Failure::tell_as_note);
    let objections: Vec<&Failure> = plan.report.findings.iter().chain(&plan.refusal).collect();
    for objection in &objections {
        objection.tell();
    }
    if let Some(first) = objections.first() {
        return Ok(first.status);
    }
    say(format_args!(
        "{}: would run with the PID file {}",
        shown(&plan.report.program),
        shown(&plan.file)
    ));
    Ok(status::DONE)
}

fn as_json(asked: &cli::Check, planned: &Result<Plan, Failure>) -> (u8, serde_json::Value) {
    let said = |failure: &Failure| json!({ "what": failure.what, "why": failure.why, "help": failure.help });
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let command: Vec<String> = asked
        .command
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let (plan, failures): (Option<&Plan>, Vec<&Failure>) = match planned {
        Ok(plan) => (
            Some(plan),
            plan.report.findings.iter().chain(&plan.refusal).collect(),
        ),
        Err(failure) => (None, vec![failure]),
    };
    let exit = failures
        .first()
        .map_or(status::DONE, |failure| failure.status);
    let notes = plan.map(|plan| plan.report.typos.iter().chain(&plan.report.notes));
    let notes = notes.map(|notes| notes.map(said).collect::<Vec<_>>());
    let preload = plan.map(|plan| plan.library.preload(variable("LD_PRELOAD").as_deref()));
    let value = json!({
        "command": command,
        "starts": failures.is_empty(),
        "status": exit,
        "program": plan.map(|plan| text(&plan.report.program)),
        "file": plan.map(|plan| text(&plan.file)),
        "library": plan.map(|plan| text(&plan.library.path)),
        "preload": preload.map(|preload| preload.to_string_lossy().into_owned()),
        "findings": failures.iter().map(|failure| said(failure)).collect::<Vec<_>>(),
        "notes": notes.unwrap_or_default(),
    });
    (exit, value)
}
