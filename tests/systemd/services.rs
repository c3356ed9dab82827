//! Services of a real systemd behave as they do without us, have the right file, and stop when it is deleted.

use crate::common::{Lab, PRELOADED, PairedRun, Unit, is_locked, wait_for};
use std::fs;
use std::os::unix::fs::MetadataExt;

const SERVICE: &str = "ExecStart=/lab/c-tests/is_a_service\n";

#[test]
#[ignore = "needs root"]
fn simple_service_start_stop_and_deletion() {
    PairedRun::new("simple", &format!("Type=simple\n{SERVICE}")).live();
}

#[test]
#[ignore = "needs root"]
fn exec_service_start_stop_and_deletion() {
    PairedRun::new("exec", &format!("Type=exec\n{SERVICE}")).live();
}

/// systemd says that such a service is up only when it has said so itself: then the file is there too.
#[test]
#[ignore = "needs root"]
fn notify_service_is_up_with_its_file() {
    let pair = PairedRun::new("notify", &format!("Type=notify\n{SERVICE}"));
    pair.live();
    pair.active.systemctl("start");
    pair.file_is_right();
}

/// It says so through another program, which has the library and the setting too.
#[test]
#[ignore = "needs root"]
fn notify_by_helper_program_works() {
    let script = "/usr/bin/systemd-notify --ready; exec /lab/c-tests/is_a_service";
    let lines = format!("Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c '{script}'\n");
    PairedRun::new("notify-script", &lines).live();
}

#[test]
#[ignore = "needs root"]
fn service_without_handler_ends_clean() {
    PairedRun::new("default", "ExecStart=/lab/c-tests/waits_for_signal\n").live();
}

#[test]
#[ignore = "needs root"]
fn service_started_by_shell_exec() {
    PairedRun::new(
        "shell",
        "ExecStart=sh -c '/bin/true; exec /lab/c-tests/is_a_service'\n",
    )
    .live();
}

#[test]
#[ignore = "needs root"]
fn service_ending_itself_keeps_its_result() {
    for (name, status) in [("ends-well", "0"), ("ends-badly", "3")] {
        let start = format!("ExecStart=/lab/c-tests/returns_status {status}\n");
        let pair = PairedRun::new(name, &start);
        pair.both("start", |unit| {
            unit.systemctl("start");
            wait_for(
                || ["inactive", "failed"].contains(&unit.property("ActiveState").as_str()),
                "it has ended",
            );
        });
        pair.file_is_gone();
    }
}

/// systemd gives the environment of a unit to each of its commands, and all of them run in the course of this.
#[test]
#[ignore = "needs root"]
fn unit_commands_never_touch_the_file() {
    for (name, reload) in [
        ("reload-by-pid", "/bin/kill -HUP $MAINPID"),
        (
            "reload-by-file",
            "/bin/sh -c 'if [ -e /run/%N/a.pid ]; then kill -HUP $(cat /run/%N/a.pid); else kill -HUP $MAINPID; fi'",
        ),
    ] {
        let lines = format!(
            "Type=notify\n\
             ExecStartPre=/bin/sh -c '/bin/true; ls /run/%N >/dev/null'\n\
             {SERVICE}\
             ExecStartPost=/bin/sh -c 'kill -0 $MAINPID'\n\
             ExecReload={reload}\n\
             ExecStop=/bin/sh -c '/bin/true; kill -TERM $MAINPID'\n\
             ExecStopPost=/bin/true\n"
        );
        let pair = PairedRun::new(name, &lines);
        pair.start();
        for round in 1..=3 {
            let before = pair.active.property("MainPID");
            pair.both("reload", |unit| {
                unit.systemctl("reload");
                wait_for(
                    || unit.stdout().matches("reloaded\n").count() == round,
                    &format!("{} has reloaded\n{}", unit.name, unit.log()),
                );
            });
            assert_eq!(pair.active.property("MainPID"), before);
            pair.file_is_right();
        }
        pair.stop();
        pair.start();
        pair.stop_by_deletion();
    }
}

/// Deleting the file is a way to stop a service.
#[test]
#[ignore = "needs root"]
fn exec_stop_by_deletion_stops_service() {
    let lines = format!(
        "Type=notify\n{SERVICE}\
         ExecStop=/bin/sh -c 'rm /run/%N/a.pid || kill $MAINPID; while kill -0 $MAINPID; do sleep 0.01; done' \n"
    );
    let pair = PairedRun::new("stop-by-deletion", &lines);
    pair.start();
    pair.stop();
}

#[test]
#[ignore = "needs root"]
fn service_restarts_after_deletion() {
    let lines = format!("Type=notify\n{SERVICE}Restart=always\nRestartSec=0\n");
    let pair = PairedRun::new("restart", &lines);
    pair.start();
    for round in 1..=3 {
        pair.restart_by_deletion();
        assert_eq!(pair.active.property("NRestarts"), round.to_string());
    }
    pair.stop();
}

#[test]
#[ignore = "needs root"]
fn systemctl_restart_renews_the_file() {
    let pair = PairedRun::new("restart-verb", &format!("Type=notify\n{SERVICE}"));
    pair.start();
    for _ in 0..3 {
        pair.both("restart", |unit| unit.systemctl("restart"));
        pair.file_is_right();
    }
    pair.stop();
}

/// What systemd does not wait for is a stale file, for it and for us.
#[test]
#[ignore = "needs root"]
fn killed_service_starts_again_over_stale_file() {
    let lines = format!("Type=notify\n{SERVICE}RuntimeDirectoryPreserve=yes\n");
    let pair = PairedRun::new("killed", &lines);
    pair.start();
    pair.both("SIGKILL", |unit| {
        Lab::get().run(&["systemctl", "kill", "--signal=KILL", &unit.name]);
        unit.wait_until("ActiveState", "failed");
    });
    assert!(!is_locked(&pair.active.pidfile()));
    pair.start();
    pair.stop();
}

#[test]
#[ignore = "needs root"]
fn service_of_another_user() {
    PairedRun::new("user", &format!("Type=notify\nUser=nobody\n{SERVICE}")).live();
}

#[test]
#[ignore = "needs root"]
fn service_of_a_dynamic_user() {
    let lines = format!("Type=notify\nDynamicUser=yes\n{SERVICE}");
    let pair = PairedRun::new("dynamic", &lines);
    pair.live();
    pair.start();
    let owner = fs::metadata(pair.active.pidfile()).unwrap().uid();
    assert_ne!(owner, 0);
}

#[test]
#[ignore = "needs root"]
fn service_in_sandboxes() {
    let all = [
        ("private-tmp", "PrivateTmp=yes\n"),
        ("protect-system", "ProtectSystem=strict\n"),
        ("no-new-privileges", "NoNewPrivileges=yes\n"),
        ("syscall-filter", "SystemCallFilter=@system-service\n"),
        (
            "syscall-filter-errno",
            "SystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\n",
        ),
        (
            "memory",
            "MemoryDenyWriteExecute=yes\nLockPersonality=yes\nRestrictRealtime=yes\n",
        ),
        (
            "namespaces",
            "RestrictNamespaces=yes\nPrivateDevices=yes\nProtectProc=invisible\nProcSubset=pid\n",
        ),
        (
            "capabilities",
            "CapabilityBoundingSet=\nRestrictAddressFamilies=AF_UNIX\n",
        ),
    ];
    let together: String = all.iter().map(|(_, lines)| *lines).collect();
    let together =
        format!("{together}DynamicUser=yes\nProtectHome=yes\nProtectKernelTunables=yes\n");
    for (name, sandbox) in all
        .into_iter()
        .chain([("all-sandboxes", together.as_str())])
    {
        let lines = format!("Type=notify\n{sandbox}{SERVICE}");
        PairedRun::new(name, &lines).live();
    }
}

/// The deletion is told even where not every system call is allowed.
#[test]
#[ignore = "needs root"]
fn service_log_names_the_deletion() {
    for (name, sandbox) in [
        ("reason", ""),
        ("reason-filtered", "SystemCallFilter=@system-service\n"),
        ("reason-dynamic", "DynamicUser=yes\nProtectSystem=strict\n"),
    ] {
        let lines = format!(
            "{PRELOADED}RuntimeDirectory=%N\nType=notify\n{sandbox}{SERVICE}StandardOutput=journal\nStandardError=journal\n"
        );
        let unit = Lab::get().unit(name, &lines);
        unit.systemctl("start");
        fs::remove_file(unit.pidfile()).unwrap();
        unit.wait_until("ActiveState", "inactive");
        assert_eq!(unit.property("Result"), "success", "{}", unit.log());
        let reason = format!("/run/{name}/a.pid: was deleted");
        wait_for(
            || {
                let journal = Lab::get().run(&["journalctl", "--sync"]);
                assert!(journal.status.success());
                unit.log().contains(&reason)
            },
            &format!("{name}: the journal has the reason"),
        );
    }
}

/// The file in a place that only the service sees.
#[test]
#[ignore = "needs root"]
fn service_with_file_in_private_tmp() {
    let lines = format!(
        "Environment=LD_PRELOAD=/lab/libpidfile.so PIDFILE=/tmp/a.pid\nType=notify\nPrivateTmp=yes\n{SERVICE}"
    );
    let lab = Lab::get();
    let unit = lab.unit("private", &lines);
    unit.systemctl("start");
    let pid = unit.property("MainPID");
    let pidfile = lab.path(&format!("/proc/{pid}/root/tmp/a.pid"));
    assert_eq!(fs::read_to_string(&pidfile).unwrap(), format!("{pid}\n"));
    assert!(is_locked(&pidfile));
    assert!(!lab.path("/tmp/a.pid").exists());
    fs::remove_file(&pidfile).unwrap();
    unit.wait_until("ActiveState", "inactive");
    assert_eq!(unit.property("Result"), "success");
}

/// A main process and a worker; what is left of them after each end is systemd's business and must not change.
#[test]
#[ignore = "needs root"]
fn service_kill_modes() {
    for mode in ["control-group", "mixed", "process", "none"] {
        let lines = format!(
            "KillMode={mode}\n\
             ExecStart=bash -c '/lab/c-tests/waits_for_signal & exec /lab/c-tests/is_a_service'\n"
        );
        let pair = PairedRun::new(&format!("kill-mode-{mode}"), &lines);
        let compare_processes = |what: &str| {
            let [plain, active] = [&pair.plain, &pair.active].map(Unit::processes);
            assert_eq!(active, plain, "{mode}, after {what}");
        };
        pair.start_processes(2);
        compare_processes("start");
        pair.stop_by_deletion();
        compare_processes("deletion");
        if mode != "none" {
            pair.start_processes(2);
            pair.stop();
            compare_processes("stop");
        }
    }
}
