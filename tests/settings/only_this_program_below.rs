//! `PIDFILE_EXE`: the program that it names owns the file below any launcher, which does nothing at all.

use crate::common::{NOTHING, SHELLS, exited, is_watching, wait_for};
use crate::only_this_program::{Place, find, starts_the_owner};

fn works_below(words: &[&str]) {
    let what = words.join(" ");
    let place = Place::new();
    let (mut process, _) = starts_the_owner(&place, place.launcher(words), &what);
    process.close_stdin();
    let ended = process.wait();
    assert_eq!(ended.status, exited(0), "{what}");
    assert_eq!(ended.stderr, "", "{what}");
    assert_eq!(place.dir.leftovers(), NOTHING, "{what}");

    let place = Place::new();
    let (process, program) = starts_the_owner(&place, place.launcher(words), &what);
    wait_for(|| is_watching(program), "the program is watching");
    place.dir.remove_pidfile();
    wait_for(
        || find(process.pid(), &place.legacy).is_none(),
        "the program has ended",
    );
    process.wait();
    assert_eq!(place.dir.leftovers(), NOTHING, "{what}");
}

#[test]
#[ignore = "needs root"]
fn exe_matching_program_owns_file() {
    works_below(&["env"]);
}

#[test]
#[ignore = "needs root"]
fn exe_below_shells_owns_file() {
    for shell in SHELLS {
        for script in [
            "\"$0\"; exit $?",
            "exec \"$0\"",
            "(\"$0\"); exit $?",
            "/bin/true; env \"$0\"; exit $?",
        ] {
            let mut words: Vec<&str> = shell.split(' ').collect();
            words.extend(["-c", script]);
            works_below(&words);
        }
    }
}

#[test]
#[ignore = "needs root"]
fn exe_below_su_owns_file() {
    works_below(&["su", "--shell=/bin/sh", "root", "-c", "exec \"$0\"", "--"]);
    works_below(&[
        "su",
        "--shell=/bin/sh",
        "nobody",
        "-c",
        "\"$0\"; exit $?",
        "--",
    ]);
}

#[test]
#[ignore = "needs root"]
fn exe_below_shell_su_shell_owns_file() {
    works_below(&[
        "bash",
        "-c",
        "su --shell=/bin/sh nobody -c '\"$0\"; exit $?' -- \"$0\"; exit $?",
    ]);
}

#[test]
#[ignore = "needs root"]
fn exe_below_runuser_owns_file() {
    works_below(&["runuser", "--user=nobody", "--"]);
    works_below(&[
        "runuser",
        "--shell=/bin/sh",
        "nobody",
        "-c",
        "\"$0\"; exit $?",
        "--",
    ]);
}

#[test]
#[ignore = "needs root"]
fn exe_below_setpriv_owns_file() {
    works_below(&[
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ]);
}

#[test]
#[ignore = "needs root"]
fn exe_below_sudo_owns_file() {
    works_below(&[
        "sudo",
        "--preserve-env=LD_PRELOAD,PIDFILE,PIDFILE_EXE",
        "--user=nobody",
        "--",
    ]);
}

#[test]
#[ignore = "needs root"]
fn exe_below_start_stop_daemon_owns_file() {
    works_below(&[
        "start-stop-daemon",
        "--start",
        "--chuid=65534:65534",
        "--exec",
    ]);
}
