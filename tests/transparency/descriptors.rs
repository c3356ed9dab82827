//! Our descriptors and the host's never meet, whatever the host closes and opens.

use crate::common::{
    Mode, NOTHING, Process, TestDir, fds_of, is_watching, killed_by, library, wait_for,
};
use std::fs::{self, File};
use std::io::Read;

const WAYS: [&str; 6] = [
    "none",
    "1024",
    "limit",
    "closefrom",
    "close_range",
    "unshare",
];

/// What is in the files that the host has opened.
fn files(dir: &TestDir) -> Vec<String> {
    let names = (0..64).map(|number| format!("data/file{number}"));
    names
        .map(|name| fs::read_to_string(dir.path(name)).unwrap())
        .collect()
}

#[track_caller]
fn are_untouched(dir: &TestDir, expected: &[String], when: &str) {
    for (number, content) in files(dir).iter().enumerate() {
        assert_eq!(*content, expected[number], "file {number}, {when}");
    }
}

fn start(dir: &TestDir, mode: Mode, watch: &str, arguments: &[&str]) -> Process {
    let host = dir.host("reuses_descriptors").mode(mode);
    let host = host.env("PIDFILE_WATCH", watch).args(arguments).spawn();
    host.wait_until(|_| dir.path("data/ready").exists(), "ready");
    host
}

/// The numbers that the host's files get are the same, and nobody else writes into them: not while the file is watched,
/// not when its deletion is reported.
fn its_files_stay_its_own(append: &str, watch: &str) {
    for way in WAYS {
        let arguments = [way, append];
        let plain = TestDir::new();
        let there = start(&plain, Mode::Plain, watch, &arguments);
        let expected = files(&plain);
        let numbers = fds_of(there.pid()).into_keys().collect::<Vec<_>>();
        drop(there);

        let dir = TestDir::new();
        let host = start(&dir, Mode::Active, watch, &arguments);
        if watch == "auto" {
            host.wait_until(|host| is_watching(host.pid()), "watching");
        }
        are_untouched(&dir, &expected, way);
        assert_eq!(
            fds_of(host.pid()).into_keys().collect::<Vec<_>>(),
            numbers,
            "{way}"
        );
        dir.remove_pidfile();
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{way}");
        are_untouched(&dir, &expected, &format!("{way}, after the deletion"));
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

#[test]
fn freed_descriptor_numbers_are_the_hosts() {
    its_files_stay_its_own("", "auto");
}

#[test]
fn freed_descriptor_numbers_while_polling() {
    its_files_stay_its_own("", "poll");
}

/// One of them has the number of stderr, and is opened as a log is. But nobody has said that it is one.
#[test]
fn data_file_on_stderrs_number_gets_no_message() {
    its_files_stay_its_own("append", "auto");
}

/// A pipe that the host has inherited: when the host closes its end, that was the last one.
#[test]
fn inherited_pipe_reader_sees_its_end() {
    for watch in ["auto", "poll", "off"] {
        let dir = TestDir::new();
        let pipe = dir.fifo("data/pipe");
        // The shell opens it, so that the host has it from its first instruction on.
        let mut host = dir
            .program("/bin/sh")
            .plain()
            .args([
                "-c",
                "exec env LD_PRELOAD=\"$1\" PIDFILE=\"$2\" PIDFILE_WATCH=\"$3\" \"$4\" 7>pipe",
                "sh",
            ])
            .arg(library())
            .arg(dir.pidfile())
            .arg(watch)
            .arg(dir.host_path("closes_a_pipe"))
            .spawn();
        let mut reader = File::open(&pipe).unwrap();
        host.wait_until_ready();
        if watch == "auto" {
            host.wait_until(|host| is_watching(host.pid()), "watching");
        }
        assert!(fds_of(host.pid()).contains_key(&7));
        host.write_stdin(b"x");
        // Non-blocking, or a failure would hang: an open pipe without data is an error then, a closed one the end.
        // SAFETY: plain call on an open descriptor.
        unsafe {
            libc::fcntl(
                std::os::fd::AsRawFd::as_raw_fd(&reader),
                libc::F_SETFL,
                libc::O_NONBLOCK,
            )
        };
        wait_for(
            || reader.read(&mut [0]).is_ok_and(|length| length == 0),
            "the reader sees the end",
        );
        assert!(host.is_running());
    }
}
