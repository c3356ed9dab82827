//! Runs `pidfile-run status FILE`: tells whether its owner runs.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli;
use crate::output::{Failure, quoted, say, say_json, shown, status};
use crate::owner::{self, Look, State, process};

pub fn run(asked: cli::Status) -> Result<u8, Failure> {
    let path = asked.file.path();
    let look = owner::look(&path);
    owner::not_ourselves(&look, &path, status::NOT_KNOWN)?;
    let exit = exit_status(&look.state);
    if asked.json {
        say_json(&as_json(&path, &look));
        return Ok(exit);
    }
    let file = shown(&path);
    match &look.state {
        State::Owned(owner) => match owner.pid {
            None => say(format_args!(
                "{file}: its owner runs, PID {} in a container or another PID namespace; to stop it: pidfile-run stop {}",
                owner.named,
                quoted(&path)
            )),
            Some(pid) if pid != owner.named => say(format_args!(
                "{file}: PID {pid} runs, which is {} in its container: {}",
                owner.named,
                process::command(pid)
            )),
            Some(pid) => say(format_args!(
                "{file}: PID {pid} runs: {}",
                process::command(pid)
            )),
        },
        State::Unlocked(pid) => {
            say(format_args!(
                "{file}: PID {pid} runs: {}",
                process::command(*pid)
            ));
            unlocked(&path).tell_as_note();
        }
        State::Stale => {
            say(format_args!(
                "{file}: nobody runs: the file is left over, and the next start takes it over"
            ));
        }
        State::Absent => say(format_args!(
            "{file}: nobody runs: there is no such file; to start: pidfile-run -p {} -- COMMAND",
            quoted(&path)
        )),
        state => objection(&path, state).with_status(exit).tell(),
    }
    Ok(exit)
}

fn exit_status(state: &State) -> u8 {
    match state {
        State::Owned(_) | State::Unlocked(_) => status::DONE,
        State::Stale => status::LEFT_OVER,
        State::Absent => status::NO_FILE,
        State::Foreign { .. } | State::NotAPidFile | State::Unknown(_) => status::NOT_KNOWN,
    }
}

fn unlocked(path: &Path) -> Failure {
    let why = "nobody holds its lock (PIDFILE_WATCH=off, or the program has called exec out of the library's reach)";
    let help = format!(
        "deleting it stops nothing, pidfile-run signal TERM {} does",
        quoted(path)
    );
    Failure::new(0, shown(path), why).help(help)
}

/// Returns why nothing is done with a file that is not known to be a PID file of ours.
pub fn objection(path: &Path, state: &State) -> Failure {
    let fail = |why: String| Failure::new(status::NOT_DONE, shown(path), why);
    match state {
        State::Foreign {
            pid,
            may_be_seen: true,
        } => {
            let command = process::command(*pid);
            fail(format!("names PID {pid}, which runs ({command}), and nobody holds its lock: it may be another program's"))
                .help(format_args!("to end that program: kill {pid}"))
                .help(format_args!("if the file is left over, and the PID another's by now: rm {}", quoted(path)))
        }
        State::Foreign { pid, .. } => fail(format!(
            "has no lock, and whether PID {pid} owns it may not be seen"
        ))
        .help(format_args!(
            "ask as root, or see what that is: ps -p {pid}"
        )),
        State::NotAPidFile => {
            fail("is no PID file, and is left alone".into()).help("look at the path")
        }
        State::Unknown(failure) => failure.clone().with_status(status::NOT_DONE),
        _ => fail("is not what it was a moment ago".into()).help("try again"),
    }
}

/// Returns what `--json` prints, as the manual documents it.
pub fn as_json(path: &Path, look: &Look) -> Value {
    let pid = look.pid();
    let state = match &look.state {
        State::Owned(_) => "owned",
        State::Unlocked(_) => "unlocked",
        State::Foreign { .. } => "foreign",
        State::Stale => "stale",
        State::Absent => "absent",
        State::NotAPidFile => "no-pid-file",
        State::Unknown(_) => "unknown",
    };
    let why = match &look.state {
        State::Unknown(failure) => Some(failure.why.clone()),
        _ => None,
    };
    json!({
        "file": path.to_string_lossy(),
        "state": state,
        "named": look.named,
        "pid": pid,
        "age": pid.and_then(process::age),
        "command": pid.map(process::command),
        "why": why,
    })
}
