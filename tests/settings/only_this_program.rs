//! `PIDFILE_EXE`: only the one program that it names may own the file.

use crate::common::{
    HostCommand, NOTHING, Process, TestDir, children_of, exited, is_watching, killed_by, library,
    status_line, tasks_of, wait_for,
};
use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;

const NOBODY: u32 = 65534;
const LEGACY: &str = "waits_for_eof";

/// A test directory in which nobody may write a PID file, and read the library and the program.
pub struct Place {
    pub dir: TestDir,
    pub legacy: PathBuf,
    pub library: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        let dir = TestDir::new();
        chown(dir.path("run"), Some(NOBODY), None).unwrap();
        let legacy = dir.copy(&dir.host_path(LEGACY), "755");
        let library = dir.copy(&library(), "755");
        Place {
            dir,
            legacy,
            library,
        }
    }

    /// A launcher that gets the path of the program as its last argument.
    pub fn launcher(&self, words: &[&str]) -> HostCommand<'_> {
        self.dir
            .program(words[0])
            .args(&words[1..])
            .arg(&self.legacy)
            .env("LD_PRELOAD", &self.library)
            .env("PIDFILE_EXE", LEGACY)
    }
}

/// The process, among this one and its descendants, that runs the program.
pub fn find(root: i32, program: &PathBuf) -> Option<i32> {
    let runs =
        |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == *program);
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        if runs(pid) {
            return Some(pid);
        }
        open.extend(children_of(pid));
    }
    None
}

/// From the launcher down to the program, which is not in the list.
fn wrappers_around(program: i32, root: i32) -> Vec<i32> {
    let mut wrappers = Vec::new();
    let mut pid = program;
    while pid != root {
        pid = status_line(pid, "PPid").parse().unwrap();
        wrappers.push(pid);
    }
    wrappers
}

/// Starts a launcher; the program below it must own the file, and each wrapper have nothing of it.
pub fn starts_the_owner(place: &Place, launcher: HostCommand, what: &str) -> (Process, i32) {
    let process = launcher.spawn_ready();
    let program = find(process.pid(), &place.legacy).expect("the program runs");
    assert_eq!(place.dir.content(), format!("{program}\n"), "{what}");
    assert!(!place.dir.an_outsider_can_lock(), "{what}");
    for wrapper in wrappers_around(program, process.pid()) {
        let comm = status_line(wrapper, "Name");
        let wrapper_tasks = tasks_of(wrapper);
        assert_eq!(wrapper_tasks, [wrapper], "{what}: {comm}");
        let environment = fs::read(format!("/proc/{wrapper}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment);
        assert!(!environment.contains("LIBPIDFILE"), "{what}: {comm}");
    }
    (process, program)
}

#[test]
#[ignore = "needs root"]
fn exe_by_path_owns_file() {
    let place = Place::new();
    let script = "\"$0\"; exit $?";
    let launcher = place.launcher(&["dash", "-c", script]);
    let launcher = launcher.env("PIDFILE_EXE", &place.legacy);
    let (mut process, _) = starts_the_owner(&place, launcher, "path");
    process.close_stdin();
    let ended = process.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(place.dir.leftovers(), NOTHING);
}

#[test]
fn exe_other_program_makes_no_system_call() {
    for other in [
        "legacy",
        "waits_for",
        "waits_for_eof2",
        "for_eof",
        "/usr/bin/waits_for_eof",
        "/",
    ] {
        for strict in ["0", "1"] {
            let dir = TestDir::new();
            let mut host = dir
                .host(LEGACY)
                .env("PIDFILE_EXE", other)
                .env("PIDFILE_STRICT", strict)
                .spawn_ready();
            assert_eq!(dir.leftovers(), NOTHING, "{other}");
            assert_eq!(tasks_of(host.pid()), [host.pid()], "{other}");
            assert_eq!(
                status_line(host.pid(), "SigCgt"),
                "0000000000000000",
                "{other}"
            );
            host.close_stdin();
            let ended = host.wait();
            assert_eq!(
                (ended.status, ended.stderr.as_str()),
                (exited(0), ""),
                "{other}"
            );
        }
    }
}

#[test]
fn exe_other_program_leaves_any_file_alone() {
    let dir = TestDir::new();
    fs::write(dir.pidfile(), "1\n").unwrap();
    let before = dir.identity();
    let start = || {
        dir.host("returns_status")
            .env("PIDFILE_EXE", "legacy")
            .arg("3")
    };
    let ended = start().run();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(3), ""));
    assert_eq!(dir.identity(), before);
    let ended = start()
        .env("PIDFILE", dir.path("run/missing/a.pid"))
        .env("PIDFILE_SIGNAL", "nonsense")
        .run();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(3), ""));
}

#[test]
fn exe_other_program_is_named_when_asked() {
    for (log, lines) in [("auto", 0), ("off", 0), ("stderr", 1)] {
        let dir = TestDir::new();
        let host = dir.host("returns_status").arg("3");
        let host = host.env("PIDFILE_EXE", "legacyy").env("PIDFILE_LOG", log);
        let ended = host.run();
        assert_eq!(ended.status, exited(3));
        let said = ended.stderr;
        assert_eq!(said.lines().count(), lines, "{said}");
        let program = dir.host_path("returns_status");
        let what = format!(
            "run/a.pid: PIDFILE_EXE=legacyy is not this program, {}: it gets no PID file\n",
            program.display()
        );
        assert!(said.ends_with(&what) || lines == 0, "{said}");
        assert!(!dir.directory_has_changed());
    }
}

/// The name says who may become the owner. It stays the owner of its process when it goes on as another program.
#[test]
fn exe_owner_stays_owner_after_exec() {
    for by_deletion in [false, true] {
        let dir = TestDir::new();
        let mut host = dir
            .program("dash")
            .args(["-c", "exec \"$0\""])
            .arg(dir.host_path(LEGACY))
            .env("PIDFILE_EXE", "dash")
            .spawn_owner();
        wait_for(|| !dir.an_outsider_can_lock(), "it has the lock again");
        if by_deletion {
            wait_for(|| is_watching(host.pid()), "it is watching");
            dir.remove_pidfile();
        } else {
            host.close_stdin();
        }
        let expected = if by_deletion {
            killed_by(libc::SIGTERM)
        } else {
            exited(0)
        };
        assert_eq!(host.wait().status, expected);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

#[test]
fn exe_empty_means_any_program() {
    let dir = TestDir::new();
    let mut host = dir.host(LEGACY).env("PIDFILE_EXE", "").spawn_owner();
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// What it starts itself is its child, even if it is the same program.
#[test]
fn exe_child_of_same_name_owns_nothing() {
    let dir = TestDir::new();
    let script = "read line; dash -c 'cat \"$PIDFILE\"; exit 7'; echo \"status $?\"; exit 5";
    let mut host = dir
        .program("dash")
        .args(["-c", script])
        .env("PIDFILE_EXE", "dash")
        .spawn();
    host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
    host.write_stdin(b"\n");
    let owner = host.pid_line();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(5), ""));
    assert_eq!(ended.stdout, format!("{owner}status 7\n"));
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
#[ignore = "needs root"]
fn exe_launcher_end_leaves_owner_and_file() {
    let place = Place::new();
    let launcher = place.launcher(&["dash", "-c", "\"$0\"; exit $?"]);
    let (mut process, program) = starts_the_owner(&place, launcher, "dash");
    let before = place.dir.identity();
    let stdin = process.take_stdin();
    process.signal(libc::SIGTERM);
    assert_eq!(process.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(place.dir.identity(), before);
    assert_eq!(place.dir.content(), format!("{program}\n"));
    assert!(!place.dir.an_outsider_can_lock());
    drop(stdin);
    wait_for(|| place.dir.leftovers() == NOTHING, "the program has ended");
}
