//! `pidfile-run systemd`: the drop-in that it prints, put in its place as it says, on a real systemd.

use crate::common::{
    Lab, TestDir, Unit, base_system, exited, install, is_locked, is_one_failure, launcher, library,
    pidfile_run, wait_for,
};
use std::fs;
use std::process::Output;
use std::sync::OnceLock;

/// A lab in which the launcher is on the PATH.
fn lab() -> &'static Lab {
    static READY: OnceLock<()> = OnceLock::new();
    let lab = Lab::get();
    READY.get_or_init(|| {
        install(&pidfile_run(), &lab.path("/lab/pidfile-run"), "755");
    });
    lab
}

fn shell(line: &str) -> Output {
    let path = "PATH=/lab:/usr/sbin:/usr/bin:/sbin:/bin";
    let library = "LIBPIDFILE=/lab/libpidfile.so";
    lab().run(&["env", path, library, "sh", "-c", line])
}

#[track_caller]
fn output_of(line: &str) -> String {
    let done = shell(line);
    assert!(done.status.success(), "{line}: {done:?}");
    assert!(done.stderr.is_empty(), "{line}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// What it says where it refuses.
#[track_caller]
fn refusal_of(line: &str) -> String {
    let done = shell(line);
    assert!(!done.status.success() && done.stdout.is_empty(), "{done:?}");
    String::from_utf8(done.stderr).unwrap()
}

/// The lines of the drop-in that are no comments.
fn settings(drop_in: &str) -> Vec<&str> {
    let is_setting = |line: &&str| !line.starts_with('#');
    drop_in.lines().filter(is_setting).collect()
}

/// Does what the comment of the drop-in says. The service then has a PID file, and a deletion ends it.
#[track_caller]
fn works(unit: &Unit, options: &str) -> String {
    let name = &unit.name;
    let command = format!("pidfile-run systemd {name} --pidfile /run/{name}/a.pid{options}");
    let drop_in = output_of(&command);
    let steps: Vec<&str> = drop_in
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .collect();
    assert_eq!(steps.len(), 3, "{drop_in}");
    for step in steps {
        assert_eq!(output_of(step), "", "{step}");
    }
    let drop_ins = unit.property("DropInPaths");
    assert!(drop_ins.ends_with("/pidfile.conf"), "{drop_ins}");
    wait_for(
        || unit.stdout().contains("ready\n"),
        &format!("{name} is ready\n{}", unit.log()),
    );
    let content = fs::read_to_string(unit.pidfile());
    let content = content.unwrap_or_else(|error| panic!("{error}\n{}", unit.log()));
    assert_eq!(content, format!("{}\n", unit.property("MainPID")));
    assert!(is_locked(&unit.pidfile()), "{}", unit.log());
    // It has not changed with what the first one has made.
    assert_eq!(output_of(&command), drop_in);
    assert_eq!(
        output_of(&format!("pidfile-run stop /run/{name}/a.pid")),
        ""
    );
    unit.wait_until("ActiveState", "inactive");
    assert!(!unit.pidfile().exists());
    drop_in
}

const FOREGROUND: &str = "ExecStart=/lab/c-tests/is_a_service";

#[test]
#[ignore = "needs root"]
fn drop_in_serves_foreground_service() {
    for kind in ["simple", "exec", "notify"] {
        let name = format!("run-{kind}");
        let unit = lab().unit(&name, &format!("Type={kind}\n{FOREGROUND}"));
        let drop_in = works(&unit, "");
        let expected = [
            "[Service]",
            &format!("RuntimeDirectory={name}"),
            "Environment=\"LD_PRELOAD=/lab/libpidfile.so\"",
            &format!("Environment=\"PIDFILE_PATH=/run/{name}/a.pid\""),
        ];
        assert_eq!(settings(&drop_in), expected);
    }
}

#[test]
#[ignore = "needs root"]
fn drop_in_serves_forking_service() {
    for how in ["fork", "double", "daemon"] {
        let name = format!("run-forking-{how}");
        let line = format!("Type=forking\nExecStart=/lab/c-tests/daemonizes_as_a_service {how}");
        let drop_in = works(&lab().unit(&name, &line), "");
        let last = settings(&drop_in).pop();
        assert_eq!(last, Some(format!("PIDFile=/run/{name}/a.pid").as_str()));
    }
}

#[test]
#[ignore = "needs root"]
fn drop_in_gives_user_service_a_directory() {
    let unit = lab().unit("run-nobody", &format!("User=nobody\n{FOREGROUND}"));
    works(&unit, "");
    let told = refusal_of("pidfile-run systemd run-nobody --pidfile /run/a.pid");
    assert!(told.contains("runs as nobody"), "{told}");
    assert!(told.contains("--pidfile /run/run-nobody/a.pid"), "{told}");
}

#[test]
#[ignore = "needs root"]
fn drop_in_keeps_existing_settings() {
    let lines = format!(
        "RuntimeDirectory=run-has\nEnvironment=A=b LD_PRELOAD=libm.so.6 \"C=d e\"\n{FOREGROUND}"
    );
    let drop_in = works(&lab().unit("run-has", &lines), "");
    let expected = [
        "[Service]",
        "RuntimeDirectory=run-has",
        "Environment=\"LD_PRELOAD=libm.so.6:/lab/libpidfile.so\"",
        "Environment=\"PIDFILE_PATH=/run/run-has/a.pid\"",
    ];
    assert_eq!(settings(&drop_in), expected);
}

#[test]
#[ignore = "needs root"]
fn drop_in_options_become_settings() {
    let unit = lab().unit("run-options", FOREGROUND);
    let drop_in = works(&unit, " --kill-after=5 --exe 'is_a_service' --strict");
    for setting in [
        "Environment=\"PIDFILE_EXE=is_a_service\"",
        "Environment=\"PIDFILE_KILL_AFTER=5\"",
        "Environment=\"PIDFILE_STRICT=1\"",
    ] {
        assert!(settings(&drop_in).contains(&setting), "{drop_in}");
    }
}

/// RuntimeDirectory= would remove it with all that is in it.
#[test]
#[ignore = "needs root"]
fn drop_in_leaves_shared_directory_alone() {
    lab().unit("run-shared", &format!("User=nobody\n{FOREGROUND}"));
    let drop_in = output_of("pidfile-run systemd run-shared --pidfile /run/systemd/a.pid");
    assert!(!drop_in.contains("RuntimeDirectory="), "{drop_in}");
    assert!(
        drop_in.contains("nobody must be able to write in it"),
        "{drop_in}"
    );
}

#[test]
#[ignore = "needs root"]
fn drop_in_for_unknown_service_is_refused() {
    let told = refusal_of("pidfile-run systemd no-such-thing --pidfile /run/x/a.pid");
    assert!(told.contains("no-such-thing.service"), "{told}");
    assert!(told.contains("list-unit-files"), "{told}");
    assert!(is_one_failure(&told), "{told}");
}

/// On a machine that builds images, say.
#[test]
fn drop_in_without_systemd_names_the_type() {
    let dir = TestDir::new();
    let path = base_system(&dir, &[]);
    let run = |words: &[&str]| {
        launcher(&dir)
            .env("PATH", &path)
            .env("PIDFILE_LOG", "off")
            .arg("systemd")
            .args(words)
            .run()
    };
    let file = "--pidfile=/run/not here/%i \"a\\b\".pid";
    let ended = run(&["legacy@", file, "--type", "forking"]);
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
    let expected = [
        "[Service]",
        "RuntimeDirectory=\"not here\"",
        &format!("Environment=\"LD_PRELOAD={}\"", library().display()),
        "Environment=\"PIDFILE_PATH=/run/not here/%i \\\"a\\\\b\\\".pid\"",
        "PIDFile=/run/not here/%i \"a\\b\".pid",
    ];
    assert_eq!(settings(&ended.stdout), expected);
    for (words, status) in [
        (["legacy", file].as_slice(), 1),
        (&["legacy"], 2),
        (&[file, "--type=simple"], 2),
        (&["legacy.socket", file, "--type=simple"], 2),
        (&["legacy", file, "--type=nonsense"], 2),
        (&["legacy", file, "--nonsense"], 2),
        (&["legacy", file, "--follow"], 2),
    ] {
        let ended = run(words);
        assert_eq!(ended.status, exited(status), "{words:?}: {ended:?}");
        assert_eq!(ended.stdout, "");
        assert!(is_one_failure(&ended.stderr), "{}", ended.stderr);
    }
}

#[test]
#[ignore = "needs root"]
fn drop_in_is_installed_and_removed() {
    let unit = lab().unit("run-installed", FOREGROUND);
    let name = &unit.name;
    let command = format!("pidfile-run systemd {name} --pidfile /run/{name}/a.pid");
    let place = format!("/etc/systemd/system/{name}.service.d/pidfile.conf");
    let said = output_of(&format!("{command} --install"));
    assert_eq!(
        said,
        format!("{place}: written; now: systemctl restart {name}.service\n")
    );
    let written = fs::read_to_string(lab().path(&place)).unwrap();
    assert_eq!(written, output_of(&command));
    assert_eq!(unit.property("DropInPaths"), place);
    unit.systemctl("start");
    wait_for(
        || unit.stdout().contains("ready\n") && is_locked(&unit.pidfile()),
        &format!("{name} has its file\n{}", unit.log()),
    );
    // Again: it is its own.
    output_of(&format!("{command} --kill-after 5 --install"));
    let written = fs::read_to_string(lab().path(&place)).unwrap();
    assert!(written.contains("PIDFILE_KILL_AFTER=5"), "{written}");
    output_of(&format!("pidfile-run stop /run/{name}/a.pid"));
    unit.wait_until("ActiveState", "inactive");

    let said = output_of(&format!("pidfile-run systemd {name} --remove"));
    assert_eq!(
        said,
        format!("{place}: removed; now: systemctl restart {name}.service\n")
    );
    assert_eq!(unit.property("DropInPaths"), "");
    assert!(!lab().path(&place).parent().unwrap().exists());
    let said = output_of(&format!("pidfile-run systemd {name} --remove"));
    assert_eq!(said, format!("{place}: there is none\n"));
}

#[test]
#[ignore = "needs root"]
fn drop_in_of_somebody_else_is_left_alone() {
    let unit = lab().unit("run-theirs", FOREGROUND);
    let name = &unit.name;
    let place = lab().path(&format!(
        "/etc/systemd/system/{name}.service.d/pidfile.conf"
    ));
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, "[Service]\n").unwrap();
    for end in [
        &format!("--pidfile /run/{name}/a.pid --install"),
        "--remove",
    ] {
        let told = refusal_of(&format!("pidfile-run systemd {name} {end}"));
        assert!(
            told.contains("made by somebody else") && is_one_failure(&told),
            "{told}"
        );
        assert_eq!(fs::read_to_string(&place).unwrap(), "[Service]\n");
    }
}
