//! What a set of entries adds up to, in whole numbers that can be added and taken away again.

use super::fields::Fields;
use super::file::LedgerError;
use super::insert::ABANDONED;
use super::latency::Latencies;

/// What is counted; the place of each is that of its column in [`COUNTS`].
#[derive(Clone, Copy, Debug)]
pub enum Count {
    Requests,
    Refused,
    Failed,
    Attempts,
    Unpriced,
    Estimated,
    /// Requests whose cost is known; and so on for the amounts: where it is 0, the amount is not known.
    Priced,
    Baselined,
    Saved,
    Reserving,
    Compared,
    /// Answers that failed their verification and were thrown away.
    Discarded,
    /// Requests of which it is known what they cost and what another tier would have.
    Verified,
}

/// The columns of counts.
pub const COUNTS: [&str; 13] = [
    "requests",
    "refused",
    "failed",
    "attempts",
    "unpriced",
    "estimated",
    "priced",
    "baselined",
    "saved",
    "reserving",
    "compared",
    "discarded",
    "verified",
];

/// What is added up; the place of each is that of its column in [`AMOUNTS`].
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    TokensIn,
    TokensCached,
    TokensWritten,
    TokensOut,
    TokensReasoning,
    Cost,
    Baseline,
    /// Baseline less cost, where both are known.
    Savings,
    Reserved,
    /// What the provider says and what we say, where both are known.
    ProviderCost,
    ComparedCost,
    /// What answers cost that were thrown away.
    Discarded,
    /// What the verified requests would have cost without a verification, on the tier that they escalate to, and what they
    /// did cost.
    Straight,
    VerifiedCost,
}

/// The columns of amounts: tokens, and pico-dollars.
pub const AMOUNTS: [&str; 14] = [
    "tokens_in",
    "tokens_cached",
    "tokens_written",
    "tokens_out",
    "tokens_reasoning",
    "cost_pico",
    "baseline_pico",
    "savings_pico",
    "reserved_pico",
    "provider_cost_pico",
    "compared_cost_pico",
    "discarded_pico",
    "straight_pico",
    "verified_cost_pico",
];

/// The columns of what was spent and what it would have cost otherwise, with what is not known of it.
pub const SPENT: [&str; 9] =
    ["requests", "unpriced", "estimated", "priced", "baselined", "saved", "cost_pico", "baseline_pico", "savings_pico"];

/// The columns of an entry that are added up, in the order in which [`Sums::of`] reads them.
pub const ADDED_UP: [&str; 19] = [
    "ending",
    "fault",
    "attempts",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "image",
    "output",
    "reasoning",
    "audio_output",
    "cost_pico",
    "baseline_pico",
    "usage_source",
    "total_us",
    "reserved_pico",
    "provider_cost_pico",
    "straight_pico",
];

/// The columns of an answer that was thrown away, and of its entry, in the order in which [`moved`] reads them. Who asks
/// names them `d` and `e`.
pub const MOVED: [&str; 13] = [
    "d.reason",
    "d.input",
    "d.cache_read",
    "d.cache_write_5m",
    "d.cache_write_1h",
    "d.audio_input",
    "d.image",
    "d.output",
    "d.reasoning",
    "d.audio_output",
    "d.cost_pico",
    "e.cost_pico",
    "e.baseline_pico",
];

/// What a set of entries adds up to. Amounts are in 128 bits: no sum overflows, whatever an upstream claims.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    pub counts: [i64; COUNTS.len()],
    pub amounts: [i128; AMOUNTS.len()],
    pub latencies: Latencies,
}

impl Sums {
    /// One entry, whose columns [`ADDED_UP`] begin at `first`.
    pub fn of(entry: &impl Fields, first: usize) -> Result<Self, LedgerError> {
        let whole = |place: usize| entry.whole(first + place);
        let tokens = |place: usize| Ok::<_, LedgerError>(i128::from(whole(place)?.unwrap_or(0).max(0)));
        let mut sums = Sums::default();
        let ending = entry.text(first)?;
        let failed = entry.text(first + 1)? == Some("upstream") || matches!(ending, Some("upstream_cut" | "stopped"));
        sums.count(Count::Requests, true);
        sums.count(Count::Failed, failed);
        sums.count(Count::Refused, ending == Some("refused") && !failed);
        sums.counts[Count::Attempts as usize] = whole(2)?.unwrap_or(0).max(0);
        sums.count(Count::Estimated, entry.text(first + 14)? == Some("estimated"));
        let [input, read, written_5m, written_1h, audio, image] =
            [tokens(3)?, tokens(4)?, tokens(5)?, tokens(6)?, tokens(7)?, tokens(8)?];
        let [output, reasoning, audio_output] = [tokens(9)?, tokens(10)?, tokens(11)?];
        sums.amounts[Amount::TokensIn as usize] = input + read + written_5m + written_1h + audio + image;
        sums.amounts[Amount::TokensCached as usize] = read;
        sums.amounts[Amount::TokensWritten as usize] = written_5m + written_1h;
        sums.amounts[Amount::TokensOut as usize] = output + reasoning + audio_output;
        sums.amounts[Amount::TokensReasoning as usize] = reasoning;
        let money = Money {
            cost: whole(12)?,
            baseline: whole(13)?,
            provider_cost: whole(17)?,
            straight: whole(18)?,
            used: whole(3)?.is_some(),
        };
        money.add_to(&mut sums);
        sums.add(Count::Reserving, Amount::Reserved, whole(16)?.map(i128::from));
        sums.latencies.add(whole(15)?.unwrap_or(0).max(0).unsigned_abs());
        Ok(sums)
    }

    fn count(&mut self, what: Count, is_so: bool) {
        self.counts[what as usize] += i64::from(is_so);
    }

    fn add(&mut self, known: Count, what: Amount, amount: Option<i128>) {
        self.count(known, amount.is_some());
        self.amounts[what as usize] += amount.unwrap_or(0);
    }

    /// Reads what was written, from the columns that begin at `first`: counts, amounts, latencies.
    pub fn read(row: &impl Fields, first: usize) -> Result<Self, LedgerError> {
        let mut sums = Sums::default();
        for (place, count) in sums.counts.iter_mut().enumerate() {
            *count = row.whole(first + place)?.unwrap_or(0);
        }
        for (place, amount) in sums.amounts.iter_mut().enumerate() {
            *amount = row.amount(first + COUNTS.len() + place)?;
        }
        sums.latencies.merge_written(row.bytes(first + COUNTS.len() + AMOUNTS.len())?);
        Ok(sums)
    }

    /// Both together.
    pub fn merge(&mut self, other: &Sums) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, other)| *count = count.saturating_add(other));
        self.amounts.iter_mut().zip(other.amounts).for_each(|(amount, other)| *amount = amount.saturating_add(other));
        self.latencies.merge(&other.latencies);
    }

    /// Whether nothing is counted and nothing added up.
    pub fn is_nothing(&self) -> bool {
        self.counts.iter().all(|count| *count == 0) && self.amounts.iter().all(|amount| *amount == 0)
    }

    /// What takes these sums away where it is added; durations are only ever added.
    pub fn negated(mut self) -> Self {
        self.counts.iter_mut().for_each(|count| *count = count.saturating_neg());
        self.amounts.iter_mut().for_each(|amount| *amount = amount.saturating_neg());
        self
    }

    /// How many.
    pub fn counted(&self, what: Count) -> u64 {
        self.counts[what as usize].max(0).unsigned_abs()
    }

    /// How much; `None` if it is known for none.
    pub fn amount(&self, known: Count, what: Amount) -> Option<i128> {
        (self.counted(known) > 0).then(|| self.amounts[what as usize])
    }

    /// The tokens of this kind.
    pub fn tokens(&self, what: Amount) -> u128 {
        self.amounts[what as usize].max(0).unsigned_abs()
    }
}

/// What an answer that was thrown away moves from the endpoint that answered in the end to its own: what is taken from the
/// sums of the entry, and what is added to its own.
///
/// The entry's sums hold what both used and cost. A cost that is known in part only stays where it is.
pub fn moved(row: &impl Fields, first: usize) -> Result<(Sums, Sums), LedgerError> {
    let whole = |place: usize| row.whole(first + place);
    let tokens = |place: usize| Ok::<_, LedgerError>(i128::from(whole(place)?.unwrap_or(0).max(0)));
    let mut own = Sums::default();
    own.amounts[Amount::TokensIn as usize] =
        tokens(1)? + tokens(2)? + tokens(3)? + tokens(4)? + tokens(5)? + tokens(6)?;
    own.amounts[Amount::TokensCached as usize] = tokens(2)?;
    own.amounts[Amount::TokensWritten as usize] = tokens(3)? + tokens(4)?;
    own.amounts[Amount::TokensOut as usize] = tokens(7)? + tokens(8)? + tokens(9)?;
    own.amounts[Amount::TokensReasoning as usize] = tokens(8)?;
    let mut taken = own.clone().negated();
    let (cost, whole_cost, baseline) = (whole(10)?, whole(11)?, whole(12)?);
    if let (Some(cost), Some(_)) = (cost, whole_cost) {
        let cost = i128::from(cost);
        own.add(Count::Priced, Amount::Cost, Some(cost));
        taken.amounts[Amount::Cost as usize] -= cost;
        if baseline.is_some() {
            own.add(Count::Saved, Amount::Savings, Some(-cost));
            taken.amounts[Amount::Savings as usize] += cost;
        }
    }
    if row.text(first)? != Some(ABANDONED) {
        own.count(Count::Discarded, true);
        own.amounts[Amount::Discarded as usize] = cost.unwrap_or(0).into();
    }
    Ok((taken, own))
}

/// What a restatement changes of an entry's sums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Money {
    pub cost: Option<i64>,
    pub baseline: Option<i64>,
    pub provider_cost: Option<i64>,
    pub straight: Option<i64>,
    /// Whether tokens were used: without a cost, the entry then is unpriced.
    pub used: bool,
}

impl Money {
    fn add_to(self, sums: &mut Sums) {
        let [cost, baseline, told] = [self.cost, self.baseline, self.provider_cost].map(|pico| pico.map(i128::from));
        sums.count(Count::Unpriced, cost.is_none() && self.used);
        sums.add(Count::Priced, Amount::Cost, cost);
        sums.add(Count::Baselined, Amount::Baseline, baseline);
        sums.add(Count::Saved, Amount::Savings, cost.zip(baseline).map(|(cost, baseline)| baseline - cost));
        let compared = told.zip(cost);
        sums.add(Count::Compared, Amount::ProviderCost, compared.map(|(told, _)| told));
        sums.amounts[Amount::ComparedCost as usize] += compared.map_or(0, |(_, ours)| ours);
        let verified = self.straight.map(i128::from).zip(cost);
        sums.add(Count::Verified, Amount::Straight, verified.map(|(straight, _)| straight));
        sums.amounts[Amount::VerifiedCost as usize] += verified.map_or(0, |(_, cost)| cost);
    }

    /// What has to be added to sums that hold `self`, so that they hold `new` in its place.
    pub fn replaced_by(self, new: Money) -> Sums {
        let mut old = Sums::default();
        self.add_to(&mut old);
        let mut change = old.negated();
        new.add_to(&mut change);
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_money_and_adding_it_anew_come_to_the_same() {
        let old = Money { cost: Some(7), baseline: Some(20), provider_cost: Some(8), straight: Some(9), used: true };
        for new in [
            Money { cost: None, ..old },
            Money { cost: Some(9), baseline: None, ..old },
            Money { provider_cost: None, ..old },
        ] {
            let (mut before, mut after) = (Sums::default(), Sums::default());
            old.add_to(&mut before);
            new.add_to(&mut after);
            before.merge(&old.replaced_by(new));
            assert_eq!(before, after);
        }
    }
}
