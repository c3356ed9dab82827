//! A host with threads that forks, and one that changes its user: nothing hangs, and each child ends as it should.

mod common;

use common::{Mode, NOTHING, Scene, exited, killed_by};

const RUNS: [(Mode, &str); 4] = [
    (Mode::Plain, "auto"),
    (Mode::Inert, "auto"),
    (Mode::Active, "auto"),
    (Mode::Active, "off"),
];

#[test]
fn two_thousand_children() {
    for (mode, watch) in RUNS {
        // The comparison with the others only has to show that the host itself is right.
        let turns = if mode == Mode::Active { 2000 } else { 200 };
        let scene = Scene::new();
        let host = scene.host("forks_a_lot").mode(mode);
        let ended = host
            .env("PIDFILE_WATCH", watch)
            .arg(turns.to_string())
            .run();
        let all_right = format!("{turns} of {turns} right, 0 wrong in the handler, which ran\n");
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            (all_right.as_str(), ""),
            "{mode:?} {watch}"
        );
        assert_eq!(ended.status, exited(0), "{mode:?} {watch}");
        assert_eq!(scene.leftovers(), NOTHING, "{mode:?} {watch}");
    }
}

#[test]
fn all_threads_become_nobody() {
    let mut outputs = Vec::new();
    for (mode, watch) in RUNS {
        let scene = Scene::new();
        let host = scene.host("changes_user").mode(mode);
        let mut host = host.env("PIDFILE_WATCH", watch).spawn();
        host.wait_until_ready();
        if mode == Mode::Active {
            assert_eq!(scene.content(), host.pid_line());
        }
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        outputs.push(ended.stdout);
    }
    assert!(outputs[0].contains("user 65534 65534"), "{}", outputs[0]);
    assert_eq!(outputs, vec![outputs[0].clone(); 4]);
}

#[test]
fn nobody_is_ended_by_the_deletion() {
    let scene = Scene::new();
    let host = scene.host("changes_user").spawn();
    host.wait_until_ready();
    scene.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}
