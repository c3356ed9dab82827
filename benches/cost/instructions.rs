//! Instructions, which are the same each time.

use crate::common::{Preload, instructions};
use crate::table::{Row, Table, Target, Unit};

pub fn measure(table: &mut Table) {
    let empty = instructions(Preload::Empty);
    for (what, preload) in [
        ("start and end, no setting: instructions", Preload::Inert),
        ("start and end, active: instructions", Preload::Active),
    ] {
        table.add(Row {
            what: what.to_owned(),
            unit: Unit::Count,
            ours: (instructions(preload) as f64).into(),
            against: "an empty library".to_owned(),
            theirs: Some((empty as f64).into()),
            target: Target::None,
        });
    }
}
