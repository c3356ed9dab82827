//! Samples, and what is made of them.

/// What was sampled of one program, in the order of the rounds.
#[derive(Clone, Debug, Default)]
pub struct Samples(pub Vec<f64>);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    pub median: f64,
    pub least: f64,
}

impl Samples {
    pub fn figure(&self) -> Figure {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        Figure {
            median: sorted[sorted.len() / 2],
            least: sorted[0],
        }
    }

    /// By how much these are above those of the same rounds.
    pub fn above(&self, other: &Samples) -> Figure {
        let pairs = self.0.iter().zip(&other.0);
        let differences = Samples(pairs.map(|(ours, other)| ours - other).collect());
        Figure {
            median: differences.figure().median,
            least: self.figure().least - other.figure().least,
        }
    }
}

impl From<f64> for Figure {
    fn from(only: f64) -> Figure {
        Figure {
            median: only,
            least: only,
        }
    }
}
