//! A scenario: what a program does to become a daemon, and who may own its file at the end.

use crate::handover::relation::Ending;
use crate::life::Step;

pub struct Scenario {
    pub what: &'static str,
    /// What the owner does.
    pub steps: &'static [Step],
    pub ending: Ending,
    pub has_run_for_long: bool,
    /// With `PIDFILE_FOLLOW=fork`
    pub follows_forks: bool,
    /// Whom the file names in the end, where nobody is stalled; nothing: it is gone.
    pub named: Option<&'static str>,
}

pub const fn launcher(
    what: &'static str,
    steps: &'static [Step],
    named: Option<&'static str>,
) -> Scenario {
    Scenario {
        what,
        steps,
        ending: Ending::Plain,
        has_run_for_long: false,
        follows_forks: false,
        named,
    }
}

pub const fn service(
    what: &'static str,
    steps: &'static [Step],
    named: Option<&'static str>,
) -> Scenario {
    Scenario {
        ending: Ending::OfService,
        has_run_for_long: true,
        ..launcher(what, steps, named)
    }
}

pub const fn following_forks(
    what: &'static str,
    steps: &'static [Step],
    named: Option<&'static str>,
) -> Scenario {
    Scenario {
        follows_forks: true,
        ..launcher(what, steps, named)
    }
}
