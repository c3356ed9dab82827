//! Tells whether a command can have a PID file: what would keep the library out of it without a word.

pub mod elf;
mod executable;
pub mod place;
mod program;
pub mod rights;
mod script;
mod typos;

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::library::Library;
use crate::output::{Failure, quoted, shown, status};
use elf::NotElf;
use executable::{check_executable, find_on_path};

/// The kernel gives up a little later.
const MOST_INTERPRETERS: usize = 4;

/// Programs that do not start if their own PID file names a living process (docs/limits.md).
const LOOK_FIRST: &[&str] = &["unicorn", "unicorn_rails", "celery", "monit"];

/// What came out.
pub struct Report {
    /// The file that exec(2) is given.
    pub program: PathBuf,
    /// Why it would have no PID file. It could be started all the same.
    pub findings: Vec<Failure>,
    /// What may matter.
    pub notes: Vec<Failure>,
    /// What is most likely a typing error.
    pub typos: Vec<Failure>,
}

/// What a program is to the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The program may own the file.
    Owner,
    /// The program only has to hand on the environment, to the one that may own the file.
    Launcher,
}

struct Inspection<'a> {
    library: &'a Library,
    only: Option<&'a Path>,
    role: Role,
    interpreters: usize,
    findings: Vec<Failure>,
    notes: Vec<Failure>,
    typos: Vec<Failure>,
}

/// Looks at a command. `only` is the program that may own the file, if not any may.
///
/// # Errors
///
/// If the command cannot be started at all, or would end at once with the library.
pub fn inspect(
    command: &[OsString],
    library: &Library,
    only: Option<&Path>,
) -> Result<Report, Failure> {
    let word = command.first().map(OsString::as_os_str).unwrap_or_default();
    let program = find_on_path(word)?;
    if word.as_bytes().starts_with(b"-") {
        let why = "a command's name that begins with a dash needs its directory";
        return Err(Failure::new(status::NOT_FOUND, shown(word), why)
            .help(format_args!("./{}", shown(word))));
    }
    check_executable(&program)?;
    let mut inspection = Inspection {
        library,
        only,
        role: Role::Owner,
        interpreters: 0,
        findings: Vec::new(),
        notes: Vec::new(),
        typos: typos::misspelt_settings(),
    };
    if !inspection.is_the_one(&program) {
        inspection.role = Role::Launcher;
    }
    let name = shown(&program);
    inspection.examine(&program, &name)?;
    if is_called(&program, &["env"]) {
        inspection.examine_env(&program, &name, &command[1..])?;
    }
    inspection.examine_the_one(&program, command)?;
    if is_called(&program, LOOK_FIRST) {
        let why =
            "looks at its PID file before it writes it, and takes itself for another instance";
        let remedy = "give PIDFILE another path than the program's own PID file has";
        inspection
            .notes
            .push(Failure::new(0, &name, why).help(remedy));
    }
    Ok(Report {
        program,
        findings: inspection.findings,
        notes: inspection.notes,
        typos: inspection.typos,
    })
}

fn is_called(program: &Path, names: &[&str]) -> bool {
    let name = program.file_name().unwrap_or_default();
    names.iter().any(|known| name == *known)
}

impl Inspection<'_> {
    /// Returns whether a program is the one that may own the file.
    fn is_the_one(&self, program: &Path) -> bool {
        let Some(only) = self.only else {
            return true;
        };
        let real = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
        let same = |path: &Path| path == only || path.file_name() == Some(only.as_os_str());
        let leads_there = || {
            only.components().count() > 1 && fs::canonicalize(only).is_ok_and(|only| only == real)
        };
        same(program) || same(&real) || leads_there()
    }

    /// Looks at the program that is named by a path, where the command is another one.
    fn examine_the_one(&mut self, program: &Path, command: &[OsString]) -> Result<(), Failure> {
        let Some(only) = self.only.filter(|_| self.role == Role::Launcher) else {
            return Ok(());
        };
        let name = shown(only);
        if only.components().count() < 2 && !typos::may_start(program, command, only) {
            let why = "is the only program that may own the file, and the command is not it and does not \
                       name it: there is no PID file without it";
            self.typos.push(Failure::new(0, name, why));
        } else if only.components().count() < 2 {
            let why = format!(
                "is not {name}, the only program that may own the file: without that there is none"
            );
            self.notes
                .push(Failure::new(0, "the command", why).help("look at the name after -e"));
        } else if only.exists() {
            self.role = Role::Owner;
            self.examine(only, &name)?;
        } else {
            let finding = Failure::new(
                status::NOT_STARTED,
                name,
                "is to own the file, and is not there",
            );
            self.findings
                .push(finding.help("look at the path after -e"));
        }
        Ok(())
    }

    /// Looks at a file that is to be executed. `what` is how a message calls it.
    fn examine(&mut self, program: &Path, what: &str) -> Result<(), Failure> {
        if File::open(program).is_err() {
            let why = "cannot be read, so that it was not checked";
            self.notes.push(
                Failure::new(0, what, why).help("if it runs without a PID file, check it as root"),
            );
            return Ok(());
        }
        match elf::read(program) {
            Ok(elf) => self.examine_elf(program, what, &elf),
            Err(NotElf::Damaged) => Err(Failure::new(
                status::NOT_EXECUTABLE,
                what,
                "is a program of which not all is there",
            )
            .help("copy or install it again")),
            Err(NotElf::Other) => match script::first_line(program) {
                Some(line) => self.examine_script(program, &line),
                None => Err(Failure::new(
                    status::NOT_EXECUTABLE,
                    what,
                    "is neither a program nor a script that begins with #!",
                )
                .help(format_args!(
                    "start its interpreter: pidfile-run ... /bin/sh {}",
                    quoted(program)
                ))),
            },
        }
    }

    fn examine_script(&mut self, script: &Path, line: &script::Line) -> Result<(), Failure> {
        let name = shown(script);
        if line.has_carriage_return {
            let why = "its lines end as on Windows, so that its interpreter is not found";
            let help = format!("sed -i 's/\\r$//' {}", quoted(script));
            return Err(Failure::new(status::NOT_FOUND, name, why).help(help));
        }
        self.interpreters += 1;
        if self.interpreters > MOST_INTERPRETERS {
            let why = "interpreters of interpreters without end";
            return Err(
                Failure::new(status::NOT_EXECUTABLE, name, why).help("look at its first line")
            );
        }
        let interpreter = &line.interpreter;
        let what = format!("{name}: its interpreter {}", shown(interpreter));
        if !interpreter.exists() {
            return Err(missing(script, interpreter, "is not there"));
        }
        if !is_called(interpreter, &["env"]) {
            if self.role == Role::Launcher && self.is_the_one(interpreter) {
                self.role = Role::Owner;
            }
            return self.examine(interpreter, &what);
        }
        let argument: Vec<OsString> = line.argument.iter().cloned().collect();
        if let Some(word) = &line.argument
            && !word.as_bytes().starts_with(b"-")
            && word.as_bytes().iter().any(u8::is_ascii_whitespace)
        {
            let why = format!(
                "{} gets `{}` as one word, and finds no such program",
                shown(interpreter),
                shown(word)
            );
            let help = format!("begin it with #!{} -S {}", shown(interpreter), shown(word));
            return Err(Failure::new(status::NOT_FOUND, name, why).help(help));
        }
        let role = std::mem::replace(&mut self.role, Role::Launcher);
        self.examine(interpreter, &what)?;
        self.role = role;
        self.examine_env(script, &name, &argument)
    }

    /// Looks at what env(1) starts.
    fn examine_env(
        &mut self,
        by: &Path,
        name: &str,
        arguments: &[OsString],
    ) -> Result<(), Failure> {
        let env = script::env(arguments);
        let Some(word) = env.program else {
            return Ok(());
        };
        if env.clears {
            let why = "has env take away LD_PRELOAD or the settings";
            self.findings.push(
                Failure::new(status::NOT_STARTED, name, why)
                    .help("put it first: env -i ... pidfile-run ... COMMAND"),
            );
        }
        let Ok(program) = find_on_path(&word) else {
            return Err(missing(by, Path::new(&word), "is not on the PATH"));
        };
        if self.role == Role::Launcher && self.is_the_one(&program) {
            self.role = Role::Owner;
        }
        let what = format!("{name}: its interpreter {}", shown(&program));
        self.examine(&program, &what)
    }
}

fn missing(script: &Path, interpreter: &Path, why: &str) -> Failure {
    let why = format!("its interpreter {} {why}", shown(interpreter));
    Failure::new(status::NOT_FOUND, shown(script), why).help(format_args!(
        "install it, or start another one: pidfile-run ... INTERPRETER {}",
        quoted(script)
    ))
}
