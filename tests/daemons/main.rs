//! Servers that people run, from Debian, in their own daemon mode: the file follows them, a deletion ends them the way SIGTERM
//! does, and nothing is left of it.
//!
//! `PIDFILE_DAEMONS` chooses those whose name has that in it, or `all` (`make test-daemons`); without it the quick ones are
//! tried.

#[path = "../common/mod.rs"]
mod common;

mod daemon;
mod haproxy;
mod launchers;
mod machine;
mod machine_services;
mod network;
mod place;
mod remote_access;
mod storage;
mod table;
mod unusual;
mod web;

use common::{Descendant, NOTHING, wait_for};
use daemon::{Daemon, File, Start};
use place::{Place, program};
use std::env;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use table::{End, Row, Table};

/// One after the other: what is left behind is known to be its own.
#[test]
#[ignore = "needs root"]
fn debian_daemons_keep_and_remove_their_file() {
    let mut failed = Vec::new();
    let mut rows = Vec::new();
    for daemon in chosen() {
        let mut row = Row {
            name: daemon.name,
            ..Row::default()
        };
        // The others are worth knowing too.
        if catch_unwind(AssertUnwindSafe(|| live(&daemon, &mut row))).is_err() {
            failed.push(daemon.name);
        }
        rows.push(row);
    }
    assert!(!rows.is_empty(), "there is no daemon of that name");
    // Past the capture of the test harness: this is what one wants to see.
    let table = format!("\n\n{}\n", Table(rows));
    io::stdout().write_all(table.as_bytes()).unwrap();
    assert!(failed.is_empty(), "these failed: {failed:?}");
}

fn chosen() -> Vec<Daemon> {
    let mut daemons = web::daemons();
    daemons.extend(haproxy::daemons());
    daemons.extend(storage::daemons());
    daemons.extend(remote_access::daemons());
    daemons.extend(machine_services::daemons());
    daemons.extend(launchers::daemons());
    daemons.extend(unusual::daemons());
    daemons.extend(network::daemons());
    daemons.extend(machine::daemons());
    match env::var("PIDFILE_DAEMONS").unwrap_or_default().as_str() {
        "" => daemons.retain(|daemon| daemon.is_quick),
        "all" => {}
        name => daemons.retain(|daemon| daemon.name.contains(name)),
    }
    daemons
}

/// Three lives: without us, ended by SIGTERM, ended by the deletion.
fn live(daemon: &Daemon, row: &mut Row) {
    let program = program(daemon);
    let purpose = if daemon.is_quick { "test" } else { "daemons" };
    assert!(
        program.exists(),
        "{} is missing: scripts/setup {purpose}",
        program.display()
    );
    let as_usual = {
        let place = Place::new(daemon);
        let plain = renewed(&place, daemon, place.start_without_us());
        place.use_it(&plain);
        plain.signal(daemon.signal);
        let status = plain.wait();
        assert_eq!(place.dir.leftovers(), NOTHING, "without us");
        status
    };
    {
        let place = Place::new(daemon);
        let active = start(&place, daemon, row);
        active.signal(daemon.signal);
        let end = end_of(active, &place);
        assert_eq!(end.status, as_usual, "after SIGTERM");
        assert!(end.file == daemon.file, "after SIGTERM: {end}");
        row.sigterm = Some(end);
    }
    let place = Place::new(daemon);
    let active = start(&place, daemon, row);
    place.dir.remove_pidfile();
    let end = end_of(active, &place);
    assert_eq!(end.status, as_usual, "after the deletion");
    assert!(end.file == File::Gone, "after the deletion: {end}");
    row.deletion = Some(end);
}

/// Starts it, uses it a little, and looks at the file meanwhile.
fn start(place: &Place, daemon: &Daemon, row: &mut Row) -> Descendant {
    let life = place.start_with_us();
    row.hand_off = Some(match daemon.start {
        Start::Foreground => "none",
        _ if life.file_then == life.daemon.pid_line() => "at once",
        _ => "later",
    });
    row.is_right = true;
    let active = renewed(place, daemon, life.daemon);
    place.use_it(&active);
    place.file_is_right(&active);
    row.is_right_after_use = true;
    active
}

fn renewed(place: &Place, daemon: &Daemon, life: Descendant) -> Descendant {
    match daemon.renewal {
        Some(renew) => renew(place, life),
        None => life,
    }
}

fn end_of(daemon: Descendant, place: &Place) -> End {
    let pid = daemon.pid;
    let status = daemon.wait();
    // A helper with a session of its own, which ends with it, may have the file for a moment (Erlang's).
    wait_for(
        || place.dir.leftovers() == NOTHING || place.dir.content().is_empty(),
        &format!("{pid} has ended and left no PID: {:?}", place.dir.content()),
    );
    let file = match &place.dir.leftovers()[..] {
        [] => File::Gone,
        names => {
            assert_eq!(names, ["a.pid"]);
            assert!(place.dir.an_outsider_can_lock());
            File::Empty
        }
    };
    End { status, file }
}
