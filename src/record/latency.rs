//! How long requests took, kept so that any two sets can be put together without a loss: counts in fixed buckets.
//!
//! A bucket is a sixteenth of an octave wide, so its middle is at most 1/32 (3.2 %) away from any duration in it. That is
//! the error of every median and percentile that a report shows.

use std::collections::BTreeMap;

/// Sixteen buckets an octave: the four bits after a duration's first.
const BITS: u32 = 4;

/// Counts of durations by their bucket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Latencies(BTreeMap<u16, u64>);

impl Latencies {
    /// One request that took so many microseconds.
    pub fn add(&mut self, micros: u64) {
        *self.0.entry(bucket(micros)).or_default() += 1;
    }

    /// All of another set.
    pub fn merge(&mut self, other: &Latencies) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// The durations that are written in `bytes`: pairs of bucket and count, each a number of seven bits a byte. Two sets
    /// written one after the other are both sets together, which lets a database put them together.
    pub fn merge_written(&mut self, mut bytes: &[u8]) {
        while let Some((bucket, count)) = number(&mut bytes).zip(number(&mut bytes)) {
            let bucket = u16::try_from(bucket).unwrap_or(u16::MAX).min(LAST);
            *self.0.entry(bucket).or_default() += count;
        }
    }

    /// As a database keeps them.
    pub fn written(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 3);
        for (bucket, count) in &self.0 {
            write_number(&mut bytes, u64::from(*bucket));
            write_number(&mut bytes, *count);
        }
        bytes
    }

    /// A duration in microseconds that about `percent` of 100 do not exceed; 0 if there are none.
    pub fn quantile(&self, percent: u64) -> u64 {
        let all: u64 = self.0.values().sum();
        let rank = (u128::from(all) * u128::from(percent)).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += u128::from(*count);
            if seen >= rank && rank > 0 {
                return middle(*bucket);
            }
        }
        0
    }
}

/// The bucket of the longest duration that 64 bits hold.
const LAST: u16 = ((63 - BITS + 1) * (1 << BITS) + (1 << BITS) - 1) as u16;

fn bucket(micros: u64) -> u16 {
    if micros < 1 << BITS {
        return micros as u16;
    }
    let octave = 63 - micros.leading_zeros();
    let place = (micros >> (octave - BITS)) & ((1 << BITS) - 1);
    ((octave - BITS + 1) << BITS) as u16 + place as u16
}

fn middle(bucket: u16) -> u64 {
    let (row, place) = (u32::from(bucket) >> BITS, u64::from(bucket) & ((1 << BITS) - 1));
    let Some(shift) = row.checked_sub(1) else { return place };
    let low = ((1 << BITS) + place) << shift;
    low + ((1_u64 << shift) >> 1)
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The next number; `None`: there is no whole one.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..10 {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_duration_has_the_last_bucket() {
        assert_eq!(bucket(u64::MAX), LAST);
        assert_eq!(Latencies::default().quantile(50), 0);
    }

    proptest! {
        #[test]
        fn a_buckets_middle_is_near_what_is_in_it(micros in any::<u64>().prop_flat_map(|all| (0..64_u32).prop_map(move |shift| all >> shift))) {
            let found = middle(bucket(micros));
            prop_assert!(found.abs_diff(micros) <= micros / 32, "{micros} {found}");
        }

        #[test]
        fn sets_written_one_after_the_other_are_both_together(
            a in prop::collection::vec(any::<u64>(), 0..50), b in prop::collection::vec(0..5_000_000_u64, 0..50),
        ) {
            let of = |durations: &[u64]| {
                let mut set = Latencies::default();
                durations.iter().for_each(|micros| set.add(*micros));
                set
            };
            let mut both = Latencies::default();
            both.merge_written(&[of(&a).written(), of(&b).written()].concat());
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(&both, &merged);
            let mut sorted = [a, b].concat();
            sorted.sort_unstable();
            let rank = (sorted.len() * 95).div_ceil(100);
            let exact = rank.checked_sub(1).map_or(0, |place| sorted[place]);
            prop_assert_eq!(both.quantile(95), middle(bucket(exact)));
        }
    }
}
