//! The table that is printed, as Markdown.

use crate::figure::Figure;
use crate::picture;
use std::io::Write;

#[derive(Clone, Copy)]
pub enum Unit {
    Nanoseconds,
    KiB,
    Count,
}

/// What ours has to be, beside the other.
#[derive(Clone, Copy)]
pub enum Target {
    Times(f64),
    Plus(f64),
    Below,
    AtMost(f64),
    /// Nothing is asked for; the figure is for whoever wants to know.
    None,
}

pub struct Row {
    pub what: String,
    pub unit: Unit,
    pub ours: Figure,
    pub against: String,
    /// `None` where ours is compared with a number.
    pub theirs: Option<Figure>,
    pub target: Target,
}

#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Each row is told on stderr at once: the whole takes minutes.
    pub fn add(&mut self, row: Row) {
        eprintln!("{}", row.line());
        self.0.push(row);
    }

    pub fn append(&mut self, other: Table) {
        self.0.extend(other.0);
    }

    /// Draws the five comparisons that a user cares about.
    pub fn draw(&self, path: &str) {
        const SHOWN: [&str; 5] = [
            "start, no setting: what it adds",
            "start, active: what it adds",
            "main returns",
            "deletion",
            "an owner: fork",
        ];
        let shown = SHOWN
            .iter()
            .filter_map(|name| self.0.iter().find(|row| row.what.starts_with(name)));
        if let Err(error) = std::fs::write(path, picture::draw(&shown.collect::<Vec<_>>())) {
            eprintln!("{path}: {error}");
        }
    }

    pub fn print(&self) {
        let mut text = String::from(
            "| what | ours | against | theirs | ratio | to reach | reached |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for row in &self.0 {
            text += &row.line();
            text.push('\n');
        }
        // Who reads only the beginning has seen enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}

impl Row {
    fn line(&self) -> String {
        let theirs = self.theirs.map_or(String::new(), |it| self.unit.both(it));
        let ratio = self.theirs.map_or(String::new(), |theirs| {
            let [median, least] = [
                self.ours.median / theirs.median,
                self.ours.least / theirs.least,
            ];
            if median.is_finite() && least.is_finite() {
                format!("{median:.2} ({least:.2})")
            } else {
                String::new()
            }
        });
        format!(
            "| {} | {} | {} | {theirs} | {ratio} | {} | {} |",
            self.what,
            self.unit.both(self.ours),
            self.against,
            self.target.words(self.unit),
            self.verdict()
        )
    }

    fn verdict(&self) -> &str {
        if matches!(self.target, Target::None) {
            return "";
        }
        let theirs = self.theirs.unwrap_or(Figure::from(0.0));
        let by_median = self.target.reached(self.ours.median, theirs.median);
        let by_least = self.target.reached(self.ours.least, theirs.least);
        match (by_median, by_least) {
            (true, true) => "yes",
            (false, true) => "by minima only",
            (true, false) => "by medians only",
            (false, false) => "**no**",
        }
    }
}

impl Target {
    fn reached(self, ours: f64, theirs: f64) -> bool {
        match self {
            Target::Times(times) => ours <= theirs * times,
            Target::Plus(more) => ours <= theirs + more,
            Target::Below => ours < theirs,
            Target::AtMost(limit) => ours <= limit,
            Target::None => true,
        }
    }

    fn words(self, unit: Unit) -> String {
        match self {
            Target::Times(times) => format!("at most {times} ×"),
            Target::Plus(more) => format!("at most +{}", unit.one(more)),
            Target::Below => "below".to_owned(),
            Target::AtMost(0.0) => "0".to_owned(),
            Target::AtMost(limit) => format!("at most {}", unit.one(limit)),
            Target::None => String::new(),
        }
    }
}

impl Unit {
    fn both(self, figure: Figure) -> String {
        if figure.median == figure.least {
            return self.one(figure.median);
        }
        format!("{} ({})", self.one(figure.median), self.one(figure.least))
    }

    pub fn one(self, value: f64) -> String {
        match self {
            Unit::Nanoseconds if value == 0.0 => "0".to_owned(),
            Unit::Nanoseconds if value.abs() < 5_000.0 => format!("{value:.0} ns"),
            Unit::Nanoseconds if value.abs() < 5_000_000.0 => format!("{:.0} µs", value / 1e3),
            Unit::Nanoseconds => format!("{:.1} ms", value / 1e6),
            Unit::KiB => format!("{value:.0} KiB"),
            Unit::Count => format!("{value:.0}"),
        }
    }
}
