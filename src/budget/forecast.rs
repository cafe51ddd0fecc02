//! What a budget's window will have cost when it ends, with an interval that eight of ten windows fall into.
//!
//! The past is cut into blocks of 24 hours, backwards from now, so that a part of a day is never taken for a whole one.
//! Each weekday has a mean, `m(w)`. Spend is a sum of many requests, so the variance of a day grows with its mean: it is
//! `φ m(w)`, as in a quasi-Poisson model (McCullagh & Nelder 1989, "Generalized Linear Models", 6.2). The dispersion is
//! pooled over all weekdays, for a few weeks tell too little of one: `φ = Σ (x − m(w))² / m(w) / (N − G)` over `N` blocks
//! in `G` weekdays.
//!
//! What remains is expected to cost `μ = Σ k(w) m(w)`, where `k(w)` days of that weekday remain, the last one in part. Its
//! variance is `σ² = Σ φ m(w) (k(w) + k(w)² / n(w))`: of the days themselves, and of the means, which are known from
//! `n(w)` blocks. The sum is positive and skewed, so it is taken for log-normal with the same mean and variance (Fenton
//! 1960, "The sum of log-normal probability distributions in scatter transmission systems"): `s² = ln(1 + σ²/μ²)`, and the
//! bounds are `exp(ln μ − s²/2 ± 1.2816 s)`.
//!
//! Floating point is right here: an estimate is no amount that anybody is charged.

use serde::Serialize;

use super::window::Stretch;
use crate::domain::Pico;

/// Milliseconds of a block.
const BLOCK: u64 = 86_400_000;
/// How far back the past tells of what is to come.
const MOST_BLOCKS: usize = 56;
/// With fewer nothing is foretold: a weekday has been seen at least once.
const LEAST_BLOCKS: usize = 7;
/// Of the normal distribution: eight of ten lie within so many standard deviations.
const EIGHT_OF_TEN: f64 = 1.281_551_565_545;

/// How far back spend is needed.
pub const LOOK_BACK_MILLIS: u64 = BLOCK * MOST_BLOCKS as u64;

/// What a window will have cost when it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Forecast {
    /// One of ten windows costs less.
    #[serde(rename = "low_usd")]
    pub low: Pico,
    /// On average.
    #[serde(rename = "expected_usd")]
    pub expected: Pico,
    /// One of ten costs more.
    #[serde(rename = "high_usd")]
    pub high: Pico,
}

/// Foretells the end of `window` in which `settled` is spent by now. `past` is what was spent, by the moment (or the
/// hour's beginning) at which it was. `None` if the window never ends, or less than a week is known.
pub fn forecast(past: &[(u64, Pico)], settled: Pico, window: Stretch, now_millis: u64) -> Option<Forecast> {
    let until = window.until_millis?;
    let blocks = blocks(past, now_millis);
    if blocks.len() < LEAST_BLOCKS {
        return None;
    }
    let profile = Profile::of(&blocks);
    let (mean, variance) = profile.sum(until.saturating_sub(now_millis) as f64 / BLOCK as f64);
    let [low, high] = bounds(mean, variance);
    let add = |more: f64| settled + Pico::from_usd(more).unwrap_or(Pico::ZERO);
    let expected = add(mean);
    Some(Forecast { low: add(low).min(expected), expected, high: add(high).max(expected) })
}

/// USD of each block of 24 hours, the latest first, back to the first spend there was.
fn blocks(past: &[(u64, Pico)], now_millis: u64) -> Vec<f64> {
    let place = |at: u64| usize::try_from(now_millis.checked_sub(at.saturating_add(1))? / BLOCK).ok();
    let places =
        || past.iter().filter_map(|(at, spent)| Some((place(*at).filter(|place| *place < MOST_BLOCKS)?, spent)));
    // The block of the first spend was likely not whole.
    let count = places().map(|(place, _)| place).max().unwrap_or(0);
    let mut blocks = vec![0.0; count];
    for (place, spent) in places() {
        if let Some(block) = blocks.get_mut(place) {
            *block += spent.usd();
        }
    }
    blocks
}

/// What days cost.
struct Profile {
    /// Of each place in the week, counted from now on: the mean, and from how many blocks it is known.
    means: [(f64, f64); 7],
    /// The variance of a day as a share of its mean.
    dispersion: f64,
}

impl Profile {
    fn of(blocks: &[f64]) -> Self {
        // The latest block began a day ago: its place in the week is that of the seventh from now on.
        let place = |block: usize| 6 - block % 7;
        let mut sums = [(0.0, 0.0); 7];
        for (block, usd) in blocks.iter().enumerate() {
            let (sum, count) = &mut sums[place(block)];
            (*sum, *count) = (*sum + usd, *count + 1.0);
        }
        let means = sums.map(|(sum, count)| if count > 0.0 { (sum / count, count) } else { (0.0, 1.0) });
        let known = || blocks.iter().enumerate().filter(|(block, _)| means[place(*block)].0 > 0.0);
        let squares = known().map(|(block, usd)| (usd - means[place(block)].0).powi(2) / means[place(block)].0);
        let weekdays = means.iter().filter(|(mean, _)| *mean > 0.0).count() as f64;
        let free = known().count() as f64 - weekdays;
        // From a single week nothing is known of how days differ: as much as a mean day costs.
        let alone = means.iter().map(|(mean, _)| mean).sum::<f64>() / 7.0;
        let dispersion = if free >= 1.0 { squares.sum::<f64>() / free } else { alone };
        Self { means, dispersion }
    }

    /// Mean and variance of the next so many days.
    fn sum(&self, days: f64) -> (f64, f64) {
        let (mut mean, mut variance) = (0.0, 0.0);
        for (place, (usd, known)) in self.means.iter().enumerate() {
            // Whole days at this place of the week, and the part of the last.
            let whole = ((days - place as f64) / 7.0).ceil().max(0.0);
            let last = (days - place as f64 - (whole - 1.0).max(0.0) * 7.0).clamp(0.0, 1.0);
            let times = if whole > 0.0 { whole - 1.0 + last } else { 0.0 };
            mean += times * usd;
            variance += self.dispersion * usd * (times + times * times / known);
        }
        (mean, variance)
    }
}

fn bounds(mean: f64, variance: f64) -> [f64; 2] {
    if mean <= 0.0 {
        return [0.0, 0.0];
    }
    let square = (1.0 + variance / (mean * mean)).ln();
    let bound = |deviations: f64| (mean.ln() - square / 2.0 + deviations * square.sqrt()).exp();
    [bound(-EIGHT_OF_TEN), bound(EIGHT_OF_TEN)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{RngAlgorithm, TestRng};

    use super::*;

    const NOW: u64 = 1_795_305_600_000;
    const HOUR: u64 = 3_600_000;

    fn usd(amount: f64) -> Pico {
        Pico::from_usd(amount).expect("an amount")
    }

    fn ending_in(days: u64) -> Stretch {
        Stretch { from_millis: NOW - BLOCK, until_millis: Some(NOW + days * BLOCK) }
    }

    /// So many blocks before now, the latest first, each spent in its middle; one more before, which is taken for a part.
    fn past(blocks: &[f64]) -> Vec<(u64, Pico)> {
        let begun = std::iter::once(&0.01);
        let at = |block: usize| NOW - block as u64 * BLOCK - 12 * HOUR;
        blocks.iter().chain(begun).enumerate().map(|(block, amount)| (at(block), usd(*amount))).collect()
    }

    #[test]
    fn days_that_are_alike_go_on_alike() {
        let foretold = forecast(&past(&[10.0; 28]), usd(3.0), ending_in(4), NOW).expect("enough is known");
        assert_eq!((foretold.low, foretold.expected, foretold.high), (usd(43.0), usd(43.0), usd(43.0)));
        assert_eq!(forecast(&past(&[10.0; 6]), usd(3.0), ending_in(4), NOW), None, "less than a week");
        let endless = Stretch { from_millis: 0, until_millis: None };
        assert_eq!(forecast(&past(&[10.0; 28]), usd(3.0), endless, NOW), None);
    }

    #[test]
    fn weekdays_are_told_apart() {
        // The block that began two days ago, and each a week before, cost 70; the others nothing.
        let blocks: Vec<f64> = (0..28).map(|block| if block % 7 == 1 { 70.0 } else { 0.0 }).collect();
        let expected = |days| forecast(&past(&blocks), Pico::ZERO, ending_in(days), NOW).expect("known").expected;
        assert_eq!(
            (expected(5), expected(6), expected(12), expected(13)),
            (usd(0.0), usd(70.0), usd(70.0), usd(140.0))
        );
    }

    /// Standard normal, by the sum of twelve even numbers.
    fn normal(random: &mut TestRng) -> f64 {
        (0..12).map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX)).sum::<f64>() - 6.0
    }

    /// A day's spend: a Poisson number of requests, by its normal approximation, of log-normal costs, summed one by one.
    fn day(random: &mut TestRng, requests: f64) -> f64 {
        let count = (requests + requests.sqrt() * normal(random)).round().max(0.0) as u32;
        (0..count).map(|_| (normal(random) * 1.2 - 3.0).exp()).sum()
    }

    #[test]
    fn eight_of_ten_windows_end_within_the_interval() {
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let by_weekday = [60.0, 60.0, 60.0, 60.0, 50.0, 8.0, 6.0];
        let (mut within, rounds) = (0, 600);
        for _ in 0..rounds {
            // The latest first: the block `n` back has the weekday that comes `7 - n % 7 - 1` days from now.
            let blocks: Vec<f64> = (0..28).map(|block| day(&mut random, by_weekday[6 - block % 7])).collect();
            let foretold = forecast(&past(&blocks), Pico::ZERO, ending_in(10), NOW).expect("known");
            let came: f64 = (0..10).map(|ahead| day(&mut random, by_weekday[ahead % 7])).sum();
            within += i32::from((foretold.low.usd()..=foretold.high.usd()).contains(&came));
        }
        let share = f64::from(within) / f64::from(rounds);
        assert!((0.72..0.88).contains(&share), "{share} within an interval for 0.8");
    }

    proptest! {
        #[test]
        fn the_interval_holds_what_is_expected_and_nothing_is_taken_back(
            blocks in proptest::collection::vec(0.0..1e4_f64, 7..70),
            settled in 0.0..1e6_f64,
            days in 0_u64..40,
        ) {
            let foretold = forecast(&past(&blocks), usd(settled), ending_in(days), NOW).expect("enough is known");
            prop_assert!(usd(settled) <= foretold.low && foretold.low <= foretold.expected);
            prop_assert!(foretold.expected <= foretold.high);
            if days == 0 {
                prop_assert_eq!(foretold.high, usd(settled));
            }
        }
    }
}
