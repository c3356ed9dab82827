use super::lab::{Lab, Unit};
use super::lock::is_locked;
use super::wait::wait_for;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// What an operator or another unit can see of a service, but for PIDs and times.
const VISIBLE: &str = "Type,ActiveState,SubState,Result,ReloadResult,ExecMainCode,ExecMainStatus,NRestarts,StatusErrno,\
                       ExecStartPre,ExecStart,ExecStartPost,ExecReload,ExecStop,ExecStopPost";

/// Loads the library, and puts the file where each unit has a directory of its own.
pub const PRELOADED: &str = "Environment=LD_PRELOAD=/lab/libpidfile.so PIDFILE=/run/%N/a.pid\n";

/// What is to be seen of a service now.
fn visible(unit: &Unit) -> BTreeMap<String, String> {
    let mut shown = unit.show(VISIBLE);
    for (name, value) in &mut shown {
        if name.starts_with("ExecStart") || name.starts_with("ExecStop") || name == "ExecReload" {
            // "{ path=… ; start_time=… ; pid=… ; code=exited ; status=0 }"
            *value = value.split("code=").skip(1).collect::<Vec<_>>().join(" ");
        }
    }
    shown
}

/// One service twice: without us, and with us.
pub struct PairedRun {
    pub plain: Unit,
    pub active: Unit,
}

impl PairedRun {
    pub fn new(name: &str, lines: &str) -> PairedRun {
        PairedRun::of(name, lines, lines)
    }

    /// Of two services that should be alike with us in the second one.
    pub fn of(name: &str, plain: &str, active: &str) -> PairedRun {
        let (lab, directory) = (Lab::get(), "RuntimeDirectory=%N\n");
        PairedRun {
            plain: lab.unit(&format!("{name}-plain"), &format!("{directory}{plain}")),
            active: lab.unit(
                &format!("{name}-active"),
                &format!("{PRELOADED}{directory}{active}"),
            ),
        }
    }

    /// The same to both, after which both must look the same.
    #[track_caller]
    pub fn both(&self, what: &str, does: impl Fn(&Unit)) {
        for unit in [&self.plain, &self.active] {
            does(unit);
        }
        let [mut plain, mut active] = [&self.plain, &self.active].map(visible);
        // Each test reloads the manager when it makes its units, and a reload forgets how the commands of all units ended.
        let is_forgotten = |value: &String| value.starts_with("(null)");
        let forgotten = |of: &BTreeMap<String, String>| -> Vec<String> {
            let all = of.iter().filter(|(_, value)| is_forgotten(value));
            all.map(|(name, _)| name.clone()).collect()
        };
        for name in [forgotten(&plain), forgotten(&active)].concat() {
            plain.remove(&name);
            active.remove(&name);
        }
        assert_eq!(active, plain, "after this: {what}\n{}", self.active.log());
    }

    /// The file of the one with us is right.
    #[track_caller]
    pub fn file_is_right(&self) {
        let unit = &self.active;
        let pidfile = unit.pidfile();
        let pid = unit.property("MainPID");
        let content = fs::read_to_string(&pidfile);
        let content = content.unwrap_or_else(|error| panic!("{error}\n{}", unit.log()));
        assert_eq!(content, format!("{pid}\n"), "{}", unit.log());
        let mode = fs::metadata(&pidfile).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        assert!(is_locked(&pidfile), "{}", unit.log());
    }

    /// Starts both; our own service says a line when it is up.
    pub fn start(&self) {
        self.start_processes(1);
    }

    /// Starts both, of so many processes each, which all say that they are up.
    #[track_caller]
    pub fn start_processes(&self, count: usize) {
        self.both("start", |unit| {
            let before = unit.stdout().matches("ready\n").count();
            unit.systemctl("start");
            wait_for(
                || unit.stdout().matches("ready\n").count() >= before + count,
                &format!("{} is ready\n{}", unit.name, unit.log()),
            );
        });
        self.file_is_right();
    }

    pub fn stop(&self) {
        self.both("stop", |unit| unit.systemctl("stop"));
        self.file_is_gone();
    }

    /// Deletes the file of the one with us; the other one gets SIGTERM from an operator.
    fn end(&self, unit: &Unit) {
        if unit.name == self.active.name {
            fs::remove_file(unit.pidfile()).unwrap();
        } else {
            let killed = Lab::get().run(&["systemctl", "kill", "--kill-whom=main", &unit.name]);
            assert!(killed.status.success());
        }
    }

    pub fn stop_by_deletion(&self) {
        self.both("deletion", |unit| {
            self.end(unit);
            unit.wait_until("ActiveState", "inactive");
        });
        self.file_is_gone();
    }

    /// For services with `Restart=always`.
    pub fn restart_by_deletion(&self) {
        self.both("deletion", |unit| {
            let before = unit.property("MainPID");
            self.end(unit);
            wait_for(
                || {
                    let now = unit.show("MainPID,SubState");
                    now["SubState"] == "running" && now["MainPID"] != before
                },
                "systemd has started it again",
            );
        });
        self.file_is_right();
    }

    pub fn file_is_gone(&self) {
        assert!(!self.active.pidfile().exists(), "{}", self.active.log());
    }

    /// The whole life of a service, twice.
    pub fn live(&self) {
        self.start();
        self.stop();
        self.start();
        self.stop_by_deletion();
    }
}
