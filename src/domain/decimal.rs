//! Decimal text, read exactly.

/// What becomes of digits that the wanted number of decimals does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beyond {
    /// The text is no such number.
    Refused,
    /// They round what stands before them, half to even.
    Rounded,
}

/// The number that a decimal text such as `-0.075` or `1.2e-6` writes, times ten to the power of `decimals`.
///
/// `None` if it is no number, has digits beyond those decimals that must not be rounded, or does not fit.
pub(super) fn scaled(text: &str, decimals: u32, beyond: Beyond) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + part.len() == 0 || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(part.bytes()).map(|byte| byte - b'0').collect();
    // So many of the digits stand before the point of the scaled number; what is missing are zeros.
    let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(decimals);
    let kept_digits = usize::try_from(kept.max(0)).ok()?.min(digits.len());
    let mut number: i128 = 0;
    for digit in &digits[..kept_digits] {
        number = number.checked_mul(10)?.checked_add(i128::from(*digit))?;
    }
    let zeros = kept - i64::try_from(digits.len()).ok()?;
    if zeros > 0 && number > 0 {
        number = number.checked_mul(10_i128.checked_pow(u32::try_from(zeros).ok()?)?)?;
    }
    let rest = &digits[kept_digits..];
    if rest.iter().any(|digit| *digit != 0) {
        match beyond {
            Beyond::Refused => return None,
            // All digits lie behind the first one that rounds.
            Beyond::Rounded if kept < 0 => {}
            Beyond::Rounded => {
                let above_half = rest[0] > 5 || (rest[0] == 5 && rest[1..].iter().any(|digit| *digit != 0));
                if above_half || (rest[0] == 5 && number % 2 == 1) {
                    number = number.checked_add(1)?;
                }
            }
        }
    }
    Some(sign * number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        let check =
            |text: &str, expected: Option<i128>| assert_eq!(scaled(text, 6, Beyond::Refused), expected, "{text}");
        check("0.075", Some(75_000));
        check("-3", Some(-3_000_000));
        check("1.2e-5", Some(12));
        check("1E2", Some(100_000_000));
        check(".5", Some(500_000));
        check("5.", Some(5_000_000));
        check("0.1234560", Some(123_456));
        check("0.0000001", None);
        for text in ["", ".", "-", "1e", "e5", "0x1", "1,5", "NaN", "inf", "1.2.3", "1e99", "--1", " 1"] {
            check(text, None);
        }
        check("0e99", Some(0));
    }

    #[test]
    fn what_is_beyond_rounds_half_to_even() {
        let check = |text: &str, expected: i128| assert_eq!(scaled(text, 1, Beyond::Rounded), Some(expected), "{text}");
        check("0.25", 2);
        check("0.35", 4);
        check("0.2500001", 3);
        check("0.05", 0);
        check("0.051", 1);
        check("0.0051", 0);
        check("-0.35", -4);
        check("9.99", 100);
        check("4e-9", 0);
    }

    proptest! {
        #[test]
        fn whatever_is_written_comes_back(number in any::<i64>(), decimals in 0_u32..12) {
            let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
            let unit = 10_u64.pow(decimals);
            let text = format!("{sign}{}.{:0width$}", size / unit, size % unit, width = decimals as usize);
            let text = if decimals == 0 { format!("{number}") } else { text };
            prop_assert_eq!(scaled(&text, decimals, Beyond::Refused), Some(i128::from(number)));
        }
    }
}
