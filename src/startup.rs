//! Decides, before `main`, whether this process takes part, and has the file claimed.

mod descent;

use once_cell::sync::OnceCell;

use crate::endings::{self, last_thread, main_thread, signals};
use crate::hooks::{self, candidate, fork};
use crate::ownership::host_file;
use crate::ownership::owned_file::Claim;
use crate::ownership::state;
use crate::pidfile::location::Location;
use crate::pidfile::refusal::Refusal;
use crate::settings::config::Config;
use crate::settings::env::{self, Variables, executed};
use crate::settings::exec_state::{self, ExecState, Origin, Role};
use crate::sys::entry::{contained, guarded};
use crate::sys::fs::{directory_of, stat};
use crate::sys::text::escaped;
use crate::sys::{self, Errno, c_library, objects, procfs, sigset::SignalsBlocked};
use crate::{keeper, report};

/// The settings of this process, for as long as it lives.
static CONFIG: OnceCell<Config> = OnceCell::new();

/// Finds out whether there is a setting for this process, and follows it.
///
/// Context: host thread before main. All up to that runs in every child process of every host, so it makes no system call,
/// allocates nothing and starts no thread. Cancellation is not asked for: nothing there is a cancellation point, and
/// dlopen(3) is not async-cancel-safe itself (pthreads(7)).
pub fn run() {
    let mut variables = Variables::default();
    if let Some(setting) = contained(None, || find_setting(&mut variables)) {
        guarded((), || follow(setting, &variables));
    }
}

/// Reads the variables, and returns the setting that names the file. `None`: there is nothing to do.
fn find_setting(variables: &mut Variables<'static>) -> Option<&'static [u8]> {
    hooks::prepare();
    // SAFETY: getauxval(3) takes a number, and returns 0 for a value that is not there.
    if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        return None;
    }
    // SAFETY: both vectors are null or those of execve(2). Nothing changes them before main, and nothing of them is used
    // after that.
    unsafe {
        *variables = Variables::read(sys::environment());
        variables.setting(c_library::arguments())
    }
}

/// Decides whether this process is meant by the setting, and has it take part.
fn follow(setting: &'static [u8], variables: &Variables<'static>) {
    let state = variables.state_for(setting);
    let may_own = match state {
        // Somebody else's child.
        Some(state) if !state.is_of_this_process() => {
            exec_state::keep(
                variables.exec_state.unwrap_or_default(),
                origin(setting, variables),
            );
            false
        }
        // Who owns the file goes on owning it, whatever it executes.
        Some(state) if state.role == Role::Owner => true,
        // Launchers that are not meant.
        _ if variables.wants_this_program() => true,
        _ => {
            report_other_program(setting, variables);
            false
        }
    };
    if may_own && !is_second_copy() {
        take_part(setting, state, variables);
    }
}

/// Says that `PIDFILE_EXE` names another program than this one. Only to those who asked to see every event: the setting
/// is there to keep launchers out, and there it is right.
fn report_other_program(setting: &[u8], variables: &Variables) {
    if !report::wants_details(variables.log()) {
        return;
    }
    let _blocked = SignalsBlocked::new();
    report::remember_stderr();
    let wanted = escaped(variables.exe.unwrap_or_default());
    let executed = escaped(executed().unwrap_or(b"?"));
    let what = format!("PIDFILE_EXE={wanted} is not this program, {executed}: it gets no PID file");
    report::detail_of(setting, variables.log(), &what);
}

/// Returns where the setting and the library have come from, so that children are told of them in the same way.
fn origin(setting: &[u8], variables: &Variables) -> Origin {
    let path = variables.path();
    Origin {
        by_argument: path.is_none_or(|path| path.as_ptr() != setting.as_ptr()),
        by_preload: variables.preload.is_some(),
    }
}

/// Does nothing: by its name a second copy of the library in one process finds the first.
#[unsafe(export_name = "__libpidfile")]
extern "C" fn copy() {}

/// Returns whether another copy of the library is in this process, and before this one (ld.so.preload(5) and
/// `LD_PRELOAD`, say): it is that one whose functions the host calls.
fn is_second_copy() -> bool {
    objects::is_defined_before(c"__libpidfile")
}

/// Takes part: claims the file, or takes it up again after exec, or goes on without it.
fn take_part(setting: &[u8], state: Option<ExecState>, variables: &Variables) {
    // Our threads inherit this mask.
    let _blocked = SignalsBlocked::new();
    std::panic::set_hook(Box::new(|_| {}));
    report::remember_stderr();

    let mut complaints = Vec::new();
    let config = Config::new(setting, state.as_ref(), variables, |line| {
        complaints.push(line)
    });
    let config = match config {
        Ok(config) => CONFIG.get_or_init(|| config),
        Err(why) => {
            report::problem_of(setting, variables.log(), &why);
            if variables.is_strict() {
                sys::exit_group(1);
            }
            return;
        }
    };
    // The first image of this process has said it.
    if state.is_none() {
        for complaint in complaints {
            report::problem(config, &complaint);
        }
    }
    let origin = origin(setting, variables);
    let path = config.path.to_bytes();
    let begin_at = |location, pid| exec_state::begin(location, path, pid, origin);
    let begin = |pid| begin_at(Location::of(&config.path).unwrap_or(Location::UNKNOWN), pid);
    let claim = match state {
        Some(state) if state.role != Role::Inert => {
            begin_at(state.location, sys::getpid());
            if state.role == Role::Standby {
                return stand_by_again(config);
            }
            Claim::Resume(state.location)
        }
        None if descent::has_owner_as_parent(setting) => {
            return begin(sys::getppid());
        }
        _ => Claim::Fresh,
    };
    // All is in place before anybody can see the file. The keeper asks where the file will be: no thread of the host may be
    // stuck in a file system that does not answer.
    signals::hook(config.signal);
    // The keeper looks there when it first waits.
    main_thread::record();
    let prepare = move || {
        if matches!(claim, Claim::Fresh) {
            let location = Location::of(&config.path).unwrap_or(Location::UNKNOWN);
            exec_state::begin(location, path, sys::getpid(), origin);
        }
        exec_state::take(Role::Owner);
    };
    match keeper::start(config, claim, prepare) {
        Ok(()) => {
            at_the_end();
            fork::register(config);
            if state::has_file() {
                let pid = sys::getpid();
                let what = match claim {
                    Claim::Fresh => format!("names PID {pid} now"),
                    Claim::Resume(_) => format!("names PID {pid} as before exec"),
                };
                report::detail(config, &what);
            }
        }
        Err(refusal) => {
            signals::unhook();
            if matches!(claim, Claim::Resume(_)) {
                exec_state::lose();
            } else {
                exec_state::forget();
            }
            match refusal {
                // A child without the variable.
                Refusal::Held(Some(pid)) if state.is_none() && procfs::descends_from(pid) => {
                    begin(pid);
                }
                Refusal::LeftByAncestor(pid) => begin(pid),
                Refusal::Held(_) => stand_aside(config, &refusal, state.is_some(), state.is_some()),
                // Not the children: one of them may be a helper, which would become the owner once the directory is
                // there. The next image of this process tries again, and does not say it again.
                _ => {
                    let is_known = state.is_some_and(|state| state.role == Role::Inert);
                    stand_aside(config, &refusal, state.is_some(), is_known);
                }
            }
        }
    }
}

/// Stands by again for the file of another process, as this one did before exec(2).
fn stand_by_again(config: &'static Config) {
    signals::hook(config.signal);
    host_file::set_path(&config.path);
    main_thread::record();
    at_the_end();
    exec_state::take(Role::Standby);
    fork::register(config);
    candidate::resume(config);
}

/// Registers what runs when the process ends.
fn at_the_end() {
    endings::register();
    last_thread::register();
}

/// Goes on without the file: the program runs without one, or not at all.
///
/// `PIDFILE_STRICT` is about who serves. It does not end a program that serves already and has called exec(2), nor one
/// that was started to do something to the owner.
fn stand_aside(config: &Config, refusal: &Refusal, has_called_exec: bool, is_known: bool) {
    let is_control = matches!(refusal, Refusal::Held(Some(pid)) if is_told_of(*pid));
    let is_strict = config.strict && !has_called_exec && !is_control;
    let consequence = match refusal {
        _ if is_strict => "the program is not run (PIDFILE_STRICT)",
        Refusal::Held(_) => "this program runs beside it, without a PID file",
        _ => "this program runs without a PID file",
    };
    if is_strict || !is_known && !is_control {
        let missing = missing_directory(config, refusal);
        let why = missing.unwrap_or_else(|| refusal.to_string());
        report::problem(config, &format!("{why}; {consequence}"));
    }
    if is_strict {
        sys::exit_group(1);
    }
}

/// Returns whether this program was told a PID, as an argument or in `MAINPID`. Then it has to do with that process,
/// and is no second instance of it. systemd tells one to `ExecReload=`, `ExecStop=` and `ExecStartPost=`
/// (systemd.service(5)).
fn is_told_of(pid: libc::pid_t) -> bool {
    // SAFETY: both vectors are null or those of execve(2). Nothing changes them before main.
    unsafe { env::names_pid(c_library::arguments(), sys::environment(), pid) }
}

/// Names the directory, if it is the directory that does not exist: the bare error reads as if the file were meant.
fn missing_directory(config: &Config, refusal: &Refusal) -> Option<String> {
    const MISSING: Errno = Errno(libc::ENOENT);
    let directory = directory_of(&config.path);
    let is_missing = matches!(refusal, Refusal::Failed(_, MISSING))
        && stat(&directory).is_err_and(|errno| errno == MISSING);
    is_missing.then(|| {
        let directory = escaped(directory.to_bytes());
        format!("cannot create it: the directory {directory} does not exist")
    })
}
