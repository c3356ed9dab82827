//! An owner that has nothing to do, for as long as everything else is measured: its memory, and that it sleeps.

use crate::common::{
    Process, TestDir, address_space, children_of, context_switches, is_watching, library,
    private_dirty, processor_time, tasks_of, wait_for, wait_until_idle,
};
use crate::table::{Row, Table, Target, Unit};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// At least.
const WHILE: Duration = Duration::from_secs(60);
/// What one would write without the library.
const WRAPPER: &str = "\"$1\" & echo $! >\"$0\"; inotifywait -qq -e delete_self \"$0\" && kill $!";

pub struct Idle {
    plain: Process,
    owner: Process,
    wrapper: Process,
    guarded: Process,
    tasks: Vec<i32>,
    /// Context switches, and nanoseconds on a processor.
    before: [u64; 2],
    since: Instant,
    _dirs: [TestDir; 4],
}

fn activity(tasks: &[i32]) -> [u64; 2] {
    [context_switches(tasks), processor_time(tasks)]
}

impl Idle {
    pub fn begin() -> Idle {
        let dirs = [(); 4].map(|()| TestDir::new());
        let plain = dirs[0].host("waits_for_signal").plain().spawn();
        let owner = dirs[1].host("waits_for_signal").spawn();
        let wrapper = dirs[2]
            .program("sh")
            .plain()
            .args(["-c", WRAPPER])
            .arg(dirs[2].pidfile())
            .arg(dirs[2].host_path("waits_for_signal"))
            .spawn();
        let guarded = dirs[3]
            .host("waits_for_signal")
            .env("PIDFILE_GUARD", "1")
            .spawn();
        for host in [&plain, &owner, &wrapper, &guarded] {
            host.wait_until_ready();
        }
        owner.wait_until(|owner| is_watching(owner.pid()), "watching");
        wait_for(
            || children_of(wrapper.pid()).len() == 2,
            "the wrapper has its two children",
        );
        for host in [&plain, &owner, &wrapper] {
            wait_until_idle(host);
        }
        let tasks = tasks_of(owner.pid());
        Idle {
            before: activity(&tasks),
            since: Instant::now(),
            tasks,
            plain,
            owner,
            wrapper,
            guarded,
            _dirs: dirs,
        }
    }

    pub fn measure(self, table: &mut Table) {
        // The other measurements take about as long.
        sleep(WHILE.saturating_sub(self.since.elapsed()));
        let after = activity(&self.tasks);
        assert_eq!(tasks_of(self.owner.pid()), self.tasks);
        let seconds = self.since.elapsed().as_secs();
        for (what, at, unit) in [
            ("context switches", 0, Unit::Count),
            ("time on a processor", 1, Unit::Nanoseconds),
        ] {
            table.add(Row {
                what: format!("idle for {seconds} s: {what}"),
                unit,
                ours: ((after[at] - self.before[at]) as f64).into(),
                against: String::new(),
                theirs: None,
                target: Target::AtMost(0.0),
            });
        }
        let [plain, owner, wrapper] = [&self.plain, &self.owner, &self.wrapper].map(Process::pid);
        let wrapped: Vec<i32> = [wrapper].into_iter().chain(children_of(wrapper)).collect();
        for (what, size, more) in [
            ("private memory", private_dirty as fn(i32) -> u64, 400.0),
            ("address space", address_space, 8.0 * 1024.0),
        ] {
            let sizes = [
                ("no library", size(plain), Target::Plus(more)),
                (
                    "`sh` with `inotifywait`, and the program",
                    wrapped.iter().map(|pid| size(*pid)).sum(),
                    Target::None,
                ),
            ];
            for (against, theirs, target) in sizes {
                table.add(Row {
                    what: format!("idle: {what}"),
                    unit: Unit::KiB,
                    ours: (size(owner) as f64).into(),
                    against: against.to_owned(),
                    theirs: Some((theirs as f64).into()),
                    target,
                });
            }
        }
        let guard = children_of(self.guarded.pid());
        table.add(Row {
            what: "the guard: private memory".to_owned(),
            unit: Unit::KiB,
            ours: (guard.into_iter().map(private_dirty).sum::<u64>() as f64).into(),
            against: String::new(),
            theirs: None,
            target: Target::AtMost(150.0),
        });
        table.add(Row {
            what: "size of the file".to_owned(),
            unit: Unit::KiB,
            ours: (fs::metadata(library()).unwrap().len() as f64 / 1024.0).into(),
            against: String::new(),
            theirs: None,
            target: Target::AtMost(616.0),
        });
    }
}
