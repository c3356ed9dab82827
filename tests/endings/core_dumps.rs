//! A core file shows where the host was when it ended, and nothing of us: the same frames, the same registers, the same
//! siginfo as without us.

use crate::common::{Mode, NOTHING, TestDir};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What gdb is asked about a core. Addresses in the host's own code are the same each time (`setarch -R`). Those on the
/// stack and in libc are not, since we are among the libraries and our setting is on the stack.
const QUESTIONS: [&str; 6] = [
    "printf \"asked: signal %d, code %d\\n\", $_siginfo.si_signo, $_siginfo.si_code",
    "info symbol $pc",
    "backtrace",
    "info registers rax rbx rcx rdx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 eflags",
    "print $xmm0.uint128",
    "print $xmm15.uint128",
];

/// Runs the host until it has dumped its core, and asks gdb.
fn told_by_core(how: &str, mode: Mode, watch: &str, signal: Option<i32>) -> String {
    let dir = TestDir::new();
    let program = dir.host_path("dumps_core");
    let host = dir
        .program("setarch")
        .mode(mode)
        .env("PIDFILE_WATCH", watch);
    let host = host
        .arg("-R")
        .arg(&program)
        .arg(how)
        .dumps_core()
        .spawn_ready();
    let pid = host.pid();
    if let Some(signal) = signal {
        host.wait_until(|host| is_where_it_waits(host.pid(), how), "where it waits");
        host.signal(signal);
    }
    let ended = host.wait();
    assert!(
        ended.status.core_dumped(),
        "{how}, {mode:?}: {:?}",
        ended.status
    );
    // There is no handler for SIGTRAP.
    if how != "int3" {
        assert_eq!(dir.leftovers(), NOTHING, "{how}, {mode:?}");
    }
    let told = ask(&program, &core_in(&dir.path("data")));
    // A register may hold the PID, which is another one each time, and may be a number as small as those that are compared.
    // (r11 has the flags after a system call: their number may well be some process's PID.)
    let its_pid = format!(" {pid:#x} {pid}");
    let told: Vec<_> = told
        .lines()
        .filter(|line| !line.ends_with(&its_pid) || line.starts_with("r11 "))
        .collect();
    let told = told.join("\n");
    let result = format!("rax {:#x} {}", -libc::EINTR as i64, -libc::EINTR);
    told.replace("rax 0xfffffffffffffdfe -514", &result)
}

/// In its pause(2), or turning in its loop for several ticks of the clock.
fn is_where_it_waits(pid: i32, how: &str) -> bool {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    if how == "pause" {
        return read("syscall").starts_with(&format!("{} ", libc::SYS_pause));
    }
    // proc_pid_stat(5): utime is the 14th word, and the name before it has no spaces.
    let ticks = read("stat")
        .split(' ')
        .nth(13)
        .and_then(|utime| utime.parse().ok());
    ticks.unwrap_or(0) > 3
}

fn core_in(directory: &Path) -> PathBuf {
    let mut entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.find(|path| path.to_string_lossy().contains("core")).unwrap_or_else(|| {
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        panic!(
            "no core file in the current directory: the pattern is {pattern:?}; this test needs one like \"core\""
        )
    })
}

fn ask(program: &Path, core: &Path) -> String {
    let mut gdb = Command::new("gdb");
    gdb.args(["--batch", "--nx", "-iex", "set debuginfod enabled off"]);
    gdb.arg(program).arg(core);
    for question in QUESTIONS {
        gdb.args(["-ex", question]);
    }
    let answer = gdb.output().expect("gdb");
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let (_, answers) = text.split_once("asked: ").unwrap_or_else(|| {
        panic!("gdb: {text}{}", String::from_utf8_lossy(&answer.stderr));
    });
    let lines = answers.lines().filter_map(without_addresses);
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of an answer, without the address that a frame in libc begins with. Nothing, if it is a register that leads
/// to libc or the stack, or may hold a PID.
fn without_addresses(line: &str) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    if words.len() == 3 && words[1].starts_with("0x") {
        let value = u64::from_str_radix(&words[1][2..], 16).unwrap_or(0);
        let telling = !(4096..=1 << 60).contains(&value);
        return telling.then(|| words.join(" "));
    }
    let kept = words
        .into_iter()
        .filter(|word| !word.starts_with("0x00007"));
    Some(kept.collect::<Vec<_>>().join(" "))
}

fn shows_the_same(how: &str, signal: Option<i32>, expected: &str) {
    let plain = told_by_core(how, Mode::Plain, "auto", signal);
    assert!(plain.contains(expected), "{how}: {plain}");
    for watch in ["auto", "off"] {
        let active = told_by_core(how, Mode::Active, watch, signal);
        assert_eq!(active, plain, "{how}, PIDFILE_WATCH={watch}");
    }
}

#[test]
fn fault_leaves_the_same_core() {
    for how in ["fault", "ud2", "int3", "divide"] {
        shows_the_same(how, None, "0x1111111111111111");
    }
}

#[test]
fn abort_and_raise_leave_the_same_core() {
    shows_the_same("abort", None, "abort");
    shows_the_same("raise", None, "raise");
}

#[test]
fn signal_during_computation_leaves_same_core() {
    for signal in [libc::SIGQUIT, libc::SIGSEGV, libc::SIGABRT] {
        shows_the_same("spin", Some(signal), "0x1111111111111111");
    }
}

/// The one difference is that our handler has interrupted the call: its result is EINTR by then. Without a handler it is
/// one of the kernel's own, which it shows nobody else (ERESTARTNOHAND).
#[test]
fn signal_during_system_call_leaves_same_core() {
    for signal in [libc::SIGQUIT, libc::SIGSEGV, libc::SIGABRT] {
        shows_the_same("pause", Some(signal), "0x1111111111111111");
    }
}
