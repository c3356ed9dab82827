//! What an owner looks like from outside: a host that cannot tell that it is one, and that sleeps when it sleeps.

use crate::common::{
    Mode, Process, TestDir, address_space, blocked_signals, context_switches, extra_tasks_of,
    fds_of, is_watching, library, private_dirty, processor_time, tasks_of, wait_for,
    wait_until_idle,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

fn start(dir: &TestDir, mode: Mode) -> Process {
    dir.host("waits_for_signal").mode(mode).spawn_ready()
}

/// An owner for which everything has happened that happens before a deletion.
fn settled_owner(dir: &TestDir) -> Process {
    let owner = start(dir, Mode::Active);
    owner.wait_until(|owner| is_watching(owner.pid()), "watching");
    wait_until_idle(&owner);
    owner
}

#[test]
fn host_has_no_descriptor_of_ours() {
    let dir = TestDir::new();
    let plain: Vec<i32> = fds_of(start(&dir, Mode::Plain).pid()).into_keys().collect();
    let owner = settled_owner(&dir);
    let fds = fds_of(owner.pid());
    let numbers: Vec<i32> = fds.keys().copied().collect();
    assert_eq!(numbers, plain, "{fds:?}");
}

#[test]
fn our_threads_hold_no_descriptor_of_the_host() {
    let dir = TestDir::new();
    let owner = settled_owner(&dir);
    let of_the_host: Vec<_> = fds_of(owner.pid()).into_values().collect();
    assert_eq!(of_the_host.len(), 3, "{of_the_host:?}");
    let ours: Vec<_> = extra_tasks_of(owner.pid())
        .into_iter()
        .flat_map(fds_of)
        .collect();
    for (fd, leads_to) in &ours {
        assert!(!of_the_host.contains(leads_to), "{fd}: {leads_to:?}");
    }
    // So these are the right ones.
    let is_the_watch = |leads_to: &PathBuf| leads_to == Path::new("anon_inode:inotify");
    assert!(ours.iter().any(|(_, to)| is_the_watch(to)), "{ours:?}");
}

#[test]
fn owner_has_at_most_two_threads_of_ours() {
    let dir = TestDir::new();
    let owner = settled_owner(&dir);
    let ours = extra_tasks_of(owner.pid());
    assert!((1..=2).contains(&ours.len()), "{ours:?}");
}

#[test]
fn our_threads_block_every_signal() {
    // Nobody can block SIGKILL and SIGSTOP. Nor 32 and 33, which glibc keeps for itself: with 33 it asks every thread
    // to change its user when the host calls setuid. SIGSYS is open for a sandbox of the host's that answers system
    // calls in a handler: with it blocked the kernel would end the process.
    let can_be_blocked = !(1_u64 << 8 | 1 << 18 | 1 << 30 | 1 << 31 | 1 << 32);
    let dir = TestDir::new();
    let owner = settled_owner(&dir);
    let ours = extra_tasks_of(owner.pid());
    assert!(!ours.is_empty());
    for task in ours {
        let blocked = blocked_signals(task);
        assert_eq!(
            blocked & can_be_blocked,
            can_be_blocked,
            "thread {task} blocks {blocked:016x}"
        );
    }
    assert_eq!(blocked_signals(owner.pid()), 0, "the host blocked none");
}

#[test]
fn owner_uses_little_address_space() {
    let dir = TestDir::new();
    let plain = address_space(start(&dir, Mode::Plain).pid());
    let owner = settled_owner(&dir);
    let active = address_space(owner.pid());
    assert!(
        0 < plain && plain < active && active <= plain + 8 * 1024,
        "{plain} KiB without us, {active} KiB with us"
    );
}

/// Its keeper is at work before the thread that has started it goes on.
#[test]
fn delayed_start_uses_little_address_space() {
    let dir = TestDir::new();
    let mut strace = Command::new("strace")
        .args(["--follow-forks", "--quiet=all", "--output=/dev/null"])
        .arg("--trace=clone3,clone")
        .arg("--inject=clone3,clone:delay_exit=100000:when=1")
        .args(["env", "-i"])
        .arg(format!("LD_PRELOAD={}", library().display()))
        .arg(format!("PIDFILE={}", dir.pidfile().display()))
        .arg(dir.host_path("waits_for_eof"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace");
    wait_for(
        || dir.content().trim().parse().is_ok_and(is_watching),
        "an owner",
    );
    let active = address_space(dir.content().trim().parse().unwrap());
    drop(strace.stdin.take());
    assert!(strace.wait().unwrap().success());
    assert!(0 < active && active < 64 * 1024, "{active} KiB");
}

/// What a host under `mlockall` pays for, and one of a thousand.
#[test]
fn owner_uses_little_memory() {
    let dir = TestDir::new();
    let plain = start(&dir, Mode::Plain);
    wait_until_idle(&plain);
    let owner = settled_owner(&dir);
    let [plain, active] = [plain, owner].map(|host| private_dirty(host.pid()));
    assert!(
        0 < plain && plain < active && active <= plain + 400,
        "{plain} KiB without us, {active} KiB with us"
    );
}

#[test]
fn idle_owner_never_wakes_up() {
    let dir = TestDir::new();
    let owner = settled_owner(&dir);
    let tasks = tasks_of(owner.pid());
    let before = (context_switches(&tasks), processor_time(&tasks));
    // Not a wait for something: these seconds are what is measured.
    sleep(Duration::from_secs(5));
    let after = (context_switches(&tasks), processor_time(&tasks));
    assert_eq!(after, before);
    assert_eq!(tasks_of(owner.pid()), tasks);
}

/// glibc gives a thread the stack of one that has ended, also one of ours.
#[test]
fn threads_with_small_stacks_start_as_without_us() {
    let stacks = |mode, watch: &str| {
        let dir = TestDir::new();
        let host = dir.host("asks_for_small_stacks").mode(mode);
        let mut host = host.env("PIDFILE_WATCH", watch).spawn_ready();
        if mode == Mode::Active && watch == "inotify" {
            host.wait_until(|host| is_watching(host.pid()), "watching");
        }
        host.close_stdin();
        host.wait_until(|host| host.stdout().matches("program").count() == 9, "done");
        host.stdout()
    };
    let plain = stacks(Mode::Plain, "inotify");
    assert_eq!(stacks(Mode::Inert, "inotify"), plain);
    for watch in ["inotify", "poll", "off"] {
        assert_eq!(stacks(Mode::Active, watch), plain, "{watch}");
    }
}
