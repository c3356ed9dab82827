//! `Type=forking`: systemd learns from our file which process is the daemon.

use crate::common::{PairedRun, wait_for};

const WAYS: [&str; 4] = ["fork", "double", "daemon", "ready"];

/// Without us the daemon has to write the file itself, or systemd would have to guess which process it is.
fn service(name: &str, how: &str, more: &str) -> PairedRun {
    let lines = |arguments: &str| {
        format!(
            "Type=forking\nPIDFile=/run/%N/a.pid\n\
             ExecStart=/lab/c-tests/daemonizes_as_a_service {how} {arguments}\n\
             ExecReload=/bin/kill -HUP $MAINPID\n{more}"
        )
    };
    PairedRun::of(
        &format!("{name}-{how}"),
        &lines("/run/%N/a.pid"),
        &lines(""),
    )
}

/// `systemctl start` returns when the launcher has ended: by then the file names the daemon, and systemd has read it.
#[test]
#[ignore = "needs root"]
fn forking_service_start_stop_and_deletion() {
    for how in WAYS {
        let pair = service("life", how, "");
        pair.live();
        // systemd says in the log if the file was not there in time, or wrong at first.
        let log = pair.active.log();
        assert!(log.contains("Started "), "{how}: {log}");
        for complaint in ["PID file", "main PID", "Supervising process", "zombie"] {
            assert!(!log.contains(complaint), "{how}: {log}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn forking_service_reload() {
    for how in WAYS {
        let pair = service("reload", how, "");
        pair.start();
        pair.both("reload", |unit| {
            unit.systemctl("reload");
            wait_for(|| unit.stdout().contains("reloaded\n"), "it has reloaded");
        });
        pair.file_is_right();
        pair.stop();
    }
}

#[test]
#[ignore = "needs root"]
fn forking_service_restarts_after_deletion() {
    for how in WAYS {
        let pair = service("restart", how, "Restart=always\nRestartSec=0\n");
        pair.start();
        pair.restart_by_deletion();
        pair.stop();
    }
}

#[test]
#[ignore = "needs root"]
fn forking_service_of_another_user() {
    for how in WAYS {
        service("user", how, "User=nobody\n").live();
    }
}

#[test]
#[ignore = "needs root"]
fn forking_service_in_a_sandbox() {
    let sandbox = "DynamicUser=yes\nProtectSystem=strict\nNoNewPrivileges=yes\nSystemCallFilter=@system-service\n";
    for how in WAYS {
        service("sandbox", how, sandbox).live();
    }
}

#[test]
#[ignore = "needs root"]
fn forking_service_kill_modes() {
    for mode in ["control-group", "mixed", "process"] {
        for how in WAYS {
            service(
                &format!("kill-mode-{mode}"),
                how,
                &format!("KillMode={mode}\n"),
            )
            .live();
        }
    }
}
