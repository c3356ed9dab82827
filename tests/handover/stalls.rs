//! The whole machine stands still for seconds in the middle of a hand-over: nothing is decided by that.

use crate::common::{
    Descendant, Descendants, NOTHING, SHAPES, Stopped, TestDir, children_of, end_daemon, exited,
    extra_tasks_of, forks, is_at_work, is_watching, keeper_of, output_pids, wait_for,
    wait_until_idle,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What stands still all at once: a cgroup where there is a freezer (cgroups(7)), else the processes that are known.
enum Stall {
    Group {
        path: PathBuf,
        file: &'static str,
        words: [&'static str; 2],
    },
    Processes {
        first: i32,
        stopped: Vec<i32>,
    },
}

impl Stall {
    fn of(host: i32) -> Stall {
        let kinds = [
            (
                "/sys/fs/cgroup/freezer",
                "freezer.state",
                ["FROZEN", "THAWED"],
            ),
            ("/sys/fs/cgroup", "cgroup.freeze", ["1", "0"]),
        ];
        for (root, file, words) in kinds {
            let path = Path::new(root).join(format!("libpidfile-test-{host}"));
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let group = Stall::Group { path, file, words };
            if let Stall::Group { path, .. } = &group
                && path.join(file).exists()
                && fs::write(path.join("cgroup.procs"), host.to_string()).is_ok()
            {
                return group;
            }
        }
        Stall::Processes {
            first: host,
            stopped: Vec::new(),
        }
    }

    fn begin(&mut self) {
        match self {
            Stall::Group { path, file, words } => fs::write(path.join(file), words[0]).unwrap(),
            // One that has just been forked is found the next time.
            Stall::Processes { first, stopped } => loop {
                let family = family(*first).into_iter().rev();
                let more: Vec<_> = family.filter(|pid| !stopped.contains(pid)).collect();
                if more.is_empty() {
                    return;
                }
                send(&more, libc::SIGSTOP);
                stopped.extend(more);
            },
        }
    }

    fn end(&self) {
        match self {
            Stall::Group { path, file, words } => fs::write(path.join(file), words[1]).unwrap(),
            // Some may have lost their parent, and so are no family any more.
            Stall::Processes { stopped, .. } => send(stopped, libc::SIGCONT),
        }
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        if let Stall::Group { path, .. } = self {
            wait_for(|| fs::remove_dir(&*path).is_ok(), "the group is empty");
        }
    }
}

fn send(pids: &[i32], signal: i32) {
    for pid in pids {
        // SAFETY: takes numbers only.
        unsafe { libc::kill(*pid, signal) };
    }
}

/// A process and all that descends from it.
fn family(first: i32) -> Vec<i32> {
    let mut all = vec![first];
    let mut next = 0;
    while next < all.len() {
        all.extend(children_of(all[next]));
        next += 1;
    }
    all
}

fn stall_for(stall: Duration, delay: Duration, steps: &[&str], way: usize) {
    let dir = TestDir::new();
    let all_steps = [&["be told"], steps].concat();
    let mut host = dir.host("daemonizes").args(&all_steps).spawn();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    let mut group = Stall::of(host.pid());
    let orphans = Descendants::of(&dir);
    host.close_stdin();
    thread::sleep(delay);
    group.begin();
    thread::sleep(stall);
    group.end();
    let ended = host.wait();
    assert_eq!(ended.status, exited(0), "{steps:?}: {ended:?}");
    let has_the_file = || {
        let chain = output_pids(&dir, "process");
        chain.len() == forks(steps)
            && is_at_work(chain[chain.len() - 1])
            && dir.content() == format!("{}\n", chain[chain.len() - 1])
    };
    wait_for(
        has_the_file,
        &format!(
            "the file names the daemon: {steps:?}, after {delay:?}: {:?}",
            dir.content()
        ),
    );
    let pids = output_pids(&dir, "process");
    let daemon = Descendant::new(pids[pids.len() - 1]);
    end_daemon(&dir, daemon, way, steps);
    assert_eq!(dir.leftovers(), NOTHING);
    drop(orphans);
    drop(group);
}

/// The keeper of a launcher gets no processor for more than 2 seconds: a debugger stops it. The launcher waits for it, since
/// nobody else can leave the file to the daemon.
#[test]
fn launcher_waits_for_a_keeper_without_processor() {
    const LONG: Duration = Duration::from_millis(2500);
    for shape in [["fork", "setsid"], ["setsid", "fork"]] {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let steps = [&["wait for", "pipe"], &shape[..], &["be told"]].concat();
        let mut launcher = dir.host("daemonizes").args(&steps).spawn();
        launcher.wait_until(
            |_| output_pids(&dir, "process").len() == forks(&steps),
            "there is a daemon",
        );
        wait_until_idle(&launcher);
        let [main, keeper] = [launcher.pid(), keeper_of(launcher.pid())].map(Stopped::stop);
        launcher.close_stdin();
        // What it has asked the kernel to wait, in all. One that waits no longer removes the file.
        let mut waited = Duration::ZERO;
        main.go_to_call(|call| {
            if call.number == libc::SYS_futex {
                waited += main.time_at(call.arguments[3]).unwrap_or_default();
            }
            waited >= LONG || call.number == libc::SYS_unlinkat
        });
        keeper.let_go();
        main.let_go();
        assert!(
            waited >= LONG,
            "{steps:?}: it removes the file after {waited:?}"
        );
        assert_eq!(launcher.wait().status, exited(0));
        let daemon = Descendant::new(*output_pids(&dir, "process").last().unwrap());
        assert_eq!(dir.content(), daemon.pid_line(), "{steps:?}");
        end_daemon(&dir, daemon, 0, &steps);
    }
}

/// On a slow machine a child uses more CPU time before its session than one that is at work elsewhere, and its owner has
/// hardly looked by then.
#[test]
fn slow_child_inherits_after_few_looks() {
    const AT_WORK: u64 = 100_000_000;
    // Less than half of those that find out what the child does, and more than there are once that is known.
    const FILES: usize = 30;
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let told = dir.path("out/told");
    let mut launcher = dir.host("leads_when_told").arg(&told).spawn_ready();
    let said = launcher.stdout();
    let child = said.lines().find_map(|line| line.strip_prefix("child "));
    let child = Descendant::new(child.unwrap().parse().unwrap());
    let place = format!("/proc/{}/", child.pid);
    let has_worked = || {
        let used = fs::read_to_string(format!("{place}schedstat")).unwrap();
        used.split(' ').next().unwrap().parse::<u64>().unwrap() >= AT_WORK
    };
    wait_for(has_worked, "the child has worked");
    let keeper = Stopped::stop(keeper_of(launcher.pid()));
    launcher.close_stdin();
    let mut files = 0;
    // One that looks no more removes the file, and ends.
    keeper.go_to_call(|call| {
        let opens = call.number == libc::SYS_openat;
        files += usize::from(opens && keeper.is_about(call, Path::new(&place)));
        files == FILES
    });
    fs::write(&told, "").unwrap();
    wait_for(
        || !extra_tasks_of(child.pid).is_empty(),
        "the child stands by",
    );
    keeper.let_go();
    assert_eq!(launcher.wait().status, exited(0));
    assert_eq!(dir.content(), child.pid_line());
    end_daemon(&dir, child, 0, &["work", "setsid"]);
}

/// A large process, or a slow machine: the second fork takes longer than a launcher looks at children that do nothing.
#[test]
fn launcher_waits_for_a_fork_under_way() {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let launcher = dir.host("forks_slowly").arg("4000").run();
    assert_eq!(launcher.status, exited(0), "{launcher:?}");
    wait_for(
        || !output_pids(&dir, "daemon").is_empty(),
        "there is a daemon",
    );
    let daemon = Descendant::new(output_pids(&dir, "daemon")[0]);
    assert_eq!(dir.content(), daemon.pid_line());
    end_daemon(&dir, daemon, 0, &["fork", "setsid", "fork"]);
}

/// At any moment, from the start of the launcher's work until its daemon has the file.
#[test]
fn stall_during_hand_over_decides_nothing() {
    const MOMENTS: u32 = 12;
    let mut cases = Vec::new();
    for moment in 0..MOMENTS {
        for (number, shape) in SHAPES.iter().enumerate() {
            let waiting = match shape[0].starts_with("daemon") || moment % 2 == 0 {
                true => "",
                false => "pipe",
            };
            let steps = [&["wait for", waiting, "have no signals"], *shape].concat();
            let delay = Duration::from_micros(u64::from(moment) * 500);
            let stall = Duration::from_millis(1100 + u64::from(moment) * 100);
            cases.push((stall, delay, steps, number));
        }
    }
    let cases = Mutex::new(cases);
    let work = || {
        loop {
            let Some((stall, delay, steps, way)) = cases.lock().unwrap().pop() else {
                return;
            };
            stall_for(stall, delay, &steps, way);
        }
    };
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(work);
        }
    });
}
