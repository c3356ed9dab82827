use super::host::HostCommand;
use super::process::{Ended, Process};
use super::procfs::status_line;
use super::test_dir::TestDir;
use super::wait::wait_for;
use std::fs;
use std::process::{Command, Stdio};

/// Runs the host `stops_before_constructors` under strace, from before the first constructor to its end: of all that
/// the loader does, strace sees nothing. `meanwhile` has to see to it that the host ends. Returns strace's log too.
pub fn trace(
    dir: &TestDir,
    host: HostCommand,
    options: &[&str],
    meanwhile: impl FnOnce(&mut Process),
) -> (Ended, String) {
    let log = dir.path("out/strace");
    let mut host = host.spawn();
    host.wait_until(
        |host| status_line(host.pid(), "State").starts_with('T'),
        "stopped",
    );
    let mut strace = Command::new("strace")
        .args(["--follow-forks", "--signal=none", "--quiet=all"])
        .args(options)
        .arg("--output")
        .arg(&log)
        .arg(format!("--attach={}", host.pid()))
        .stderr(Stdio::null())
        .spawn()
        .expect("strace");
    host.wait_until(
        |host| status_line(host.pid(), "TracerPid") != "0",
        "traced by strace",
    );
    host.signal(libc::SIGCONT);
    meanwhile(&mut host);
    let ended = host.wait();
    wait_for(
        || strace.try_wait().unwrap().is_some(),
        "strace ends with what it traces",
    );
    (ended, fs::read_to_string(log).unwrap())
}

/// The system calls in a log: the thread that made each, and its name.
pub fn calls_in(log: &str) -> Vec<(&str, &str)> {
    log.lines()
        .filter_map(|line| {
            let (task, call) = line.split_once(' ')?;
            let (name, _) = call.trim_start().split_once('(')?;
            // The second half of a call that another thread's interrupted in the log: "<... openat resumed>". A call of
            // a thread that has ended before strace could ask which: "???".
            let has_name = !name.starts_with('<') && name != "???";
            has_name.then_some((task, name))
        })
        .collect()
}
