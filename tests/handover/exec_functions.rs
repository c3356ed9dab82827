//! Each function by which a program becomes another one, or starts one: who has the file then, and what the new image is told.

use crate::common::{
    Mode, NOTHING, Process, TestDir, exited, is_alive, is_watching, killed_by, library, wait_for,
};
use std::collections::BTreeMap;

const EXECS: [&str; 9] = [
    "execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle", "fexecve", "execveat",
];
const SPAWNS: [&str; 2] = ["posix_spawn", "posix_spawnp"];
/// The ways that never come by us.
const UNSEEN: [&str; 2] = ["system", "popen"];

/// musl has no execveat(3): programs make the system call, of which the library does not hear.
fn execs() -> impl Iterator<Item = &'static str> {
    let is_for_musl = library().ends_with("libpidfile-musl.so");
    EXECS
        .into_iter()
        .filter(move |function| !is_for_musl || *function != "execveat")
}

fn starts(dir: &TestDir, arguments: &[&str], settings: &[(&str, &str)]) -> Process {
    let mut host = dir.host("execs_by").args(arguments);
    for (name, value) in settings {
        host = host.env(name, value);
    }
    let mut host = host.spawn();
    host.wait_until(|host| dir.content() == host.pid_line(), "an owner");
    host.write_stdin(b"\n");
    host.wait_until_ready();
    host
}

/// Runs a host that has become another program, or has had a child that did. The process that owned the file owns it, and
/// nobody says more than `told`.
#[track_caller]
fn owner_stays(arguments: &[&str], settings: &[(&str, &str)], told: &str) {
    let dir = TestDir::new();
    let mut host = starts(&dir, arguments, settings);
    let what = format!("{arguments:?} {settings:?}");
    assert_eq!(host.stdout(), format!("{told}\nready\n"), "{what}");
    assert_eq!(dir.content(), host.pid_line(), "{what}");
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (exited(0), ""),
        "{what}"
    );
    assert_eq!(dir.leftovers(), NOTHING, "{what}");
}

#[test]
fn owner_by_each_exec_stays_owner() {
    for watch in ["auto", "off"] {
        for function in execs() {
            for who in ["itself", "thread", "handler"] {
                let settings = [("PIDFILE_WATCH", watch)];
                owner_stays(&[function, who], &settings, "owner of itself");
            }
        }
    }
}

/// It is known by its own PID in the file.
#[test]
fn owner_by_raw_exec_stays_owner() {
    owner_stays(&["raw", "itself"], &[], "no variable");
}

#[test]
fn child_by_each_exec_is_inert() {
    for function in execs() {
        for who in ["fork", "vfork", "clone"] {
            owner_stays(&[function, who], &[], "inert of another");
            owner_stays(
                &[function, who],
                &[("PIDFILE_WATCH", "off")],
                "inert of another",
            );
        }
    }
    for function in SPAWNS {
        owner_stays(
            &[function, "itself"],
            &[("PIDFILE_STRICT", "1")],
            "inert of another",
        );
    }
}

/// It finds the file held by a process that it descends from.
#[test]
fn child_without_mark_is_inert() {
    let strict = [("PIDFILE_STRICT", "1")];
    owner_stays(&["raw", "fork"], &strict, "no variable");
    owner_stays(&["raw", "vfork"], &strict, "no variable");
    // The shell between carries nothing, but what it starts does.
    for function in UNSEEN {
        owner_stays(&[function, "itself"], &strict, "inert of another");
    }
}

/// A daemon that becomes another image stands by as before, and gets the file when its launcher ends.
#[test]
fn daemon_by_each_exec_inherits() {
    for function in execs() {
        let dir = TestDir::new();
        let mut launcher = dir.host("execs_by").args([function, "daemon"]).spawn();
        let line = launcher.pid_line();
        launcher.wait_until(|_| dir.content() == line, "an owner");
        launcher.write_stdin(b"\n");
        // The launcher may end as soon as the new image can take the file over, and before that says so.
        let is_ready = || launcher.stdout() == "standby of itself\nready\n";
        wait_for(is_ready, "a daemon");
        let stdin = launcher.take_stdin();
        assert_eq!(launcher.wait().status, exited(0), "{function}");
        let is_named = || !dir.content().is_empty() && dir.content() != line;
        wait_for(is_named, "the file names the daemon");
        let daemon = dir.content().trim().parse().unwrap();
        assert!(is_alive(daemon), "{function}");
        drop(stdin);
        wait_for(|| !dir.pidfile().exists(), "the daemon has ended");
        assert_eq!(dir.leftovers(), NOTHING, "{function}");
    }
}

#[test]
fn exec_with_large_environment_keeps_file() {
    for (variables, bytes) in [
        ("25", "0"),
        ("100", "0"),
        ("400", "100000"),
        ("10000", "100000"),
    ] {
        for function in ["execve", "execl", "execvp"] {
            for who in ["itself", "thread", "handler"] {
                let arguments = [function, who, variables, bytes];
                owner_stays(&arguments, &[], "owner of itself");
            }
            for who in ["fork", "vfork"] {
                let told = if variables == "10000" {
                    "no variable"
                } else {
                    "inert of another"
                };
                owner_stays(&[function, who, variables, bytes], &[], told);
            }
        }
    }
}

#[test]
fn exec_leaves_deletion_to_end_the_program() {
    for function in execs() {
        let dir = TestDir::new();
        let host = starts(&dir, &[function, "itself"], &[]);
        host.wait_until(|host| is_watching(host.pid()), "watching");
        dir.remove_pidfile();
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{function}");
    }
}

/// Arguments, results and errors are libc's.
#[test]
fn exec_lists_and_errors_are_unchanged() {
    let outcome = |mode| {
        let dir = TestDir::new();
        let ended = dir.host("execs_lists").mode(mode).run();
        (ended.status, ended.stdout, ended.stderr)
    };
    let all: BTreeMap<Mode, _> = [Mode::Plain, Mode::Inert, Mode::Active]
        .into_iter()
        .map(|mode| (mode, outcome(mode)))
        .collect();
    let plain = &all[&Mode::Plain];
    assert_eq!(plain.0, exited(0));
    assert!(plain.1.contains("21: image a1 a2 a3"), "{}", plain.1);
    for (mode, outcome) in &all {
        assert_eq!(outcome, plain, "{mode:?}");
    }
}

/// Another preload sees each call once, whichever comes first, and the roles are as without it.
#[test]
fn exec_goes_on_to_other_preloads() {
    let cases = execs().map(|function| (function, "owner of itself"));
    let spawned = SPAWNS.map(|function| (function, "inert of another"));
    for (function, told) in cases.chain(spawned) {
        let dir = TestDir::new();
        let (ours, other) = (library(), dir.host_path("tells_of_execs"));
        for (first, second) in [(&ours, &other), (&other, &ours)] {
            let preload = format!("{}:{}", first.display(), second.display());
            // libc's own lists call nothing that another library could define.
            let is_list = function.starts_with("execl");
            let is_seen = !is_list || first == &ours;
            let what = format!("{function}, {preload}");
            let mut host = starts(&dir, &[function, "itself"], &[("LD_PRELOAD", &preload)]);
            assert_eq!(host.stdout(), format!("{told}\nready\n"), "{what}");
            host.close_stdin();
            let ended = host.wait();
            assert_eq!(ended.status, exited(0), "{what}");
            assert_eq!(
                ended.stderr.matches("told").count(),
                usize::from(is_seen),
                "{what}"
            );
            assert_eq!(dir.leftovers(), NOTHING, "{what}");
        }
    }
}

/// The variable takes room that the kernel limits. Where there is none for it, the program runs all the same.
#[test]
fn exec_with_longest_arguments_runs() {
    let longest = |mode| {
        let dir = TestDir::new();
        let variables = [
            format!("LD_PRELOAD={}", "x".repeat(40)),
            format!("PIDFILE={}", dir.pidfile().display()),
        ];
        let ended = dir
            .host("finds_longest_arguments")
            .mode(mode)
            .arg(dir.host_path("waits_for_eof_static"))
            .args(variables)
            .run();
        assert_eq!(ended.status, exited(0), "{mode:?}");
        // What it started says something too.
        let numbers = ended.stdout.lines().filter(|line| *line != "ready");
        numbers.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(longest(Mode::Active), longest(Mode::Plain));
}
