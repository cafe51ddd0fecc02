//! The arithmetic: shares and means of requests that come in sessions, with intervals.
//!
//! Requests of one session are alike, so sessions are what is counted on: a rate is the ratio of two sums over sessions,
//! and its variance is that of a ratio over clusters by linearization (Cochran, *Sampling Techniques*, 1977, ch. 6 and 9).
//! A share's interval is Wilson's (1927) with the number of requests divided by the design effect, as Korn and Graubard
//! (1998) do it; the difference of two shares is Newcombe's (1998, method 10) of those. Means are compared as Welch (1947)
//! does, ratios of means on the logarithm's scale. Quantiles: Acklam's approximation of the normal one, and the expansion of
//! Abramowitz and Stegun (26.7.5) for Student's.

use serde::Serialize;

/// Sums over sessions, of how many there are of something (`x`) and of what they add up to (`y`).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Clusters {
    sessions: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

/// A rate: how much there is of `y` for each of `x`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rate {
    /// The rate.
    pub value: f64,
    /// The variance of the rate, between sessions.
    pub variance: f64,
    /// How many sessions there are.
    pub sessions: f64,
    /// How many there are of `x`.
    pub units: f64,
}

/// An estimate, and the interval that holds what is true so often as was asked.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Where the interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

impl Clusters {
    /// With one session more.
    pub fn add(&mut self, x: f64, y: f64) {
        self.sessions += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// The rate; `None`: there are none, or of a single session nothing can be told.
    pub fn rate(&self) -> Option<Rate> {
        if self.x <= 0.0 || self.sessions < 2.0 {
            return None;
        }
        let value = self.y / self.x;
        // Rounding may take it below nothing.
        let squares = (self.yy - 2.0 * value * self.xy + value * value * self.xx).max(0.0);
        let variance = self.sessions / (self.sessions - 1.0) * squares / (self.x * self.x);
        Some(Rate { value, variance, sessions: self.sessions, units: self.x })
    }
}

impl Rate {
    fn freedom(&self) -> f64 {
        self.sessions - 1.0
    }

    /// The interval of a share, at this confidence (such as 0.95).
    pub fn share(&self, confidence: f64) -> Interval {
        let p = self.value.clamp(0.0, 1.0);
        let simple = p * (1.0 - p) / self.units;
        // Where all are alike, between sessions too, a session counts as one.
        let effect = if simple > 0.0 { (self.variance / simple).max(1.0) } else { self.units / self.sessions };
        let n = self.units / effect.max(1.0);
        let z = student(0.5 + confidence / 2.0, self.freedom());
        let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        Interval { value: p, low: (middle - half).max(0.0).min(p), high: (middle + half).min(1.0).max(p) }
    }

    /// The interval of a mean, at this confidence.
    pub fn mean(&self, confidence: f64) -> Interval {
        let half = student(0.5 + confidence / 2.0, self.freedom()) * self.variance.sqrt();
        Interval { value: self.value, low: self.value - half, high: self.value + half }
    }
}

/// By how much a share is larger than another.
pub fn share_difference(one: &Rate, other: &Rate, confidence: f64) -> Interval {
    let (one, other) = (one.share(confidence), other.share(confidence));
    let apart = |a: f64, b: f64| (a * a + b * b).sqrt();
    let value = one.value - other.value;
    Interval {
        value,
        low: value - apart(one.value - one.low, other.high - other.value),
        high: value + apart(one.high - one.value, other.value - other.low),
    }
}

/// By how much a mean is larger than another.
pub fn mean_difference(one: &Rate, other: &Rate, confidence: f64) -> Interval {
    let variance = one.variance + other.variance;
    let freedom = welch(one.variance, one.freedom(), other.variance, other.freedom());
    let half = student(0.5 + confidence / 2.0, freedom) * variance.sqrt();
    let value = one.value - other.value;
    Interval { value, low: value - half, high: value + half }
}

/// By which part of the other a mean is larger: 0.1 is a tenth more. `None` unless both are more than nothing.
pub fn mean_change(one: &Rate, other: &Rate, confidence: f64) -> Option<Interval> {
    if one.value <= 0.0 || other.value <= 0.0 {
        return None;
    }
    let relative = |rate: &Rate| rate.variance / (rate.value * rate.value);
    let (a, b) = (relative(one), relative(other));
    let freedom = welch(a, one.freedom(), b, other.freedom());
    let half = student(0.5 + confidence / 2.0, freedom) * (a + b).sqrt();
    let log = (one.value / other.value).ln();
    Some(Interval { value: log.exp() - 1.0, low: (log - half).exp() - 1.0, high: (log + half).exp() - 1.0 })
}

fn welch(a: f64, a_freedom: f64, b: f64, b_freedom: f64) -> f64 {
    let sum = a + b;
    if sum <= 0.0 {
        return a_freedom.min(b_freedom);
    }
    sum * sum / (a * a / a_freedom + b * b / b_freedom)
}

/// The normal distribution's quantile.
pub fn normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    const EDGE: f64 = 0.024_25;
    let polynomial = |terms: &[f64], at: f64| terms.iter().fold(0.0, |sum, term| sum * at + term);
    let tail = |q: f64| polynomial(&C, q) / (polynomial(&D, q) * q + 1.0);
    if p < EDGE {
        tail((-2.0 * p.ln()).sqrt())
    } else if p > 1.0 - EDGE {
        -tail((-2.0 * (1.0 - p).ln()).sqrt())
    } else {
        let q = p - 0.5;
        let r = q * q;
        polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
    }
}

/// The quantile of Student's distribution with so many degrees of freedom.
pub fn student(p: f64, freedom: f64) -> f64 {
    if freedom < 1.5 {
        return (std::f64::consts::PI * (p - 0.5)).tan();
    }
    if freedom < 2.5 {
        let a = 2.0 * p - 1.0;
        return a * (2.0 / (1.0 - a * a)).sqrt();
    }
    let z = normal(p);
    let (z3, z5, z7, z9) = (z.powi(3), z.powi(5), z.powi(7), z.powi(9));
    let v = freedom;
    z + (z3 + z) / (4.0 * v)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * v.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * v.powi(3))
        + (79.0 * z9 + 776.0 * z7 + 1482.0 * z5 - 1920.0 * z3 - 945.0 * z) / (92_160.0 * v.powi(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} is not {expected}");
    }

    fn rate(pairs: &[(f64, f64)]) -> Rate {
        let mut clusters = Clusters::default();
        pairs.iter().for_each(|(x, y)| clusters.add(*x, *y));
        clusters.rate().expect("a rate")
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        near(normal(0.975), 1.959_964, 1e-5);
        near(normal(0.5), 0.0, 1e-9);
        near(normal(0.001), -3.090_232, 1e-5);
        for (freedom, expected) in [(1.0, 12.706), (2.0, 4.303), (4.0, 2.776), (10.0, 2.228), (30.0, 2.042)] {
            near(student(0.975, freedom), expected, 0.02);
        }
        near(student(0.975, 1e9), 1.959_964, 1e-5);
    }

    #[test]
    fn a_share_of_single_requests_has_wilsons_interval() {
        // 20 of 100: Wilson's interval is 0.1333 to 0.2888; Student's quantile in its place makes it a little wider.
        let pairs: Vec<(f64, f64)> = (0..100).map(|place| (1.0, f64::from(u8::from(place < 20)))).collect();
        let interval = rate(&pairs).share(0.95);
        near(interval.value, 0.2, 1e-12);
        near(interval.low, 0.1333, 0.003);
        near(interval.high, 0.2888, 0.003);
    }

    #[test]
    fn sessions_whose_requests_are_alike_count_less() {
        // Ten sessions of ten requests each, two of which failed altogether: as good as ten requests.
        let sessions: Vec<(f64, f64)> = (0..10).map(|place| (10.0, if place < 2 { 10.0 } else { 0.0 })).collect();
        let clustered = rate(&sessions).share(0.95);
        let ten: Vec<(f64, f64)> = (0..10).map(|place| (1.0, f64::from(u8::from(place < 2)))).collect();
        let single = rate(&ten).share(0.95);
        near(clustered.low, single.low, 1e-9);
        near(clustered.high, single.high, 1e-9);
        let none = rate(&[(50.0, 0.0), (50.0, 0.0)]).share(0.95);
        assert!(none.high > 0.5, "two sessions without a failure say little: {none:?}");
    }

    #[test]
    fn differences_are_newcombes_and_welchs() {
        // Newcombe's own example (1998, 56/70 against 48/80): 0.0524 to 0.3339 by method 10.
        let of = |good: u8, all: u8| {
            let pairs: Vec<(f64, f64)> = (0..all).map(|place| (1.0, f64::from(u8::from(place < good)))).collect();
            rate(&pairs)
        };
        let difference = share_difference(&of(56, 70), &of(48, 80), 0.95);
        near(difference.value, 0.2, 1e-12);
        near(difference.low, 0.0524, 0.004);
        near(difference.high, 0.3339, 0.004);
        // 1,2,3,4,5 against 2,4,6,8,10: means 3 and 6, variances of the means 0.5 and 2, 5.882 degrees of freedom,
        // t = 2.4588, so -3 ± 3.8877.
        let of = |step: f64| rate(&(1..6).map(|n| (1.0, f64::from(n) * step)).collect::<Vec<_>>());
        let difference = mean_difference(&of(1.0), &of(2.0), 0.95);
        near(difference.value, -3.0, 1e-12);
        near(difference.low, -6.8877, 0.01);
        near(difference.high, 0.8877, 0.01);
        let change = mean_change(&of(1.0), &of(2.0), 0.95).expect("a change");
        near(change.value, -0.5, 1e-12);
        assert!(change.low < -0.5 && change.high > -0.5);
    }

    #[test]
    fn of_one_session_nothing_is_told() {
        let mut clusters = Clusters::default();
        assert_eq!(clusters.rate(), None);
        clusters.add(10.0, 3.0);
        assert_eq!(clusters.rate(), None);
    }
}
