use super::process::{Ended, Process};
use super::test_dir::{TestDir, library};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// How much of the library a program gets. A difference between any two of them is what the library did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Without the library.
    Plain,
    /// With the library but without a setting.
    Inert,
    /// With the library and a PID file.
    Active,
}

/// A program that is about to be started. It is active unless told otherwise.
pub struct HostCommand<'dir> {
    dir: &'dir TestDir,
    command: Command,
    name: String,
    umask: libc::mode_t,
    dumps_core: bool,
    stderr: Option<Stdio>,
}

impl<'dir> HostCommand<'dir> {
    pub(super) fn new(dir: &'dir TestDir, program: &Path) -> HostCommand<'dir> {
        let mut command = Command::new(program);
        // Whatever the person who runs the tests has in the environment, the program gets this and no more.
        command
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LANG", "C.UTF-8")
            .env("LD_PRELOAD", library())
            .env("PIDFILE", dir.pidfile())
            .current_dir(dir.path("data"));
        HostCommand {
            dir,
            command,
            name: program
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into(),
            umask: 0o022,
            dumps_core: false,
            stderr: None,
        }
    }

    pub fn plain(self) -> Self {
        self.without("LD_PRELOAD").without("PIDFILE")
    }

    pub fn inert(self) -> Self {
        self.without("PIDFILE")
    }

    pub fn mode(self, mode: Mode) -> Self {
        match mode {
            Mode::Plain => self.plain(),
            Mode::Inert => self.inert(),
            Mode::Active => self,
        }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn current_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub fn umask(mut self, umask: libc::mode_t) -> Self {
        self.umask = umask;
        self
    }

    /// Lets a fatal signal write a core file into the current directory, whatever the limit of this test is.
    pub fn dumps_core(mut self) -> Self {
        self.dumps_core = true;
        self
    }

    /// Instead of the file that [`Ended::stderr`] is read from.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = Some(stderr.into());
        self
    }

    pub fn run_by_nobody(self) -> Self {
        self.run_by(65534)
    }

    pub fn run_by(mut self, user: u32) -> Self {
        self.command.uid(user).gid(user);
        self
    }

    pub fn spawn(self) -> Process {
        let stdout = self.dir.output("stdout");
        let stderr = self.dir.output("stderr");
        let file = File::create(&stderr).unwrap();
        let other_stderr = self.stderr;
        let (umask, dumps_core) = (self.umask, self.dumps_core);
        let mut command = self.command;
        command
            .stdin(Stdio::piped())
            .stdout(File::create(&stdout).unwrap())
            .stderr(other_stderr.unwrap_or_else(|| file.into()));
        // SAFETY: only async-signal-safe calls, on plain values that the closure owns.
        unsafe {
            command.pre_exec(move || {
                start_like_a_daemon(umask, dumps_core);
                Ok(())
            })
        };
        match command.spawn() {
            Ok(child) => Process::new(self.name, child, stdout, stderr),
            Err(error) => panic!("cannot run {:?}: {error}", command.get_program()),
        }
    }

    /// Starts the program, and waits for the line `ready`, which our own ones print once they are where their name says.
    #[track_caller]
    pub fn spawn_ready(self) -> Process {
        let process = self.spawn();
        process.wait_until_ready();
        process
    }

    /// The same, and by then it owns the file.
    #[track_caller]
    pub fn spawn_owner(self) -> Process {
        let dir = self.dir;
        let owner = self.spawn_ready();
        assert_eq!(dir.content(), owner.pid_line(), "{}", owner.stderr());
        owner
    }

    /// Starts the program and waits until it has ended.
    pub fn run(self) -> Ended {
        self.spawn().wait()
    }
}

/// Makes a child the same wherever the tests run: under nohup, in a shell's background, with a umask of somebody's own, by a
/// program that leaves its descriptors open.
fn start_like_a_daemon(umask: libc::mode_t, dumps_core: bool) {
    // SAFETY: closes nothing before exec, and then nothing that the host was meant to have.
    unsafe {
        libc::close_range(
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC.cast_signed(),
        )
    };
    // All zero is what the kernel calls the default action. Not by sigaction(3): that hides two signals that glibc keeps for
    // itself, and a parent with another libc may well have set them.
    let default = [0_u64; 8];
    for signal in 1..=64 {
        // SAFETY: no less than what the kernel reads; it refuses SIGKILL and SIGSTOP, which does no harm.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, 0, 8) };
    }
    let core = if dumps_core { libc::RLIM_INFINITY } else { 0 };
    let limit = libc::rlimit {
        rlim_cur: core,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` lives through the call. Where the hard limit cannot be raised, no core is written, and the scenario
    // that needs one says so.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    // SAFETY: always succeeds.
    unsafe { libc::umask(umask) };
}
