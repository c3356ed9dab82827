use super::host::HostCommand;
use super::install::install;
use super::lock::is_locked;
use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

/// What [`TestDir::leftovers`] is when no file was left.
pub const NOTHING: [&str; 0] = [];

/// Whatever /bin/sh is.
pub const SHELLS: [&str; 3] = ["dash", "bash", "busybox sh"];

/// The library under test: the built file, as a user gets it.
pub fn library() -> PathBuf {
    built("LIBPIDFILE", "target/release/libpidfile.so")
}

pub(super) fn built(variable: &str, default: &str) -> PathBuf {
    let path = match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(default),
    };
    path.canonicalize().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `make test` builds what the tests need",
            path.display()
        )
    })
}

/// A private directory in which one scenario happens.
///
/// `run/` is the directory of the PID file and holds nothing else; the output of the programs goes to `out/`; servers find
/// an empty `data/`. All of it goes with the test directory.
pub struct TestDir {
    dir: TempDir,
    programs: AtomicUsize,
}

impl TestDir {
    pub fn new() -> TestDir {
        let dir = TempDir::with_prefix("pidfile-test-").expect("a temporary directory");
        // Some scenarios run programs as nobody.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["run", "out", "data", "bin"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let dir = TestDir {
            dir,
            programs: AtomicUsize::new(0),
        };
        dir.directory_has_changed();
        dir
    }

    /// One of our own small programs from `c-tests/`, with the library and its setting.
    pub fn host(&self, name: &str) -> HostCommand<'_> {
        self.program(self.host_path(name))
    }

    /// Any program, with the library and its setting.
    pub fn program(&self, path: impl AsRef<Path>) -> HostCommand<'_> {
        HostCommand::new(self, path.as_ref())
    }

    /// One of the [`SHELLS`].
    pub fn shell(&self, shell: &str) -> HostCommand<'_> {
        let mut words = shell.split(' ');
        self.program(words.next().unwrap()).args(words)
    }

    /// One of our own small programs, run as nobody. It and the library are copied to where nobody can read them.
    pub fn host_as_nobody(&self, name: &str) -> HostCommand<'_> {
        let host = self.copy(&self.host_path(name), "755");
        self.program(host)
            .env("LD_PRELOAD", self.copy(&library(), "755"))
            .run_by_nobody()
    }

    /// One of our own small programs, after a script that has a mount namespace of its own and finds `$library`, `$pidfile` and
    /// the program in `"$@"`. The PID is that of the program, unless the script runs it itself.
    pub fn host_after(&self, script: &str, name: &str) -> HostCommand<'_> {
        let script = format!(
            "library=$1 pidfile=$2; shift 2\n{script}\n\
             exec env LD_PRELOAD=\"$library\" PIDFILE=\"$pidfile\" \"$@\""
        );
        self.program("unshare")
            .plain()
            .args(["--mount", "sh", "-e", "-c", &script, "sh"])
            .args([library(), self.pidfile(), self.host_path(name)])
    }

    pub fn host_path(&self, name: &str) -> PathBuf {
        built("C_TESTS", "target/c-tests").join(name)
    }

    /// A copy of `file` in the test directory, with a mode of its own.
    pub fn copy(&self, file: &Path, mode: &str) -> PathBuf {
        let copy = self.path("bin").join(file.file_name().unwrap());
        install(file, &copy, mode);
        copy
    }

    /// A program file that holds this: a script, or what looks like a program.
    pub fn executable(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let draft = self.path("data").join(name);
        fs::write(&draft, content).unwrap();
        self.copy(&draft, "755")
    }

    pub fn fifo(&self, name: &str) -> PathBuf {
        let fifo = self.path(name);
        let made = Command::new("mkfifo").arg(&fifo).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        fifo
    }

    /// A place in the test directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn pidfile(&self) -> PathBuf {
        self.path("run/a.pid")
    }

    /// What the PID file holds now: the empty string if there is none, so that it compares with [`Process::pid_line`].
    ///
    /// [`Process::pid_line`]: super::Process::pid_line
    pub fn content(&self) -> String {
        match fs::read(self.pidfile()) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => panic!("{}: {error}", self.pidfile().display()),
        }
    }

    /// Which file the PID file is, and what has happened to it: equal for as long as nobody has touched it.
    #[track_caller]
    pub fn identity(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let file = fs::symlink_metadata(self.pidfile()).expect("the PID file should be there");
        (
            (file.dev(), file.ino(), file.mode(), file.uid()),
            (file.mtime(), file.mtime_nsec()),
            (file.ctime(), file.ctime_nsec()),
        )
    }

    pub fn remove_pidfile(&self) {
        fs::remove_file(self.pidfile()).expect("the PID file should be there");
    }

    /// The names in the directory of the PID file. After a program has ended there should be none.
    pub fn leftovers(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("run"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Whether a name came to the directory of the PID file or left it since the last time that this was asked. So a file
    /// can be known to have been there after it has gone.
    pub fn directory_has_changed(&self) -> bool {
        let directory = File::open(self.path("run")).unwrap();
        let changed = directory.metadata().unwrap().modified().unwrap() != UNIX_EPOCH;
        directory.set_modified(UNIX_EPOCH).unwrap();
        changed
    }

    /// Whether somebody who knows nothing of us can lock the PID file, that is: nobody owns it.
    pub fn an_outsider_can_lock(&self) -> bool {
        !is_locked(&self.pidfile())
    }

    /// The file that takes one stream of one program.
    pub(super) fn output(&self, stream: &str) -> PathBuf {
        let number = self.programs.fetch_add(1, Ordering::Relaxed);
        self.path(format!("out/{number}.{stream}"))
    }
}
