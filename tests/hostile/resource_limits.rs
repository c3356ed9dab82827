//! Hosts that have hardly anything left when they start. They come to the end that they come to without us; what there is
//! no room for is said in one line.

use crate::common::{
    Mode, NOTHING, Process, TestDir, exited, is_at_work, is_watching, killed_by, library, wait_for,
    wait_until_idle,
};
use std::fs;
use std::io::{Read, pipe};
use std::os::unix::fs::PermissionsExt;
use std::process::{self, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};

/// A host that gives this up, at work.
fn start(dir: &TestDir, mode: Mode, watch: &str, gives_up: &[&str]) -> Process {
    fs::set_permissions(dir.path("run"), fs::Permissions::from_mode(0o777)).unwrap();
    let host = dir.host("starts_poor").mode(mode).args(gives_up);
    let host = host.env("PIDFILE_WATCH", watch).spawn();
    host.wait_until(|host| is_at_work(host.pid()), "at work");
    host
}

fn has_input(gives_up: &[&str]) -> bool {
    !gives_up.contains(&"close=0")
}

fn end(mut host: Process, gives_up: &[&str]) -> ExitStatus {
    if has_input(gives_up) {
        host.close_stdin();
    } else {
        host.signal(libc::SIGINT);
    }
    host.wait().status
}

/// What the host does is what it does without us. It owns the file, and is ended when that is deleted; or one line says
/// why not.
#[track_caller]
fn copes_without(gives_up: &[&str]) {
    let dir = TestDir::new();
    let usual_end = end(start(&dir, Mode::Plain, "auto", gives_up), gives_up);
    for (watch, is_deleted) in [("auto", false), ("auto", true), ("off", false)] {
        let what = format!("{gives_up:?}, watch {watch}");
        let dir = TestDir::new();
        let host = start(&dir, Mode::Active, watch, gives_up);
        if is_deleted {
            wait_until_idle(&host);
        }
        let said = host.stderr();
        let is_owner = dir.content() == host.pid_line();
        let prefix = format!("libpidfile: {}: ", dir.pidfile().display());
        assert!(
            said.lines().all(|line| line.starts_with(&prefix)),
            "{what}: {said}"
        );
        assert!(said.lines().count() <= 1, "{what}: {said}");
        // Where not one descriptor may be open even poll(2) refuses to tell whether stderr would block.
        let is_mute = gives_up.contains(&"close=2") || gives_up.contains(&"nofile=0");
        assert!(
            is_owner || is_mute || !said.is_empty(),
            "{what}: nobody knows why there is no file"
        );
        // "is not watched": it stays as it is.
        if is_deleted && is_owner && said.is_empty() {
            dir.remove_pidfile();
            assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{what}");
        } else {
            assert_eq!(end(host, gives_up), usual_end, "{what}: {said}");
        }
        // Without a thread of ours and without a descriptor to read the file with, nobody knows whose it is.
        if watch == "off" && gives_up.iter().any(|what| what.starts_with("nofile=")) {
            let next = dir.host("returns_status").run();
            assert_eq!((next.status, &*next.stderr), (exited(0), ""), "{what}");
        }
        assert_eq!(dir.leftovers(), NOTHING, "{what}");
    }
}

#[test]
fn no_descriptors_left_host_runs() {
    for most in 0..=8 {
        copes_without(&[&format!("nofile={most}")]);
    }
}

/// The host does not get the numbers that it would not have got, and none of its streams is ours.
#[test]
fn missing_standard_streams_stay_missing() {
    let streams = ["close=0", "close=1", "close=2"];
    for which in 0..8 {
        let closed: Vec<&str> = (0..3)
            .filter(|stream| which >> stream & 1 == 1)
            .map(|stream| streams[stream])
            .collect();
        copes_without(&closed);
    }
}

#[test]
fn missing_streams_and_descriptors_host_runs() {
    copes_without(&["close=0", "close=1", "close=2", "nofile=0"]);
    copes_without(&["close=0", "close=1", "close=2", "nofile=3"]);
    copes_without(&["close=1", "nofile=4"]);
}

/// Nobody else's, so that it has no other processes.
fn a_user() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("user={}", 1_000_000_000 + process::id() * 64 + number)
}

#[test]
#[ignore = "needs root"]
fn process_limit_host_runs() {
    for most in 0..=3 {
        copes_without(&[&format!("nproc={most}"), &a_user()]);
    }
}

/// Where the kernel lists them, they are more than the library has room for.
#[test]
#[ignore = "needs root"]
fn more_groups_than_expected_host_runs() {
    let dir = TestDir::new();
    let host = start(&dir, Mode::Active, "auto", &["groups=30000"]);
    wait_until_idle(&host);
    dir.remove_pidfile();
    let ended = host.wait();
    assert_eq!(ended.status, killed_by(libc::SIGTERM));
    assert!(ended.stderr.contains("was deleted"), "{ended:?}");
}

/// In KiB: for no stack of ours, for one, for all.
const ROOMS: [u32; 7] = [0, 4, 72, 80, 144, 208, 1024];

#[test]
fn little_address_space_host_runs() {
    for room in ROOMS {
        copes_without(&[&format!("room={room}")]);
    }
}

#[test]
#[ignore = "needs root"]
fn locked_memory_limit_host_runs() {
    for room in ROOMS {
        copes_without(&[&format!("locked={room}"), &a_user()]);
    }
    copes_without(&["locked=0"]);
}

/// Not a byte may be written to a file: that costs a signal too, SIGXFSZ.
#[test]
fn file_size_limit_writes_nothing_host_runs() {
    for most in [0, 1, 3] {
        for watch in ["auto", "off"] {
            let dir = TestDir::new();
            let (mut reader, writer) = pipe().unwrap();
            let mut host = dir
                .host("starts_poor")
                .arg(format!("fsize={most}"))
                .env("PIDFILE_WATCH", watch)
                .stderr(writer)
                .spawn();
            host.wait_until(|host| is_at_work(host.pid()), "at work");
            assert_eq!(dir.leftovers(), NOTHING);
            host.close_stdin();
            assert_eq!(host.wait().status, exited(13));
            let mut said = String::new();
            reader.read_to_string(&mut said).unwrap();
            assert!(said.contains("cannot write it: "), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert_eq!(dir.leftovers(), NOTHING);
        }
    }
}

/// What a script takes away, before the host starts that then knows of nothing.
#[track_caller]
fn lives_and_is_deleted_after(script: &str) {
    for (watch, is_deleted) in [
        ("auto", false),
        ("auto", true),
        ("poll", true),
        ("off", false),
    ] {
        let dir = TestDir::new();
        let host = dir.host_after(script, "waits_for_eof");
        let mut host = host.env("PIDFILE_WATCH", watch).spawn_ready();
        assert_eq!(
            (dir.content(), host.stderr()),
            (host.pid_line(), String::new())
        );
        let expected = if is_deleted {
            dir.remove_pidfile();
            killed_by(libc::SIGTERM)
        } else {
            host.close_stdin();
            exited(0)
        };
        assert_eq!(host.wait().status, expected);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// The limit has to be there before the kernel makes the first thread's stack. (With 16 KiB the loader itself runs out of it
/// in one start of five, whatever it is that it preloads.)
#[test]
#[ignore = "needs root"]
fn stack_of_24_kib_host_runs() {
    lives_and_is_deleted_after("ulimit -s 24");
}

#[test]
#[ignore = "needs root"]
fn unusable_proc_host_runs() {
    lives_and_is_deleted_after("mount -t tmpfs tmpfs /proc");
}

/// The heap lies in the library's own data and asks nobody for memory, so no allocation can fail for want of it: only for
/// want of room in there. With everything as large as it can be, and after many events, three quarters are still untouched.
#[test]
fn private_heap_stays_mostly_unused() {
    const RESERVE: u64 = 512;
    let dir = TestDir::new();
    let garbage = "x".repeat(100_000);
    let run = dir.path("run");
    let long = run.join("./".repeat((4000 - run.as_os_str().len()) / 2) + "a.pid");
    let mut host = dir.host("waits_for_eof").env("PIDFILE", long);
    for name in ["FOLLOW", "SIGNAL", "KILL_AFTER", "WATCH", "STRICT", "LOG"] {
        host = host.env(&format!("PIDFILE_{name}"), &garbage);
    }
    let mut host = host.spawn_ready();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    for round in 0..20_000_u32 {
        let mode = fs::Permissions::from_mode(if round % 2 == 0 { 0o600 } else { 0o644 });
        fs::set_permissions(dir.pidfile(), mode).unwrap();
    }
    wait_until_idle(&host);
    let used = data_of_library(&host);
    println!("{used} KiB used");
    assert!((1..=RESERVE / 4).contains(&used), "{used} KiB used");
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    wait_for(|| dir.leftovers() == NOTHING, "removed");
}

/// What the process has touched of the data of the library, in KiB: the writable part of its file, and what follows that
/// without a file.
fn data_of_library(host: &Process) -> u64 {
    let smaps = fs::read_to_string(format!("/proc/{}/smaps", host.pid())).unwrap();
    let (mut end, mut counts, mut total) = (String::new(), false, 0);
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((from, to)) = words[0].split_once('-') {
            let is_data = words[1].starts_with("rw") && line.ends_with(library().to_str().unwrap());
            counts = is_data || words.len() == 5 && from == end;
            end = if counts { to.to_owned() } else { String::new() };
        } else if counts && words[0] == "Anonymous:" {
            total += words[1].parse::<u64>().unwrap();
        }
    }
    total
}
