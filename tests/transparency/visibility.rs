//! The host cannot tell that we are there: whatever it asks about itself, it gets the answer it would get without us.

use crate::common::{Ended, Mode, NOTHING, TestDir, exited};

/// The host that prints what it knows, in one and the same directory each time.
fn what_it_sees(dir: &TestDir, mode: Mode, watch: &str) -> Ended {
    let ended = dir
        .host("shows_itself")
        .mode(mode)
        .env("PIDFILE_WATCH", watch)
        .env("SOME_VARIABLE", "some value")
        .args(["some", "arguments"])
        .run();
    assert_eq!(ended.status, exited(0), "{}", ended.stderr);
    assert_eq!(dir.leftovers(), NOTHING);
    ended
}

/// The first lines that differ, each with how often its kind does.
fn differences(plain: &str, other: &str) -> String {
    let (plain, other): (Vec<_>, Vec<_>) = (plain.lines().collect(), other.lines().collect());
    let pairs = plain.iter().zip(&other).enumerate();
    let differing: Vec<String> = pairs
        .filter(|(_, (plain, other))| plain != other)
        .map(|(at, (plain, other))| format!("{}: {other}\n   not {plain}", at + 1))
        .collect();
    let counts = (differing.len(), plain.len(), other.len());
    let shown = differing.into_iter().take(12).collect::<Vec<_>>();
    format!(
        "{} differ, of {} and {} lines:\n{}",
        counts.0,
        counts.1,
        counts.2,
        shown.join("\n")
    )
}

fn sees_the_same(mode: Mode, watch: &str) {
    let dir = TestDir::new();
    let plain = what_it_sees(&dir, Mode::Plain, watch);
    let enough = plain.stdout.lines().count();
    assert!(enough > 10_000, "only {enough} lines to compare");
    let other = what_it_sees(&dir, mode, watch);
    assert!(
        other == plain,
        "{mode:?}, PIDFILE_WATCH={watch}: {}\n{}",
        differences(&plain.stdout, &other.stdout),
        other.stderr
    );
}

#[test]
fn host_sees_the_same_without_a_setting() {
    sees_the_same(Mode::Inert, "auto");
}

#[test]
fn host_sees_the_same_as_owner() {
    sees_the_same(Mode::Active, "auto");
}

#[test]
fn host_sees_the_same_as_owner_without_thread() {
    sees_the_same(Mode::Active, "off");
}

/// Twice without us: the host prints nothing that changes by itself, or the others would say nothing.
#[test]
fn host_without_us_prints_the_same_twice() {
    sees_the_same(Mode::Plain, "auto");
}

#[test]
fn successful_calls_keep_errno_and_signal_mask() {
    let dir = TestDir::new();
    let said = |mode, watch| {
        let host = dir.host("keeps_errno").mode(mode);
        let ended = host.env("PIDFILE_WATCH", watch).arg(dir.pidfile()).run();
        assert_eq!(ended.status, exited(0), "{mode:?} {watch}: {ended:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{mode:?} {watch}");
        ended.stdout
    };
    let plain = said(Mode::Plain, "auto");
    assert_eq!(plain.matches("done, errno 99, blocked 10\n").count(), 12);
    for (mode, watch) in [
        (Mode::Inert, "auto"),
        (Mode::Active, "auto"),
        (Mode::Active, "off"),
    ] {
        assert_eq!(said(mode, watch), plain, "{mode:?} {watch}");
    }
}
