//! From the constructor to the first instruction of the host.

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicPtr, Ordering};

use once_cell::sync::OnceCell;

use crate::endings::{self, last_thread, main_thread, signals};
use crate::hooks::fork;
use crate::isolation::tls_keys::LowKeys;
use crate::ownership::host_file;
use crate::ownership::owned_file::Claim;
use crate::ownership::state;
use crate::pidfile::location::Home;
use crate::pidfile::refusal::Refusal;
use crate::settings::config::Config;
use crate::settings::env::{Variables, executed};
use crate::settings::exec_state::{self, ExecState, Role};
use crate::sys::fs::{directory_of, stat};
use crate::sys::text::escaped;
use crate::sys::{self, Errno, procfs, sigset::SignalsBlocked};
use crate::{keeper, report};

unsafe extern "C" {
    static environ: *const *const c_char;
}

static CONFIG: OnceCell<Config> = OnceCell::new();

/// The host's argument vector. glibc hands it to every constructor, but the ones of the `ctor`
/// crate take no arguments; /proc/self/cmdline would cost every process three system calls.
static ARGV: AtomicPtr<*const c_char> = AtomicPtr::new(std::ptr::null_mut());

#[used]
#[unsafe(link_section = ".init_array.00099")]
static BEFORE: extern "C" fn(c_int, *mut *const c_char) = remember_arguments;

extern "C" fn remember_arguments(_: c_int, argv: *mut *const c_char) {
    // Other C libraries hand over nothing: then there is no argument vector to look at.
    if cfg!(target_env = "gnu") {
        ARGV.store(argv, Ordering::Relaxed);
    }
}

/// Nothing to do: no allocation, no thread, no system call. This much runs in every child process
/// of every host.
pub fn run() {
    // SAFETY: cannot fail; a value that is not there is 0.
    if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        return;
    }
    // SAFETY: before main nothing changes either vector, and nothing of them is kept.
    unsafe {
        let variables = Variables::read(environ);
        let Some(setting) = variables.setting(ARGV.load(Ordering::Relaxed)) else {
            return;
        };
        // Others' children, and launchers that are not meant. Who owns the file goes on owning it,
        // whatever it executes.
        let mark = variables.mark_for(setting);
        let may_own = match mark {
            Some(mark) if !mark.is_of_this_process() => false,
            Some(ExecState {
                role: Role::Owner, ..
            }) => true,
            _ if variables.wants_this_program() => true,
            _ => {
                report_other_program(setting, &variables);
                false
            }
        };
        if !may_own {
            return;
        }
        take_part(setting, mark, &variables);
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

fn take_part(setting: &[u8], mark: Option<ExecState>, variables: &Variables) {
    // Our threads inherit this mask.
    let _blocked = SignalsBlocked::new();
    let _low_keys = LowKeys::take();
    std::panic::set_hook(Box::new(|_| {}));
    report::remember_stderr();

    let mut complaints = Vec::new();
    let config = Config::new(setting, mark.as_ref(), variables, |line| {
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
    if mark.is_none() {
        for complaint in complaints {
            report::problem(config, &complaint);
        }
    }
    if let Some(ExecState {
        role: Role::Standby,
        home,
        ..
    }) = mark
    {
        return stand_by_again(config, home);
    }
    let claim = match mark {
        Some(ExecState {
            role: Role::Owner,
            home,
            ..
        }) => Claim::Resume(home),
        _ => Claim::Fresh,
    };
    // All hooks are in place before anybody can see the file.
    signals::hook(config.signal);
    match keeper::start(config, claim) {
        Ok(()) => {
            at_the_end();
            leave_mark(config, Role::Owner);
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
            // A child that was given the environment its parent was started with (Go does), and so
            // no mark.
            if mark.is_none()
                && matches!(refusal, Refusal::Held(Some(pid)) if procfs::descends_from(pid))
            {
                return leave_mark(config, Role::Inert);
            }
            let is_known = mark.is_some() && matches!(refusal, Refusal::Held(_));
            stand_aside(config, &refusal, is_known);
        }
    }
}

/// This process stood by for the file of another one before it called exec(2).
fn stand_by_again(config: &'static Config, home: Home) {
    signals::hook(config.signal);
    host_file::note_path(&config.path);
    at_the_end();
    exec_state::leave(Role::Standby, home, config.path.to_bytes());
    fork::register(config);
    fork::resume(config);
}

fn at_the_end() {
    endings::register();
    last_thread::register();
    main_thread::note();
}

fn leave_mark(config: &Config, role: Role) {
    if let Some(home) = Home::of(&config.path) {
        exec_state::leave(role, home, config.path.to_bytes());
    }
}

/// The file is not ours: the program runs without one, or not at all.
fn stand_aside(config: &Config, refusal: &Refusal, is_known: bool) {
    let consequence = match refusal {
        _ if config.strict => "the program is not run (PIDFILE_STRICT)",
        Refusal::Held(_) => "this program runs beside it, without a PID file",
        _ => "this program runs without a PID file",
    };
    if config.strict || !is_known {
        let missing = missing_directory(config, refusal);
        let why = missing.unwrap_or_else(|| refusal.to_string());
        report::problem(config, &format!("{why}; {consequence}"));
    }
    if config.strict {
        sys::exit_group(1);
    }
    if matches!(refusal, Refusal::Held(_)) {
        leave_mark(config, Role::Inert);
    }
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
