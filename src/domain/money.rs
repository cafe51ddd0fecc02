//! Money in whole pico-dollars.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::{Beyond, scaled};
use super::text::from_text;

/// An amount in pico-dollars (10⁻¹² USD). A price of 1 USD for a million tokens is 1,000,000 pico-dollars a token.
///
/// Held in 128 bits, so no sum of real bills overflows; one entry of the ledger is kept in 64 bits (up to 9.2 million
/// USD). Negative amounts are differences, such as savings that were none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pico(i128);

impl Pico {
    /// Nothing.
    pub const ZERO: Pico = Pico(0);
    const PER_USD: i128 = 1_000_000_000_000;

    /// This many pico-dollars.
    pub const fn new(pico: i128) -> Self {
        Self(pico)
    }

    /// An amount given in dollars as a configuration writes it: the decimal that prints as this float, to the nearest
    /// pico-dollar; `None` if it is not finite or beyond a billion USD.
    pub fn from_usd(usd: f64) -> Option<Self> {
        Self::parse_usd(&usd.to_string())
    }

    /// An amount given in dollars as decimal text such as `0.00123` or `1.2e-5`, to the nearest pico-dollar, half to
    /// even; `None` if it is no number or beyond a billion USD.
    pub fn parse_usd(text: &str) -> Option<Self> {
        let pico = scaled(text, 12, Beyond::Rounded)?;
        (pico.abs() <= 1_000_000_000 * Self::PER_USD).then_some(Self(pico))
    }

    /// The number of pico-dollars.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// The number of pico-dollars as the ledger keeps it; at its bound if it does not fit.
    pub fn saturating_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(if self.0 < 0 { i64::MIN } else { i64::MAX })
    }

    /// The amount in dollars, for display and metrics only.
    pub fn usd(self) -> f64 {
        self.0 as f64 / Self::PER_USD as f64
    }
}

impl Add for Pico {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Pico {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Pico {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// The exact amount in dollars, with no more decimals than it has and no fewer than two.
impl fmt::Display for Pico {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) =
            (self.0.unsigned_abs() / Self::PER_USD as u128, self.0.unsigned_abs() % Self::PER_USD as u128);
        let decimals = format!("{part:012}");
        let kept = decimals.trim_end_matches('0').len().max(2);
        write!(f, "{sign}{whole}.{}", &decimals[..kept])
    }
}

impl fmt::Debug for Pico {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${self}")
    }
}

/// As the exact decimal text of [`Display`](fmt::Display): a JSON number would pass through a float.
impl Serialize for Pico {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pico {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, |text| Self::parse_usd(text).ok_or("an amount in dollars is decimal text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_written_exactly() {
        let check = |pico, text: &str| assert_eq!(Pico::new(pico).to_string(), text);
        check(0, "0.00");
        check(1, "0.000000000001");
        check(1_500_000_000_000, "1.50");
        check(-250_000, "-0.00000025");
        check(1_000_000_000_000_000, "1000.00");
    }

    #[test]
    fn dollars_are_read_exactly() {
        let check = |text: &str, pico: Option<i128>| assert_eq!(Pico::parse_usd(text), pico.map(Pico::new), "{text}");
        check("0.00000015", Some(150_000));
        check("1.5e-7", Some(150_000));
        check("-12.000000000001", Some(-12_000_000_000_001));
        check("0.0000000000005", Some(0));
        check("0.0000000000015", Some(2));
        check("1e9", Some(1_000_000_000_000_000_000_000));
        check("1e10", None);
        check("$1", None);
        assert_eq!(Pico::from_usd(0.1), Some(Pico::new(100_000_000_000)));
        assert_eq!(Pico::from_usd(f64::INFINITY), None);
    }
}
