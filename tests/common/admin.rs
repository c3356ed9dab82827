//! Who asks `pidfile-run` about a PID file, and about whom.

use super::host::HostCommand;
use super::launcher::{base_system, launcher};
use super::process::Process;
use super::procfs::{is_alive, tasks_of};
use super::test_dir::TestDir;
use std::path::PathBuf;

/// Who asks: with one of the shells, on a system that may have flock(1).
pub struct Admin<'scene> {
    scene: &'scene TestDir,
    pub shell: String,
    pub path: PathBuf,
}

impl Admin<'_> {
    /// A sub-command on the PID file.
    pub fn start(&self, words: &[&str]) -> HostCommand<'_> {
        self.start_without_file(words).arg(self.scene.pidfile())
    }

    pub fn start_without_file(&self, words: &[&str]) -> HostCommand<'_> {
        launcher(self.scene, &self.shell)
            .env("PATH", &self.path)
            .args(words)
    }

    /// Runs a sub-command on the PID file: its status, and all that it says.
    pub fn asks(&self, words: &[&str]) -> (i32, String) {
        answer(self.start(words))
    }

    /// The same, where it has to be this status, and in what it says has to be this; nothing, if it is to say nothing.
    #[track_caller]
    pub fn is_told(&self, words: &[&str], status: i32, what: &str) {
        let (got, told) = self.asks(words);
        assert_eq!(got, status, "{words:?}, {}: {told}", self.shell);
        let is_it = match what {
            "" => told.is_empty(),
            _ => told.contains(what) && told.lines().count() <= 2,
        };
        assert!(is_it, "{words:?}, {}: {told}", self.shell);
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

/// With each of them in turn, and a scene for each.
pub fn each_admin(does: impl Fn(&TestDir, &Admin)) {
    for (shell, has_flock) in [
        ("dash", true),
        ("bash", true),
        ("dash", false),
        ("busybox sh", false),
    ] {
        let scene = TestDir::new();
        let path = match has_flock {
            true => "/usr/sbin:/usr/bin:/sbin:/bin".into(),
            false => base_system(&scene, &[]),
        };
        let admin = Admin {
            scene: &scene,
            shell: format!("/bin/{shell}"),
            path,
        };
        does(&scene, &admin);
    }
}

pub fn owner(scene: &TestDir) -> Process {
    scene.host("waits_for_eof").spawn_owner()
}

/// With all its threads.
pub fn has_ended(pid: i32) -> bool {
    !is_alive(pid) && tasks_of(pid).len() < 2
}
