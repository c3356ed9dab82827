//! Runs `pidfile-run [OPTION]... COMMAND`: looks whether it can have a PID file, and becomes it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::cli::{self, Settings};
use crate::exec::Image;
use crate::inspect::{self, Report, place};
use crate::library::Library;
use crate::location::absolute;
use crate::output::{self, Failure, shown, status};
use crate::settings::variable;

/// Words that other tools have for it.
const ELSEWHERE: [&str; 7] = [
    "start", "restart", "run", "kill", "reload", "version", "info",
];

/// What is known before anything is started.
pub struct Plan {
    pub file: PathBuf,
    pub library: Library,
    pub report: Report,
    /// Why the file cannot be had.
    pub refusal: Option<Failure>,
}

/// Looks at all that a start with these settings takes.
///
/// # Errors
///
/// Why nothing can be started, not even without a PID file.
pub fn plan(settings: &Settings, command: &[OsString]) -> Result<Plan, Failure> {
    let Some(file) = settings.file(command)? else {
        return Err(no_file(command));
    };
    let mut library = Library::find(settings.library.as_deref())?;
    let only = settings.only();
    let mut report = inspect::inspect(command, &library, only.as_deref());
    if report.is_err()
        && let Some(for_musl) = library.for_musl()
        && let Ok(better) = inspect::inspect(command, &for_musl, only.as_deref())
    {
        (library, report) = (for_musl, Ok(better));
    }
    let report = report?;
    let refusal = place::check(&file).err();
    Ok(Plan {
        file,
        library,
        report,
        refusal,
    })
}

pub fn run(asked: cli::Start) -> Result<u8, Failure> {
    let settings = &asked.settings;
    let command = &asked.command;
    if command.is_empty() {
        let failure = Failure::new(status::NOT_STARTED, "", "no command");
        return Err(failure.help("pidfile-run -p FILE -- COMMAND (all of it: pidfile-run --help)"));
    }
    let plan = plan(settings, command)?;
    let is_strict = !asked.force
        && (settings.strict || variable("PIDFILE_STRICT").is_none_or(|value| value != "0"));
    for finding in &plan.report.findings {
        if asked.force {
            finding.tell_as_note();
        } else {
            return Err(finding
                .clone()
                .help("or --force to start it without a PID file"));
        }
    }
    match plan.refusal {
        Some(refusal) if is_strict => return Err(refusal),
        _ => {}
    }
    plan.report.typos.iter().for_each(Failure::tell_as_note);
    if settings.traces() {
        plan.report.notes.iter().for_each(Failure::tell_as_note);
    }
    let mut variables = settings.variables()?;
    let preload = plan.library.preload(variable("LD_PRELOAD").as_deref());
    variables.push(("LD_PRELOAD", preload));
    if is_strict && !settings.strict {
        variables.push(("PIDFILE_STRICT", "1".into()));
    }
    let mut program = plan.report.program;
    if asked.background {
        // It is started in another directory.
        program = absolute(&program)?;
    }
    let image = Image::new(&program, command, &variables);
    if asked.background {
        return super::background::start(&image, &program, &plan.file, settings.only().is_some());
    }
    Err(not_executed(&program, image.exec()))
}

pub fn not_executed(program: &Path, errno: Errno) -> Failure {
    let status = if errno == Errno::NOENT {
        status::NOT_FOUND
    } else {
        status::NOT_EXECUTABLE
    };
    Failure::new(
        status,
        shown(program),
        format!("cannot be started: {}", output::Errno(errno)),
    )
}

fn no_file(command: &[OsString]) -> Failure {
    let word = command.first().map(shown).unwrap_or_default();
    if !ELSEWHERE.contains(&word.as_str()) {
        return Failure::new(status::NOT_STARTED, "", "no PID file").help("name one with -p FILE");
    }
    let failure = Failure::new(status::NOT_STARTED, &word, "there is no such sub-command");
    match word.as_str() {
        "kill" | "reload" => failure.help("pidfile-run signal NAME FILE"),
        "version" | "info" => failure.help("pidfile-run --version"),
        _ => failure.help("to start a program: pidfile-run -p FILE -- COMMAND"),
    }
}
