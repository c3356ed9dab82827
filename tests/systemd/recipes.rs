//! What the README and `scripts/examples` tell administrators to do, done as it is written there: the very text, with
//! the very paths. The machine is a throw-away systemd where the library is installed and a program is called legacy.

use crate::common::{is_locked, recipes, wait_for};
use crate::machine::{Machine, PROGRAM};
use std::fs;
use std::sync::atomic::Ordering;

/// What legacy is.
const STAYS_IN_THE_FOREGROUND: &str = "is_a_service";
const PUTS_ITSELF_INTO_THE_BACKGROUND: &str = "daemonizes_as_a_service";

#[test]
#[ignore = "needs root"]
fn recipe_shell_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy.pid");
    let [start, then] = &recipes("Shell")[..] else {
        panic!("the README has changed");
    };
    let started = machine.commands.load(Ordering::Relaxed);
    machine.shell(start);
    let pid = machine.wait_until_up();
    let [alive, signal, stop] = then.lines().collect::<Vec<_>>()[..] else {
        panic!("the README has changed");
    };
    assert_eq!(machine.shell(alive), format!("{pid}\n"));
    machine.shell(signal);
    wait_for(
        || machine.said(started).contains("reloaded\n"),
        "it was signalled",
    );
    assert_eq!(machine.owner(), Some(pid));
    machine.shell(stop);
    machine.wait_until_down();
    assert_ne!(machine.try_shell(alive).0, 0);
}

#[test]
#[ignore = "needs root"]
fn recipe_seeing_it_work_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy.pid");
    let command = recipes("See it work").remove(0);
    let started = machine.commands.load(Ordering::Relaxed);
    machine.shell(&format!("{} &", command.trim_end()));
    let pid = machine.wait_until_up();
    machine.shell(&format!("kill -TERM {pid}"));
    machine.wait_until_down();
    let lines: Vec<String> = machine
        .said(started)
        .lines()
        .filter_map(|line| line.strip_prefix("libpidfile: /run/legacy.pid: "))
        .map(str::to_owned)
        .collect();
    let claimed = format!("names PID {pid} now");
    assert_eq!(lines, [claimed.as_str(), "removed: the program ends"]);
}

/// A unit that somebody has, with what the README adds to it.
fn systemd(legacy: &str, drop_in: &str) {
    let machine = Machine::new(legacy, "/run/legacy/legacy.pid");
    let unit = format!("[Service]\nExecStart={PROGRAM}\n");
    machine.write("/etc/systemd/system/legacy.service", &unit, "644");
    let place = "/etc/systemd/system/legacy.service.d/override.conf";
    machine.write(place, drop_in, "644");
    machine.shell("systemctl daemon-reload");
    let property = |name: &str| {
        let said = machine.shell(&format!("systemctl show --value --property {name} legacy"));
        said.trim().to_owned()
    };

    machine.shell("systemctl start legacy");
    let pid = machine.wait_until_up();
    assert_eq!(property("MainPID"), pid.to_string());
    machine.shell("systemctl restart legacy");
    let pid = machine.wait_until_another_is_up(pid);
    assert_eq!(property("MainPID"), pid.to_string());
    machine.shell("rm /run/legacy/legacy.pid");
    wait_for(
        || property("ActiveState") == "inactive",
        "the service has stopped",
    );
    assert_eq!(property("Result"), "success");
    machine.wait_until_down();
}

#[test]
#[ignore = "needs root"]
fn recipe_systemd_foreground_works() {
    systemd(STAYS_IN_THE_FOREGROUND, &recipes("systemd")[0]);
}

#[test]
#[ignore = "needs root"]
fn recipe_systemd_background_works() {
    systemd(PUTS_ITSELF_INTO_THE_BACKGROUND, &recipes("systemd")[1]);
}

#[test]
#[ignore = "needs root"]
fn recipe_monit_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy.pid");
    machine.write("/etc/monit/conf.d/legacy", &recipes("monit")[0], "600");
    // So that `monit stop` and the like can reach it. Most machines have something of that kind.
    let httpd = "set httpd unixsocket /run/monit.socket\n    allow localhost\n";
    machine.write("/etc/monit/conf.d/httpd", httpd, "600");
    machine.shell("monit -t");
    machine.start_daemon("monit-daemon", "monit -I -d 1");
    let wait_until_monit_knows = |pid: i32| {
        let line = format!("process is running with pid {pid}\n");
        wait_for(|| machine.log().contains(&line), &line);
    };
    let pid = machine.wait_until_up();
    wait_until_monit_knows(pid);
    // Brought back after a crash, which leaves the file behind, and after a deletion.
    machine.shell(&format!("kill -KILL {pid}"));
    let pid = machine.wait_until_another_is_up(pid);
    wait_until_monit_knows(pid);
    machine.remove_pidfile();
    let pid = machine.wait_until_another_is_up(pid);
    wait_until_monit_knows(pid);
    machine.shell("monit stop legacy");
    machine.wait_until_down();
    machine.shell("monit start legacy");
    machine.wait_until_up();
}

#[test]
#[ignore = "needs root"]
fn recipe_supervisord_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy.pid");
    let place = "/etc/supervisor/conf.d/legacy.conf";
    machine.write(place, &recipes("supervisord")[0], "644");
    machine.start_daemon("supervisor-daemon", "supervisord --nodaemon");
    let wait_until = |state: &str| {
        let says = || machine.try_shell("supervisorctl status legacy").1;
        wait_for(
            || says().contains(state),
            &format!("{state}, not {}", says()),
        );
    };
    wait_until("RUNNING");
    let pid = machine.wait_until_up();
    let said = machine.shell("supervisorctl pid legacy");
    assert_eq!(said.trim(), pid.to_string());
    machine.remove_pidfile();
    wait_until("EXITED");
    machine.wait_until_down();
    machine.shell("supervisorctl start legacy");
    machine.wait_until_another_is_up(pid);
    machine.shell("supervisorctl stop legacy");
    machine.wait_until_down();
}

#[test]
#[ignore = "needs root"]
fn recipe_init_script_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy.pid");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/examples/legacy.init");
    let script = fs::read_to_string(example).unwrap();
    machine.write("/etc/init.d/legacy", &script, "755");
    let order = |what: &str| machine.try_shell(&format!("/etc/init.d/legacy {what}")).0;

    assert_eq!(order("status"), 3);
    assert_eq!(order("start"), 0);
    let content = fs::read_to_string(machine.pidfile()).unwrap();
    let pid = machine.wait_until_up();
    assert_eq!(content, format!("{pid}\n"), "when the script had ended");
    assert_eq!(order("status"), 0);
    assert_eq!(order("start"), 0);
    assert_eq!(machine.wait_until_up(), pid);
    assert_eq!(order("restart"), 0);
    let pid = machine.wait_until_another_is_up(pid);
    machine.shell(&format!("kill -KILL {pid}"));
    wait_for(|| machine.running() == 0, "it is dead");
    assert_eq!(order("status"), 1, "dead, and the file is there");
    assert_eq!(order("start"), 0);
    machine.wait_until_another_is_up(pid);
    assert_eq!(order("stop"), 0);
    machine.wait_until_down();
    assert_eq!(order("stop"), 0);
    assert_eq!(order("status"), 3);
}

/// cron runs the first line at once. For the second one it would take up to a minute: its command is run as cron does.
#[test]
#[ignore = "needs root"]
fn recipe_cron_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy.pid");
    let crontab = recipes("cron").remove(0);
    machine.write("/etc/cron.d/legacy", &crontab, "644");
    machine.start_daemon("cron-daemon", "cron -f");
    let pid = machine.wait_until_up();

    let line = crontab.lines().nth(1).unwrap();
    let command = line.strip_prefix("* * * * * root ").unwrap();
    machine.write("/run/minute", command, "600");
    let minute = "env -i HOME=/root LOGNAME=root PATH=/usr/bin:/bin SHELL=/bin/sh /bin/sh -c \"$(cat /run/minute)\"";
    assert_eq!(machine.shell(minute), "");
    assert_eq!(machine.wait_until_up(), pid);
    // At the same moment as the other line.
    let start = command.rsplit_once(" || ").unwrap().1;
    assert_eq!(machine.try_shell(start).0, 125);
    assert_eq!(machine.wait_until_up(), pid);
    machine.remove_pidfile();
    machine.wait_until_down();
    machine.shell(&format!("{minute} &"));
    let pid = machine.wait_until_another_is_up(pid);
    machine.shell(&format!("kill -KILL {pid}"));
    wait_for(|| machine.running() == 0, "it is dead");
    machine.shell(&format!("{minute} &"));
    machine.wait_until_another_is_up(pid);
}

/// A program as the first process of a container, and its end by a deletion outside.
fn container(machine: &Machine, command: &str) {
    machine.shell("mkdir -p /run/legacy");
    let unit = "container";
    machine.write("/run/container", command, "700");
    machine.start_daemon(unit, "sh /run/container");
    wait_for(
        || fs::read_to_string(machine.pidfile()).is_ok_and(|pid| pid == "1\n"),
        "the file names the first process",
    );
    wait_for(|| machine.running() == 1, "legacy runs");
    assert!(is_locked(&machine.pidfile()));
    machine.remove_pidfile();
    machine.wait_until_down();
    let result = "systemctl is-failed container.service";
    wait_for(
        || machine.try_shell(result).1 == "inactive\n",
        "it has ended well",
    );
}

/// Stands in for docker: the options are given to bubblewrap, which runs the program as the image would.
const DOCKER: &str = r#"#!/bin/sh
set -e
[ "$1" = run ]
shift
options=
while getopts v:e: option; do
    case $option in
        v) options="$options --bind $(echo "$OPTARG" | cut -d : -f 1,2 | tr : ' ')" ;;
        e) options="$options --setenv ${OPTARG%%=*} ${OPTARG#*=}" ;;
    esac
done
shift $((OPTIND - 1))
[ "$*" = IMAGE ]
exec bwrap --unshare-pid --as-pid-1 --bind / / --dev /dev --proc /proc --tmpfs /run $options /opt/legacy/bin/legacy
"#;

#[test]
#[ignore = "needs root"]
fn recipe_container_environment_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy/legacy.pid");
    machine.write("/usr/local/bin/docker", DOCKER, "755");
    container(&machine, &recipes("Containers")[0]);
}

#[test]
#[ignore = "needs root"]
fn recipe_container_entry_point_works() {
    let machine = Machine::new(STAYS_IN_THE_FOREGROUND, "/run/legacy/legacy.pid");
    machine.write("/entrypoint", &recipes("Containers")[1], "755");
    container(
        &machine,
        "exec bwrap --unshare-pid --as-pid-1 --bind / / --dev /dev --proc /proc /entrypoint",
    );
}

#[test]
#[ignore = "needs root"]
fn recipe_start_script_works() {
    let machine = Machine::new(PUTS_ITSELF_INTO_THE_BACKGROUND, "/run/legacy.pid");
    let script = "#!/bin/bash\nid >/dev/null\n/opt/legacy/bin/legacy\necho started\n";
    machine.write("/opt/legacy/start.sh", script, "755");
    let start = &recipes("A launcher that starts the real program")[0];
    assert!(machine.shell(start).ends_with("started\n"));
    machine.wait_until_up();
    machine.remove_pidfile();
    machine.wait_until_down();
}
