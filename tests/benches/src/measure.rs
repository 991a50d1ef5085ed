//! Sides taking turns, medians and percentiles.

use std::time::Duration;

use crate::Error;

/// What one round of one side came to.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Per second.
    pub rate: f64,
    /// The median of the latencies, in microseconds.
    pub p50: f64,
    /// What 99 of 100 stay below.
    pub p99: f64,
}

impl Sample {
    /// Of these latencies in microseconds, one for each thing that was done in this time.
    #[must_use]
    pub fn of(mut latencies: Vec<f64>, time: Duration) -> Self {
        latencies.sort_by(f64::total_cmp);
        let rate = latencies.len() as f64 / time.as_secs_f64();
        Self { rate, p50: percentile(&latencies, 0.5), p99: percentile(&latencies, 0.99) }
    }

    /// Of a rate alone.
    #[must_use]
    pub const fn rate(rate: f64) -> Self {
        Self { rate, p50: f64::NAN, p99: f64::NAN }
    }
}

/// The value below which this share of a sorted list lies.
#[must_use]
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted.get((sorted.len() as f64 * share) as usize).or(sorted.last()).copied().unwrap_or(f64::NAN)
}

/// The median; the list is sorted on the way.
#[must_use]
pub fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    percentile(samples, 0.5)
}

/// The rounds of several sides, in turns. Ours is the first side.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    sides: Vec<Vec<Sample>>,
}

impl Turns {
    /// Lets the sides take turns: A B, A B … `run` is given the number of the round and of the side.
    ///
    /// # Errors
    /// Those of `run`.
    pub async fn take(
        rounds: usize,
        sides: usize,
        mut run: impl AsyncFnMut(usize, usize) -> Result<Sample, Error>,
    ) -> Result<Self, Error> {
        let mut turns = Self { sides: vec![Vec::new(); sides] };
        for round in 0..rounds {
            for (side, samples) in turns.sides.iter_mut().enumerate() {
                samples.push(run(round, side).await?);
            }
        }
        Ok(turns)
    }

    /// Takes in the turns of later rounds.
    pub fn extend(&mut self, later: Self) {
        self.sides.resize(self.sides.len().max(later.sides.len()), Vec::new());
        for (side, samples) in self.sides.iter_mut().zip(later.sides) {
            side.extend(samples);
        }
    }

    /// Medians of one side.
    #[must_use]
    pub fn medians(&self, side: usize) -> Sample {
        let samples = self.sides.get(side).map(Vec::as_slice).unwrap_or_default();
        let of = |value: fn(&Sample) -> f64| median(&mut samples.iter().map(value).collect::<Vec<_>>());
        Sample { rate: of(|s| s.rate), p50: of(|s| s.p50), p99: of(|s| s.p99) }
    }

    /// How much faster ours was than this side, round by round: the smallest and the largest ratio.
    #[must_use]
    pub fn spread(&self, side: usize) -> (f64, f64) {
        let of = |side: usize| self.sides.get(side).map(Vec::as_slice).unwrap_or_default();
        let ratios = of(0).iter().zip(of(side)).map(|(ours, theirs)| ours.rate / theirs.rate);
        ratios
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), ratio| (low.min(ratio), high.max(ratio)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_list() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.5), 51.0);
        assert_eq!(percentile(&hundred, 0.99), 100.0);
        assert_eq!(percentile(&hundred, 1.0), 100.0);
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), 5.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
