//! Only the owner acts: whatever its children are and however they end, the file stays what it was.

use crate::common::{
    Mode, NOTHING, Process, TestDir, calls_in, children_of, exited, is_alive, is_watching,
    killed_by, library, status_line, tasks_of, wait_for, wait_until_idle,
};
use std::fs;
use std::path::Path;

const FORKS: [&str; 3] = ["fork", "_Fork", "clone"];
const COMMANDS: [&str; 4] = ["posix_spawn", "posix_spawn as started", "system", "popen"];

/// Each way to start a child, with each end that such a child can come to.
fn children() -> impl Iterator<Item = (&'static str, &'static str)> {
    let ends_of_forks = [
        "exit",
        "_exit",
        "quick_exit",
        "abort",
        "crash",
        "SIGTERM",
        "SIGKILL",
        "exec",
        "exec that fails",
    ];
    // What else a child does that shares the owner's memory would harm the owner with or without us.
    let ends_of_vforks = [
        "_exit",
        "crash",
        "SIGTERM",
        "SIGKILL",
        "exec",
        "exec that fails",
    ];
    let ends_of_commands = ["exit", "crash", "SIGKILL"];
    let each = |ways: &'static [&str], ends: Vec<&'static str>| {
        ways.iter()
            .flat_map(move |way| ends.clone().into_iter().map(move |end| (*way, end)))
    };
    each(&FORKS, ends_of_forks.to_vec())
        .chain(each(&["vfork"], ends_of_vforks.to_vec()))
        .chain(each(&COMMANDS, ends_of_commands.to_vec()))
}

/// Starts a host and lets it have its child. Returns once the host says that this has been.
fn has_a_child(dir: &TestDir, mode: Mode, how: &str, end: &str) -> Process {
    let mut host = dir
        .host("starts_a_child")
        .mode(mode)
        .args([how, end])
        .spawn();
    let before = (mode == Mode::Active).then(|| {
        host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
        // Arming the watch is not a change either, but a test that it disturbs would be hard to read.
        host.wait_until(|host| is_watching(host.pid()), "watching");
        // Its threads write to our variables until then, and the child would have the old pages for itself.
        wait_until_idle(&host);
        dir.identity()
    });
    host.write_stdin(b"\n");
    host.wait_until_ready();
    if before.is_some() {
        let why = format!("{how}, {end}");
        assert_eq!(Some(dir.identity()), before, "{why}");
        assert_eq!(dir.content(), host.pid_line(), "{why}");
        assert_eq!(dir.leftovers(), ["a.pid"], "{why}");
        assert!(!dir.an_outsider_can_lock(), "{why}");
    }
    host
}

#[test]
fn ending_child_leaves_owners_file() {
    for (how, end) in children() {
        let [plain, active] = [Mode::Plain, Mode::Active].map(|mode| {
            let dir = TestDir::new();
            let mut host = has_a_child(&dir, mode, how, end);
            host.close_stdin();
            let ended = host.wait();
            assert_eq!(dir.leftovers(), NOTHING, "{how}, {end}, {mode:?}");
            ended
        });
        assert_eq!(plain.status, exited(0), "{how}, {end}");
        assert_eq!(active, plain, "{how}, {end}");
    }
}

#[test]
fn deletion_after_child_ended_ends_owner() {
    for (how, end) in children() {
        let dir = TestDir::new();
        let host = has_a_child(&dir, Mode::Active, how, end);
        dir.remove_pidfile();
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{how}, {end}");
    }
}

/// Go hands its children the environment that the kernel gave it, in which libc and we have never been. Such a child is
/// known by its ancestor, even where a second instance must not run.
#[test]
fn child_without_mark_runs_silently() {
    let [plain, active] = [Mode::Plain, Mode::Active].map(|mode| {
        let dir = TestDir::new();
        let host = dir.host("starts_a_child").mode(mode);
        let host = host.args(["posix_spawn as started", "exit"]);
        let mut host = host.env("PIDFILE_STRICT", "1").spawn();
        host.write_stdin(b"\n");
        host.wait_until_ready();
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(dir.leftovers(), NOTHING, "{mode:?}");
        ended
    });
    assert_eq!(active, plain);
}

/// Children that live on hold nothing of ours, neither the file nor its lock.
#[test]
fn surviving_child_holds_no_file_and_no_lock() {
    for how in ["fork", "_Fork", "clone", "posix_spawn", "system"] {
        for signal in [libc::SIGTERM, libc::SIGKILL] {
            let dir = TestDir::new();
            let mut host = has_a_child(&dir, Mode::Active, how, "outlives us");
            let owner = host.pid_line();
            let child = child_left_by(&host);
            // The end of this pipe is what the child waits for.
            let stdin = host.take_stdin();
            host.signal(signal);
            assert_eq!(host.wait().status, killed_by(signal), "{how}");
            let left = dir.content();
            if signal == libc::SIGKILL {
                assert_eq!(left, owner, "{how}");
                assert!(dir.an_outsider_can_lock(), "{how}");
            } else {
                assert_eq!(dir.leftovers(), NOTHING, "{how}");
            }
            assert!(is_alive(child), "{how}");
            drop(stdin);
            wait_for(|| !is_alive(child), "the child has ended too");
            assert_eq!(dir.content(), left, "{how}");
        }
    }
}

fn child_left_by(host: &Process) -> i32 {
    let said = host.stdout();
    let left = said.lines().find_map(|line| line.strip_prefix("left "));
    left.unwrap_or_else(|| panic!("it left no child: {said}"))
        .parse()
        .unwrap()
}

/// Each page of ours that a child writes to is copied, in every fork of the owner.
#[test]
fn child_of_an_owner_writes_to_few_pages() {
    let dir = TestDir::new();
    let host = has_a_child(&dir, Mode::Active, "fork", "outlives us");
    let child = child_left_by(&host);
    // In the owner they have been written to, in the child only what it has a copy of is its own.
    let written = private_kibibytes_of(child, &library());
    assert!((1..=8).contains(&written), "{written} KiB");
}

/// The memory for writing in the mapping of a library that no other process has, in KiB.
fn private_kibibytes_of(pid: i32, library: &Path) -> u32 {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let (mut is_its, mut is_for_writing, mut sum) = (false, false, 0);
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0].contains('-') {
            // What is zero at first follows, without a name.
            is_its = line.ends_with(library.to_str().unwrap()) || is_its && words.len() == 5;
            is_for_writing = words[1].starts_with("rw");
        } else if words[0] == "Private_Dirty:" && is_its && is_for_writing {
            sum += words[1].parse::<u32>().unwrap();
        }
    }
    sum
}

#[test]
fn owners_child_program_has_no_thread_of_ours() {
    let dir = TestDir::new();
    let script = "read line; \"$1\"; exit 5";
    let mut host = dir
        .program("dash")
        .args(["-c", script, "sh"])
        .arg(dir.host_path("waits_for_eof"))
        .spawn();
    host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
    host.write_stdin(b"\n");
    host.wait_until_ready();
    let child = children_of(host.pid())[0];
    assert_eq!(tasks_of(child), [child]);
    assert_eq!(status_line(child, "SigCgt"), "0000000000000000");
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(5), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// What such a program is slowed by is the loading, and the question who it is.
#[test]
fn owners_child_program_calls_getpid_only() {
    let [plain, active] = [Mode::Plain, Mode::Active].map(|mode| {
        let dir = TestDir::new();
        let log = dir.path("out/strace");
        let ended = dir
            .program("strace")
            .plain()
            .args(["--follow-forks", "--signal=none", "--quiet=all"])
            .arg("--output")
            .arg(&log)
            .args(environment_of(&dir, mode))
            .args(["dash", "-c", "\"$1\" 4; exit $?", "sh"])
            .arg(dir.host_path("returns_status"))
            .run();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(4), ""));
        calls_of_the_child(&fs::read_to_string(log).unwrap())
    });
    assert_eq!(plain, ["exit_group"]);
    assert_eq!(active, ["getpid", "exit_group"]);
}

/// Nor does a child of its own touch more pages than it would with a library that does nothing. Where the kernel puts the
/// libraries makes a difference of some pages, so it is asked to put them at the same place each time.
#[test]
fn owners_child_forks_touch_no_more_pages() {
    let fewest_pages = |library: &Path, is_active: bool| {
        let pages = (0..5).map(|_| -> i32 {
            let dir = TestDir::new();
            let mut host = dir
                .program("setarch")
                .inert()
                .args(["-R", "dash", "-c", "\"$1\"; exit $?", "sh"])
                .arg(dir.host_path("counts_pages_of_children"))
                .env("LD_PRELOAD", library);
            if is_active {
                host = host.env("PIDFILE", dir.pidfile());
            }
            let ended = host.run();
            assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
            ended.stdout.trim().parse().unwrap()
        });
        pages.min().unwrap()
    };
    let theirs = fewest_pages(&TestDir::new().host_path("is_an_empty_library"), false);
    let ours = fewest_pages(&library(), true);
    assert!(theirs > 0 && ours <= theirs + 1, "{ours} pages, {theirs}");
}

/// strace is to run as ever, only what it traces is to have the library.
fn environment_of(dir: &TestDir, mode: Mode) -> Vec<String> {
    match mode {
        Mode::Active => vec![
            format!("--env=LD_PRELOAD={}", library().display()),
            format!("--env=PIDFILE={}", dir.pidfile().display()),
        ],
        _ => Vec::new(),
    }
}

/// The calls of the process that was started last, once its libraries were loaded: the loader's last work is to give back
/// the index of all libraries.
fn calls_of_the_child(log: &str) -> Vec<String> {
    let calls = calls_in(log);
    let (child, _) = calls.iter().rfind(|(_, name)| *name == "execve").unwrap();
    let names = calls.iter().filter(|(task, _)| task == child);
    let names: Vec<String> = names.map(|(_, name)| (*name).to_owned()).collect();
    let loaded = names.iter().rposition(|name| name == "munmap").unwrap();
    names[loaded + 1..].to_vec()
}
