//! The price of one unit, exactly as published, and sums of such prices that are rounded once.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Pico;
use super::decimal::{Beyond, scaled};

/// How many decimals a published price may have: as many as a 64-bit float prints.
const DECIMALS: u32 = 18;

/// USD for a million units (tokens, searches, requests), kept as whole 10⁻¹⁸ USD: what is published comes in exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct UnitPrice(u128);

impl UnitPrice {
    /// From whole pico-dollars a unit, which are millionths of a dollar for a million.
    pub const fn from_pico(pico: u64) -> Self {
        Self(pico as u128 * 1_000_000_000_000)
    }

    /// From decimal text, in USD for `per` units, which divides a million. `None` if it is negative, no number, has
    /// more than 18 decimals, or is more than a hundred million USD for a million units.
    pub fn parse(text: &str, per: u32) -> Option<Self> {
        let units = u128::try_from(scaled(text, DECIMALS, Beyond::Refused)?).ok()?;
        let price = units.checked_mul(u128::from(1_000_000 / per))?;
        (price <= 100_000_000 * 10_u128.pow(DECIMALS)).then_some(Self(price))
    }

    /// Whole pico-dollars a unit; `None` if there is a part of one, which plain rates cannot hold.
    pub fn to_pico(self) -> Option<u64> {
        self.0.is_multiple_of(1_000_000_000_000).then(|| u64::try_from(self.0 / 1_000_000_000_000).ok())?
    }

    /// The price of so many times fewer units, exact where it was published for them.
    #[must_use]
    pub fn scaled_down(self, times: u32) -> Self {
        Self(self.0 / u128::from(times.max(1)))
    }

    /// Pico-dollars a unit after a discount, rounded up: no sum of such units costs more.
    pub(super) fn ceil_pico(self, discount: Discount) -> u64 {
        let unit = 1_000_000_000_000 * u128::from(Discount::WHOLE);
        let kept = self.0.saturating_mul(u128::from(Discount::WHOLE - discount.0));
        u64::try_from(kept.div_ceil(unit)).unwrap_or(u64::MAX)
    }

    /// USD for a million units, for display and for comparing magnitudes.
    pub fn usd_per_million(self) -> f64 {
        self.0 as f64 / 1e18
    }
}

/// The exact decimal, USD for a million units.
impl std::fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10_u128.pow(DECIMALS);
        let decimals = format!("{:018}", self.0 % unit);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / unit),
            decimals => write!(f, "{}.{decimals}", self.0 / unit),
        }
    }
}

/// A number as published, before it is known what it is for.
#[derive(Clone, Debug)]
pub(super) struct Published(String);

impl Published {
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Published {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.get().to_owned()))
    }
}

/// A sum of units times their prices, in 10⁻²⁴ USD, which every product of the two is whole in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Charge(u128);

impl Charge {
    /// Adds so many units at this price; stays at its bound if that does not fit.
    pub(super) fn add(&mut self, units: u64, price: UnitPrice) {
        self.0 = self.0.saturating_add(u128::from(units).saturating_mul(price.0));
    }

    /// What is left of it after `discount`, to the nearest pico-dollar: the one place where a cost is rounded, half to
    /// even. A charge of whole pico-dollars without a discount is not changed by it.
    pub(super) fn rounded(self, discount: Discount) -> Pico {
        const PER_PICO: u128 = 1_000_000_000_000;
        let kept = u128::from(Discount::WHOLE - discount.0);
        let whole = u128::from(Discount::WHOLE);
        // The parts are below 10³⁰ and 10⁶, so that only the first product can pass the bound.
        let (pico, rest) = (self.0 / PER_PICO, self.0 % PER_PICO);
        let Some(taken) = pico.checked_mul(kept) else { return Pico::new(i128::MAX) };
        let below = (taken % whole) * PER_PICO + rest * kept;
        let (quotient, remainder, unit) =
            (taken / whole + below / (PER_PICO * whole), below % (PER_PICO * whole), PER_PICO * whole);
        let up = remainder * 2 > unit || (remainder * 2 == unit && quotient % 2 == 1);
        Pico::new(i128::try_from(quotient + u128::from(up)).unwrap_or(i128::MAX))
    }
}

/// What is taken off a price, in millionths of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Discount(u32);

impl Discount {
    const WHOLE: u32 = 1_000_000;

    /// Nothing off.
    pub const NONE: Discount = Discount(0);

    /// From percent with at most four decimals; `None` unless it lies between 0 and 100.
    pub fn percent(percent: f64) -> Option<Self> {
        let millionths = scaled(&percent.to_string(), 4, Beyond::Refused)?;
        u32::try_from(millionths).ok().filter(|off| (1..=Self::WHOLE).contains(off)).map(Self)
    }

    /// In millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_prices_come_in_and_go_out_exactly() {
        for text in ["0.075", "3", "0.08333333333333334", "0.27999999999999997", "0", "10000"] {
            assert_eq!(UnitPrice::parse(text, 1_000_000).map(|price| price.to_string()).as_deref(), Some(text));
        }
        assert_eq!(UnitPrice::parse("10", 1000), UnitPrice::parse("10000", 1_000_000), "for a thousand");
        assert_eq!(UnitPrice::parse("0.15", 1_000_000), Some(UnitPrice::from_pico(150_000)));
        for text in ["-1", "x", "1e9", "0.0000000000000000001"] {
            assert_eq!(UnitPrice::parse(text, 1_000_000), None, "{text}");
        }
    }

    #[test]
    fn a_charge_is_rounded_once_half_to_even() {
        let charge = |units, text: &str| {
            let mut charge = Charge::default();
            charge.add(units, UnitPrice::parse(text, 1_000_000).unwrap());
            charge
        };
        let check = |charge: Charge, expected| assert_eq!(charge.rounded(Discount::NONE), Pico::new(expected));
        check(charge(1, "0.0000005"), 0);
        check(charge(3, "0.0000005"), 2);
        check(charge(1, "0.00000050000001"), 1);
        check(charge(7, "0.075"), 525_000);
        // Beyond 500 USD, where a float loses pico-dollars.
        check(charge(1_234_567_891, "74.999999"), 92_592_590_590_432_109);
    }

    #[test]
    fn discounts_are_taken_off_exactly() {
        let mut charge = Charge::default();
        charge.add(1, UnitPrice::from_pico(1_000_001));
        let off = Discount::percent(12.5).unwrap();
        // 1,000,001 × 0.875 = 875,000.875
        assert_eq!(charge.rounded(off), Pico::new(875_001));
        assert_eq!(charge.rounded(Discount::percent(100.0).unwrap()), Pico::ZERO);
        for percent in [0.0, -1.0, 100.1, f64::NAN, 0.00001] {
            assert_eq!(Discount::percent(percent), None, "{percent}");
        }
    }
}
