//! Who asks `pidfile-run` about a PID file, and about whom.

use super::host::HostCommand;
use super::launcher::launcher;
use super::process::Process;
use super::procfs::{is_alive, tasks_of};
use super::test_dir::TestDir;

/// Who asks.
pub struct Admin<'dir> {
    dir: &'dir TestDir,
}

impl<'dir> Admin<'dir> {
    pub fn of(dir: &'dir TestDir) -> Self {
        Self { dir }
    }

    /// A sub-command on the PID file.
    pub fn start(&self, words: &[&str]) -> HostCommand<'dir> {
        self.start_without_file(words).arg(self.dir.pidfile())
    }

    pub fn start_without_file(&self, words: &[&str]) -> HostCommand<'dir> {
        launcher(self.dir).args(words)
    }

    /// Runs a sub-command on the PID file: its status, and all that it says.
    pub fn asks(&self, words: &[&str]) -> (i32, String) {
        answer(self.start(words))
    }

    /// The same, where it has to be this status, and in what it says has to be this; nothing, if it is to say nothing.
    #[track_caller]
    pub fn is_told(&self, words: &[&str], status: i32, what: &str) {
        let (got, told) = self.asks(words);
        assert_eq!(got, status, "{words:?}: {told}");
        let is_it = match what {
            "" => told.is_empty(),
            _ => told.contains(what) && told.lines().count() <= 4,
        };
        assert!(is_it, "{words:?}: {told}");
    }
}

/// The status of a command, and all that it says.
#[track_caller]
pub fn answer(host: HostCommand) -> (i32, String) {
    let ended = host.run();
    let status = ended.status.code();
    let told = format!("{}{}", ended.stdout, ended.stderr);
    (status.unwrap_or_else(|| panic!("{ended:?}")), told)
}

pub fn owner(dir: &TestDir) -> Process {
    dir.host("waits_for_eof").spawn_owner()
}

/// With all its threads.
pub fn has_ended(pid: i32) -> bool {
    !is_alive(pid) && tasks_of(pid).len() < 2
}
