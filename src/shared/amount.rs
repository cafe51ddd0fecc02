//! Figures on the server: whole nano-dollars, since its scripts count in floating point, which is exact up to 2⁵³.

use crate::domain::Pico;

/// Pico-dollars in a nano-dollar.
const FINE: i128 = 1_000;

/// The greatest figure that is exact.
const MOST: i128 = (1 << 53) - 1;

/// The greatest limit of a shared budget, in USD.
pub const MOST_USD: u64 = 9_000_000;

/// Whole nano-dollars, rounded up: a share is never larger than what was taken for it.
pub fn whole_nano(amount: Pico) -> i64 {
    let nano = amount.get().div_euclid(FINE) + i128::from(amount.get().rem_euclid(FINE) != 0);
    i64::try_from(nano.clamp(-MOST, MOST)).unwrap_or(i64::MAX)
}

/// As money again.
pub(super) fn of_nano(nano: i64) -> Pico {
    Pico::new(i128::from(nano) * FINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_up() {
        let check = |pico, nano| assert_eq!(whole_nano(Pico::new(pico)), nano, "{pico}");
        check(0, 0);
        check(1, 1);
        check(1_000, 1);
        check(1_001, 2);
        check(-1, 0);
        check(i128::MAX, (1 << 53) - 1);
        let greatest = Pico::from_usd(MOST_USD as f64).expect("an amount");
        assert_eq!(of_nano(whole_nano(greatest)), greatest);
    }
}
