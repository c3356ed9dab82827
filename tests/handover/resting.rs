//! An owner ends beside a young child that does not run: that one cannot be about to decide, and is not waited for like one that
//! can.

use crate::common::{
    Descendants, NOTHING, TestDir, exited, extra_tasks_of, status_line, wait_for, wait_until_idle,
};
use std::fs;
use std::process::{Command, Stdio};

#[test]
fn child_at_rest_gets_few_looks() {
    // As many as there would be if it were waited for: see `LOOKS` in src/handover/give.rs.
    const PATIENCE: usize = 600;
    for how in ["stopped", "traced", "vfork"] {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let mut host = dir.host("leaves_a_child").arg(how).spawn_ready();
        assert_eq!(dir.content(), host.pid_line());
        wait_until_idle(&host);
        let said = host.stdout();
        let child = said.lines().find_map(|line| line.strip_prefix("child "));
        let looks = format!("/proc/{}/", child.unwrap());

        let log = dir.path("out/strace");
        let mut strace = Command::new("strace");
        for thread in extra_tasks_of(host.pid()) {
            strace.arg(format!("--attach={thread}"));
        }
        let mut strace = strace
            .args(["--signal=none", "--quiet=all", "--trace=openat", "--output"])
            .arg(&log)
            .stderr(Stdio::null())
            .spawn()
            .expect("strace");
        let ours = extra_tasks_of(host.pid());
        wait_for(
            || {
                let traced = |task: &i32| status_line(*task, "TracerPid") != "0";
                ours.iter().all(traced)
            },
            "the library's threads are traced",
        );
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "{how}");
        assert_eq!(dir.leftovers(), NOTHING, "{how}");
        wait_for(
            || strace.try_wait().unwrap().is_some(),
            "strace ends with what it traces",
        );
        let log = fs::read_to_string(log).unwrap();
        let count = log.lines().filter(|line| line.contains(&looks)).count();
        assert!(count > 0 && count < PATIENCE / 2, "{how}: {count} looks");
    }
}
