//! A program may have a function of its own by any name that libc has.

use crate::common::{Descendant, NOTHING, Process, TestDir, exited, killed_by, library, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names that are meant to be replaced by the host or its tools, and reach us; and the one by which the recorder looks for the others.
const AGREED: [&str; 16] = [
    "aligned_alloc",
    "calloc",
    "cfree",
    "dlsym",
    "dlvsym",
    "free",
    "malloc",
    "malloc_usable_size",
    "mallinfo",
    "mallinfo2",
    "memalign",
    "posix_memalign",
    "pvalloc",
    "realloc",
    "reallocarray",
    "valloc",
];

fn functions_in(object: &Path) -> Vec<String> {
    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--defined-only"]).arg(object);
    let output = nm.output().expect("nm, from Debian's binutils");
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<String> = lines
        .lines()
        .filter_map(|line| {
            let [_, kind, name] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                return None;
            };
            // `name@VERSION` is for programs of long ago.
            let is_now = !name.contains('@') || name.contains("@@");
            let name = name.split('@').next()?.to_owned();
            (["T", "W", "i"].contains(&kind) && is_now).then_some(name)
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The functions of libc that a program may define: not those whose names are reserved to the implementation.
fn names_of_libc(without: &[String]) -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.lines().find_map(|line| {
        let path = line.split_whitespace().nth(5)?;
        path.ends_with("/libc.so.6").then(|| PathBuf::from(path))
    });
    let mut names = functions_in(&libc.expect("the tests have a libc"));
    names.retain(|name| {
        !name.starts_with('_') && !AGREED.contains(&name.as_str()) && !without.contains(name)
    });
    assert!(names.len() > 1000, "{names:?}");
    names
}

/// Compiles what a header in c-tests/hostile makes of a list of names.
fn compile(dir: &TestDir, name: &str, source: &str, options: &[&str]) -> PathBuf {
    let [code, built] = [format!("bin/{name}.c"), format!("bin/{name}")].map(|to| dir.path(to));
    fs::write(&code, source).unwrap();
    let headers = Path::new(env!("CARGO_MANIFEST_DIR")).join("c-tests/hostile");
    let output = Command::new("cc")
        .args(["-O1", "-w", "-fno-builtin", "-I"])
        .arg(headers)
        .args(options)
        .arg("-o")
        .arg(&built)
        .arg(&code)
        .output()
        .expect("cc");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    built
}

fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("NAME({name})")).collect();
    format!("#define NAMES {}\n", names.join(" "))
}

/// A program with a function of its own by every name of libc's; by those that we export too, or with daemon(3) from us.
fn program(dir: &TestDir, has_exports: bool) -> PathBuf {
    let exported = functions_in(&library());
    let names = names_of_libc(if has_exports { &[] } else { &exported });
    let daemon = if has_exports {
        ""
    } else {
        "#define HAS_DAEMON\n"
    };
    let source = format!("{}{daemon}#include \"has_every_name.h\"\n", list(&names));
    compile(dir, "has_every_name", &source, &["-rdynamic"])
}

#[test]
fn program_with_every_libc_name_starts_and_ends() {
    for has_exports in [false, true] {
        let dir = TestDir::new();
        let program = program(&dir, has_exports);
        let start = || dir.program(&program);

        let mut plain = start().plain().spawn_ready();
        plain.close_stdin();
        assert_eq!(plain.wait().status, exited(0));

        let mut host = start().spawn_owner();
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0), "{}", ended.stdout);
        assert_eq!(dir.leftovers(), NOTHING);

        let host = start().spawn_owner();
        dir.remove_pidfile();
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{}", ended.stdout);
        assert_eq!(dir.leftovers(), NOTHING);

        let host = start().env("PIDFILE_WATCH", "off").spawn_owner();
        host.signal(libc::SIGTERM);
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{}", ended.stdout);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// Waits until a daemon has the file, which its launcher had.
pub fn daemon_of(dir: &TestDir, launcher: &Process) -> Descendant {
    let daemon = || {
        let pid = dir.content().trim().parse().unwrap_or(0);
        (pid != 0 && pid != launcher.pid()).then_some(pid)
    };
    wait_for(|| daemon().is_some(), "a daemon has the file");
    Descendant::new(daemon().unwrap())
}

#[test]
fn program_with_every_name_of_libc_becomes_a_daemon() {
    let dir = TestDir::new();
    let program = program(&dir, false);
    let mut launcher = dir.program(&program).args(["daemon"]).spawn();
    launcher.wait_until(
        |host| host.stdout().contains("ready"),
        "a daemon that is ready",
    );
    let daemon = daemon_of(&dir, &launcher);
    launcher.close_stdin();
    let ended = launcher.wait();
    assert_eq!(ended.status, exited(0), "{}", ended.stdout);
    wait_for(|| daemon.has_ended(), "the daemon has ended");
    assert_eq!(ended.stdout, "ready\n");
    assert_eq!(dir.leftovers(), NOTHING);
}

/// Other preloads interpose functions of libc, and keep tables by descriptor number: our threads have numbers of their own.
/// None of them ever sees a call of ours, be it before its own constructor.
#[cfg(target_arch = "x86_64")]
#[test]
fn another_preload_sees_no_call_of_ours() {
    let dir = TestDir::new();
    let names = names_of_libc(&functions_in(&library()));
    let stubs: String = names
        .iter()
        .enumerate()
        .map(|(number, name)| format!("STUB({name}, {number})\n"))
        .collect();
    let source = format!("{}#include \"records_calls.h\"\n{stubs}", list(&names));
    let recorder = compile(&dir, "records_calls.so", &source, &["-shared", "-fPIC"]);
    let [recorder, ours] = [recorder, library()].map(|path| path.display().to_string());
    for order in [format!("{recorder}:{ours}"), format!("{ours}:{recorder}")] {
        let start = |host: &str, of: &str| {
            let host = dir.host(host).env("LD_PRELOAD", &order);
            host.env("RECORD", of)
        };
        // It sees what the program calls.
        let mut host = start("waits_for_eof", "").spawn_ready();
        host.close_stdin();
        let said = host.wait().stderr;
        assert!(said.contains("called: read\n"), "{said}");

        let mut host = start("waits_for_eof", &ours).spawn_owner();
        host.close_stdin();
        let ended = host.wait();
        assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));

        let host = start("waits_for_eof", &ours).spawn_owner();
        dir.remove_pidfile();
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM));
        assert!(!ended.stderr.contains("called: "), "{}", ended.stderr);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// What keeps a time that is none, as faketime does for its programs, deceives the program and not us.
#[test]
fn another_clock_changes_nothing() {
    for clock in ["frozen", "back"] {
        let dir = TestDir::new();
        let other = dir.host_path("lies_about_time");
        let [other, ours] = [other, library()].map(|path| path.display().to_string());
        for order in [format!("{other}:{ours}"), format!("{ours}:{other}")] {
            let start = |name: &str| {
                let host = dir.host(name).env("LD_PRELOAD", &order);
                host.env("CLOCK", clock)
            };
            let mut host = start("waits_for_eof").spawn_owner();
            host.close_stdin();
            assert_eq!(host.wait().status, exited(0), "{clock}");
            assert_eq!(dir.leftovers(), NOTHING, "{clock}");

            let host = start("waits_for_eof").spawn_owner();
            dir.remove_pidfile();
            assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{clock}");
            assert_eq!(dir.leftovers(), NOTHING, "{clock}");
        }
    }
}

/// A root of its own (fakechroot) holds, whether there is a setting or not.
#[test]
fn removal_goes_on_to_the_next_preload() {
    let dir = TestDir::new();
    let other = dir.host_path("removes_elsewhere");
    let [other, ours] = [other, library()].map(|path| path.display().to_string());
    let (outside, inside) = (dir.path("data/real"), dir.path("out/real"));
    for order in [format!("{other}:{ours}"), format!("{ours}:{other}")] {
        for how in ["unlink", "unlinkat", "remove", "rename"] {
            for is_inert in [true, false] {
                fs::write(&outside, "outside").unwrap();
                fs::write(&inside, "inside").unwrap();
                let host = dir.host("takes_away").env("LD_PRELOAD", &order);
                let host = host.env("JAIL", dir.path("out")).arg(how).arg(&outside);
                let host = if is_inert {
                    host.without("PIDFILE")
                } else {
                    host
                };
                assert_eq!(host.run().status, exited(0), "{order}, {how}");
                assert!(outside.exists(), "{order}, {how}");
                assert!(!inside.exists(), "{order}, {how}");
            }
        }
    }
}
