//! Spend, savings and counts, by whoever wants to know.
//!
//! A report adds up days, hours at the edges of its period, entries at the edges of those, and entries that are not in
//! the rollups yet: it reads little and is exact to the last entry. Sums are in 128 bits, so they neither overflow nor
//! round, whatever an upstream claimed to have used.

use serde::Serialize;

use super::cell::{DAY, HOUR};
use super::period::Period;
use super::sums::{Amount, Count, Sums};
use crate::domain::{Dimension, Pico};

pub(super) mod database;
pub(super) mod file;
pub(super) mod gather;
pub(super) mod plan;
pub mod stages;

/// What entries are put together by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// The person.
    Engineer,
    /// The person's team.
    Team,
    /// What the work is for.
    Feature,
    /// The tool that sent it.
    App,
    /// The tier that was chosen.
    Tier,
    /// The model that answered.
    Model,
    /// The rule that decided.
    Rule,
    /// The key's name.
    Key,
    /// The endpoint that answered.
    Endpoint,
    /// The branch that the work is done on.
    Branch,
    /// The pull request that the work is for.
    Pr,
    /// Whether another tier answered than the rule's.
    Escalated,
    /// The day of arrival, in UTC.
    Day,
    /// The hour of arrival, in UTC.
    Hour,
}

impl GroupBy {
    /// Every one, in the order of the documentation.
    pub const ALL: &'static [GroupBy] = &[
        GroupBy::Engineer,
        GroupBy::Team,
        GroupBy::Feature,
        GroupBy::App,
        GroupBy::Tier,
        GroupBy::Model,
        GroupBy::Rule,
        GroupBy::Key,
        GroupBy::Endpoint,
        GroupBy::Branch,
        GroupBy::Pr,
        GroupBy::Escalated,
        GroupBy::Day,
        GroupBy::Hour,
    ];

    /// The word's meaning; `None` if it is none of them.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|by| by.as_str() == word)
    }

    /// The word, in arguments and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupBy::Engineer => "engineer",
            GroupBy::Team => "team",
            GroupBy::Feature => "feature",
            GroupBy::App => "app",
            GroupBy::Tier => "tier",
            GroupBy::Model => "model",
            GroupBy::Rule => "rule",
            GroupBy::Key => "key",
            GroupBy::Endpoint => "endpoint",
            GroupBy::Branch => "branch",
            GroupBy::Pr => "pr",
            GroupBy::Escalated => "escalated",
            GroupBy::Day => "day",
            GroupBy::Hour => "hour",
        }
    }

    /// The column of the rollups; `None`: a time.
    fn dimension(self) -> Option<&'static str> {
        match self {
            GroupBy::Pr => Some("pull_request"),
            GroupBy::Day | GroupBy::Hour => None,
            other => Some(other.as_str()),
        }
    }

    /// How long a time it is; `None`: it is none.
    fn span(self) -> Option<i64> {
        match self {
            GroupBy::Day => Some(DAY),
            GroupBy::Hour => Some(HOUR),
            _ => None,
        }
    }
}

/// Which entries count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// From when to when they arrived.
    pub period: Period,
    /// Values that they must have.
    pub equal: Vec<(GroupBy, String)>,
}

/// What was spent, by whom: the part of a report that budgets begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spent {
    /// Entries that arrived from then on count.
    pub since_millis: i64,
    /// Of these, those that ended before.
    pub ended_before_micros: i64,
}

impl Spent {
    /// The longest that a request takes: one that arrived earlier than this before the end has ended.
    const LONGEST_MILLIS: i64 = 6 * HOUR;

    /// What of entries is added up before those that ended too late are taken away.
    pub fn filter(self) -> Filter {
        let period = Period { since_millis: Some(self.since_millis), until_millis: None };
        Filter { period, equal: Vec::new() }
    }

    /// From when on an entry that ended too late can have arrived.
    pub fn first_late_millis(self) -> i64 {
        (self.ended_before_micros / 1000).saturating_sub(Self::LONGEST_MILLIS).max(self.since_millis)
    }

    /// What lines are put together by.
    pub fn by(whose: Dimension) -> Option<GroupBy> {
        match whose {
            Dimension::All => None,
            Dimension::Key => Some(GroupBy::Key),
            Dimension::Engineer => Some(GroupBy::Engineer),
            Dimension::Team => Some(GroupBy::Team),
            Dimension::Feature => Some(GroupBy::Feature),
            Dimension::Endpoint => Some(GroupBy::Endpoint),
        }
    }
}

/// What a group of entries adds up to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Totals {
    /// Requests.
    pub requests: u64,
    /// Requests that were not answered, for a reason of the caller's or ours.
    pub refused: u64,
    /// Requests that an upstream failed to answer, or whose answer broke off or was stopped.
    pub failed: u64,
    /// Tries at endpoints.
    pub attempts: u64,
    /// Prompt tokens, cached ones included.
    pub tokens_in: u128,
    /// Prompt tokens that were read from the provider's cache.
    pub tokens_cached: u128,
    /// Answer tokens, reasoning included.
    pub tokens_out: u128,
    /// What was spent, in USD, over the requests for which it is known; `None`: it is known for none.
    #[serde(rename = "cost_usd")]
    pub cost: Option<Pico>,
    /// What the baseline tier would have cost, in USD, over the requests for which it is known; `None`: for none.
    #[serde(rename = "baseline_usd")]
    pub baseline: Option<Pico>,
    /// Baseline less cost, in USD, over the requests for which both are known; `None`: for none.
    #[serde(rename = "savings_usd")]
    pub savings: Option<Pico>,
    /// Requests that used tokens whose price is not known: their cost is missing above.
    pub unpriced: u64,
    /// Requests whose tokens we counted because the provider did not say.
    pub estimated: u64,
    /// Half of the requests took no longer than this, in milliseconds, to 3.2 %.
    pub median_ms: u64,
    /// 95 of 100 requests took no longer than this, in milliseconds, to 3.2 %.
    pub p95_ms: u64,
    /// Prompt tokens that were written to the provider's cache.
    pub tokens_written: u128,
    /// Tokens of reasoning.
    pub tokens_reasoning: u128,
    /// What was reserved before asking, in USD; `None`: nothing.
    #[serde(rename = "reserved_usd")]
    pub reserved: Option<Pico>,
    /// Requests whose cost both the provider and we tell.
    pub compared: u64,
    /// What providers say that those cost, in USD; `None`: there are none.
    #[serde(rename = "provider_cost_usd")]
    pub provider_cost: Option<Pico>,
    /// What providers say less what we say, in USD, over those requests; `None`: there are none.
    #[serde(rename = "drift_usd")]
    pub drift: Option<Pico>,
    /// Answers that failed their verification and were thrown away.
    pub discarded: u64,
    /// What those cost, in USD, which is part of the cost above; `None`: there are none.
    #[serde(rename = "discarded_usd")]
    pub discarded_cost: Option<Pico>,
    /// Verified requests of which it is known what they cost and what the tier would have that they escalate to.
    pub verified: u64,
    /// What those cost, in USD, answers that were thrown away included; `None`: there are none.
    #[serde(rename = "verified_usd")]
    pub verified_cost: Option<Pico>,
    /// What they would have cost, had they gone straight to the tier that they escalate to, in USD; `None`: there are none.
    #[serde(rename = "straight_usd")]
    pub straight: Option<Pico>,
}

impl From<&Sums> for Totals {
    fn from(sums: &Sums) -> Self {
        let pico = |known, what| sums.amount(known, what).map(Pico::new);
        let provider_cost = pico(Count::Compared, Amount::ProviderCost);
        let compared_cost = pico(Count::Compared, Amount::ComparedCost);
        Totals {
            requests: sums.counted(Count::Requests),
            refused: sums.counted(Count::Refused),
            failed: sums.counted(Count::Failed),
            attempts: sums.counted(Count::Attempts),
            tokens_in: sums.tokens(Amount::TokensIn),
            tokens_cached: sums.tokens(Amount::TokensCached),
            tokens_out: sums.tokens(Amount::TokensOut),
            cost: pico(Count::Priced, Amount::Cost),
            baseline: pico(Count::Baselined, Amount::Baseline),
            savings: pico(Count::Saved, Amount::Savings),
            unpriced: sums.counted(Count::Unpriced),
            estimated: sums.counted(Count::Estimated),
            median_ms: sums.latencies.quantile(50) / 1000,
            p95_ms: sums.latencies.quantile(95) / 1000,
            tokens_written: sums.tokens(Amount::TokensWritten),
            tokens_reasoning: sums.tokens(Amount::TokensReasoning),
            reserved: pico(Count::Reserving, Amount::Reserved),
            compared: sums.counted(Count::Compared),
            provider_cost,
            drift: provider_cost.zip(compared_cost).map(|(theirs, ours)| theirs - ours),
            discarded: sums.counted(Count::Discarded),
            discarded_cost: pico(Count::Discarded, Amount::Discarded),
            verified: sums.counted(Count::Verified),
            verified_cost: pico(Count::Verified, Amount::VerifiedCost),
            straight: pico(Count::Verified, Amount::Straight),
        }
    }
}

/// One line of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What its entries have in common, in the order in which it was asked for; `None`: the entries say nothing of it.
    pub keys: Vec<Option<String>>,
    /// What they add up to.
    pub totals: Totals,
}

/// A report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Put together by one thing, the dearest first; by times or by several, in their order.
    pub lines: Vec<Line>,
    /// All lines together.
    pub total: Totals,
    /// The period that was added up, where it is not the one that was asked for: of the time before entries were deleted
    /// only whole hours are known.
    pub widened: Option<Period>,
    /// Entries of this replica that are in the report and not in PostgreSQL yet.
    pub unshipped: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::{Ending, Entry};
    use super::super::insert::{Scratch, insert};
    use super::super::query::Reader;
    use super::super::restate::{self, Restated};
    use super::super::{file, rollup, sample, settings::Settings};
    use super::*;
    use crate::domain::{Fault, Label, Usage, UsageSource};

    fn reader(entries: &[Entry]) -> (tempfile::TempDir, Reader) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::at(folder.path().join("ledger.db"));
        file::create(&settings.path).unwrap();
        let connection = file::connect(&settings).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for entry in entries {
            assert!(insert(&connection, entry, &mut Scratch::default()).unwrap());
        }
        connection.execute_batch("COMMIT").unwrap();
        let reader = Reader::open(&settings.path).unwrap();
        (folder, reader)
    }

    fn report(entries: &[Entry], by: &[GroupBy]) -> Report {
        reader(entries).1.report(&Filter::default(), by).unwrap()
    }

    #[test]
    fn refused_failed_unpriced_and_estimated_are_counted_apart() {
        let cut = Entry { ending: Ending::UpstreamCut, fault: Some(Fault::Upstream), ..sample::full(3) };
        let unreachable = Entry { ending: Ending::Refused, fault: Some(Fault::Upstream), ..sample::refused(4) };
        let unpriced = Entry { cost: None, usage_source: Some(UsageSource::Estimated), ..sample::full(5) };
        let total = report(&[sample::full(1), sample::refused(2), cut, unreachable, unpriced], &[]).total;
        assert_eq!((total.requests, total.refused, total.failed, total.attempts), (5, 1, 2, 6));
        assert_eq!((total.unpriced, total.estimated), (1, 1));
        assert_eq!((total.tokens_in, total.tokens_cached, total.tokens_out), (6000, 2400, 1050));
        assert_eq!(total.cost, Some(Pico::new(2 * 910_000_001)));
        assert_eq!(total.baseline, Some(Pico::new(3 * 4_400_000_000)));
        assert_eq!(total.savings, Some(Pico::new(2 * (4_400_000_000 - 910_000_001))), "only where both are known");
    }

    #[test]
    fn several_keys_are_ordered_by_themselves_and_one_by_what_it_costs() {
        let dear = Entry { cost: Some(Pico::new(1 << 60)), team: Label::parse("a-team"), ..sample::full(1) };
        let tomorrow = Entry { at_millis: sample::MIDNIGHT + 86_400_000, ..sample::full(2) };
        let entries = [sample::refused(3), tomorrow, sample::full(4), dear];
        let keys = |by: &[GroupBy]| {
            let lines = report(&entries, by).lines.into_iter();
            lines
                .map(|line| line.keys.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("/"))
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&[GroupBy::Team]), ["a-team", "payments", ""]);
        assert_eq!(
            keys(&[GroupBy::Team, GroupBy::Day]),
            ["/2026-11-22", "a-team/2026-11-22", "payments/2026-11-22", "payments/2026-11-23"]
        );
    }

    #[test]
    fn a_filter_takes_a_half_open_period_and_exact_values() {
        let entries: Vec<Entry> = (0..10).map(sample::full).collect();
        let (_folder, reader) = reader(&entries);
        let at = |number: i64| Some(sample::MIDNIGHT as i64 + number);
        let count = |since_millis, until_millis, equal: &[(GroupBy, &str)]| {
            let equal = equal.iter().map(|(by, value)| (*by, (*value).to_owned())).collect();
            let filter = Filter { period: Period { since_millis, until_millis }, equal };
            reader.report(&filter, &[]).unwrap().total.requests
        };
        assert_eq!(count(None, None, &[]), 10);
        assert_eq!(count(at(2), at(5), &[]), 3);
        assert_eq!(count(None, None, &[(GroupBy::Team, "payments"), (GroupBy::Model, "gpt-5-mini")]), 10);
        assert_eq!(count(None, None, &[(GroupBy::Team, "pay' OR 1=1")]), 0);
    }

    #[test]
    fn an_upstream_that_claims_absurd_usage_does_not_break_the_sums() {
        let absurd = Usage { input: u64::MAX, cache_read: u64::MAX, output: u64::MAX, ..Usage::default() };
        let entry = |number| Entry { usage: Some(absurd), cost: Some(Pico::new(i128::MAX)), ..sample::full(number) };
        let total = report(&[entry(1), entry(2), entry(3)], &[GroupBy::Tier]).total;
        assert_eq!(total.tokens_in, 6 * i64::MAX as u128);
        assert_eq!(total.cost, Some(Pico::new(3 * i128::from(i64::MAX))));
    }

    /// Rolls up some of the entries: the rest is what came since.
    fn roll(folder: &tempfile::TempDir, steps: &[usize]) {
        let mut connection = file::connect(&Settings::at(folder.path().join("ledger.db"))).unwrap();
        for at_most in steps {
            rollup::add_next(&mut connection, *at_most).unwrap();
        }
    }

    #[derive(Clone, Debug)]
    struct Sketch {
        minute: u64,
        team: Option<u8>,
        branch: Option<u8>,
        cost: Option<i64>,
        told: Option<i64>,
        total_us: u64,
        failed: bool,
        /// What an answer cost that was thrown away, if one was.
        thrown: Option<Option<i64>>,
    }

    fn sketch() -> impl Strategy<Value = Sketch> {
        let label = || prop::option::of(0..3_u8);
        let cost = || prop::option::of(prop_oneof![0..2_000_000_000_i64, Just(i64::MAX)]);
        let thrown = prop::option::of(prop::option::of(0..2_000_000_000_i64));
        (0..4 * 1440_u64, label(), label(), cost(), cost(), 0..90_000_000_u64, any::<bool>(), thrown).prop_map(
            |(minute, team, branch, cost, told, total_us, failed, thrown)| Sketch {
                minute,
                team,
                branch,
                cost,
                told,
                total_us,
                failed,
                thrown,
            },
        )
    }

    fn entry(number: u64, some: &Sketch) -> Entry {
        Entry {
            at_millis: sample::MIDNIGHT + some.minute * 60_000,
            team: some.team.and_then(|team| Label::parse(&format!("team-{team}"))),
            branch: some.branch.and_then(|branch| Label::parse(&format!("b/{branch}"))),
            cost: some.cost.map(|cost| Pico::new(cost.into())),
            provider_cost: some.told.map(|cost| Pico::new(cost.into())),
            total_us: some.total_us,
            ending: if some.failed { Ending::UpstreamCut } else { Ending::Complete },
            ..some.thrown.map_or_else(|| sample::full(number), |cost| sample::escalated(number, cost.map(Into::into)))
        }
    }

    fn words() -> impl Strategy<Value = Vec<GroupBy>> {
        prop::sample::subsequence(GroupBy::ALL.to_vec(), 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_report_from_sums_is_the_report_from_entries(
            some in prop::collection::vec(sketch(), 1..60),
            steps in prop::collection::vec(1..30_usize, 0..4),
            since in prop::option::of(0..4 * 1440_i64),
            until in prop::option::of(0..5 * 1440_i64),
            by in words(),
            team in prop::option::of(0..3_u8),
        ) {
            let entries: Vec<Entry> = (0..).zip(&some).map(|(number, some)| entry(number, some)).collect();
            let (folder, reader) = reader(&entries);
            let at = |minute: i64| sample::MIDNIGHT as i64 + minute * 60_000;
            let period = Period { since_millis: since.map(at), until_millis: until.map(at) };
            let equal = team.map(|team| (GroupBy::Team, format!("team-{team}"))).into_iter().collect();
            let filter = Filter { period, equal };
            let from_entries = reader.report(&filter, &by).unwrap();
            roll(&folder, &steps);
            let rolled = reader.report(&filter, &by).unwrap();
            prop_assert_eq!(&rolled, &from_entries);
            // And both are what the entries say.
            let counts = |some: &&Sketch| {
                let minute = some.minute as i64;
                since.is_none_or(|since| minute >= since) && until.is_none_or(|until| minute < until)
                    && team.is_none_or(|team| some.team == Some(team))
            };
            let counted: Vec<&Sketch> = some.iter().filter(counts).collect();
            let cost: i128 = counted.iter().filter_map(|some| some.cost).map(i128::from).sum();
            let both = || counted.iter().filter_map(|some| some.told.zip(some.cost));
            let drift: i128 = both().map(|(told, ours)| i128::from(told) - i128::from(ours)).sum();
            let total = rolled.total;
            prop_assert_eq!(total.requests, counted.len() as u64);
            prop_assert_eq!(total.failed, counted.iter().filter(|some| some.failed).count() as u64);
            prop_assert_eq!(total.cost.unwrap_or_default(), Pico::new(cost));
            prop_assert_eq!(total.drift, (both().count() > 0).then(|| Pico::new(drift)));
            let mut durations: Vec<u64> = counted.iter().map(|some| some.total_us / 1000).collect();
            durations.sort_unstable();
            if let Some(median) = durations.len().checked_sub(1).map(|last| durations[last / 2]) {
                prop_assert!(total.median_ms.abs_diff(median) <= median / 31 + 1, "{} {median}", total.median_ms);
            }
        }
    }

    #[test]
    fn what_was_spent_until_a_moment_leaves_out_what_ended_later() {
        let entries: Vec<Entry> = (0..200)
            .map(|number| Entry {
                at_millis: sample::MIDNIGHT + number * 120_000,
                team: (number % 3 > 0).then(|| Label::parse(&format!("team-{}", number % 3))).flatten(),
                cost: (number % 7 > 0).then(|| Pico::new(i128::from(number) + 1)),
                total_us: number * 7_000_000 % 900_000_000,
                ..sample::full(number)
            })
            .collect();
        let (folder, reader) = reader(&entries);
        let since = sample::MIDNIGHT + 45 * 60_000;
        for (steps, minutes) in [(0, 200), (90, 200), (90, 390), (200, 300)] {
            roll(&folder, &[steps]);
            let ended_before = (sample::MIDNIGHT + minutes * 60_000) * 1000;
            let spent = Spent { since_millis: since as i64, ended_before_micros: ended_before as i64 };
            let mut found = reader.spent(spent, &[GroupBy::Team]).unwrap().lines;
            found.sort_by(|one, other| one.keys.cmp(&other.keys));
            let found: Vec<_> = found.into_iter().map(|line| (line.keys[0].clone(), line.totals.cost)).collect();
            let counts =
                |entry: &&Entry| entry.at_millis >= since && entry.at_millis * 1000 + entry.total_us < ended_before;
            let cost = |team: Option<&str>| -> Pico {
                let of_team = |entry: &&Entry| entry.team.as_ref().map(|team| team.as_str()) == team;
                entries.iter().filter(counts).filter(of_team).filter_map(|entry| entry.cost).sum()
            };
            let expected =
                [None, Some("team-1"), Some("team-2")].map(|team| (team.map(str::to_owned), Some(cost(team))));
            assert_eq!(found, expected, "{steps} {minutes}");
        }
    }

    #[test]
    fn a_thrown_away_answer_stands_with_the_endpoint_that_gave_it() {
        let entries: Vec<Entry> = (0..10).map(|number| sample::escalated(number, Some(1_000))).collect();
        let (folder, reader) = reader(&entries);
        let cost = 910_000_001;
        for rolled in [false, true] {
            if rolled {
                roll(&folder, &[7]);
            }
            let by = |by| reader.report(&Filter::default(), &[by]).unwrap();
            let lines: Vec<_> = by(GroupBy::Endpoint)
                .lines
                .into_iter()
                .map(|line| (line.keys[0].clone().unwrap(), line.totals))
                .map(|(name, t)| {
                    (name, t.requests, t.discarded, t.cost.unwrap().get(), t.tokens_in, t.savings.unwrap().get())
                })
                .collect();
            let saved = 4_400_000_000 - cost;
            assert_eq!(lines[0], ("mini".to_owned(), 10, 0, 10 * (cost - 1_000), 10 * 1_993, 10 * (saved + 1_000)));
            assert_eq!(lines[1], ("tiny".to_owned(), 0, 10, 10 * 1_000, 10 * 7, 10 * -1_000));
            let rule = by(GroupBy::Rule);
            let t = &rule.lines[0].totals;
            assert_eq!((t.requests, t.discarded, t.cost), (10, 10, Some(Pico::new(10 * cost))));
            assert_eq!((t.discarded_cost, t.savings), (Some(Pico::new(10_000)), Some(Pico::new(10 * saved))));
            assert_eq!((t.verified, t.verified_cost, t.straight), (10, t.cost, Some(Pico::new(10 * 900_000_000))));
            let equal = vec![(GroupBy::Endpoint, "tiny".to_owned())];
            let tiny = reader.report(&Filter { equal, ..Filter::default() }, &[]).unwrap().total;
            assert_eq!((tiny.requests, tiny.cost), (0, Some(Pico::new(10_000))));
        }
        let kept = reader.by_id(sample::id(3)).unwrap().unwrap();
        assert_eq!(
            (kept["attempts"][0]["verdict"].clone(), kept["attempts"][0]["failed_check"].clone()),
            ("failed".into(), "json".into())
        );
        assert_eq!(
            (kept["discarded"][0]["of_endpoint"].clone(), kept["discarded"][0]["cost_pico"].clone()),
            ("tiny".into(), 1_000.into())
        );
    }

    #[test]
    fn the_parts_of_a_request_are_priced_again_each_by_itself() {
        let unpriced = |number| Entry { cost: None, ..sample::escalated(number, None) };
        let entries: Vec<Entry> = (0..6)
            .map(|number| if number == 5 { unpriced(5) } else { sample::escalated(number, Some(1_000)) })
            .collect();
        let (folder, reader) = reader(&entries);
        roll(&folder, &[4]);
        let used = reader.used(Period::default(), None, None, 100).unwrap();
        assert_eq!(used.len(), 12, "two answers each");
        let tokens = |model: &str| {
            let of_model = used.iter().filter(|used| used.model.as_deref() == Some(model));
            of_model.map(|used| (used.usage.input, used.cost.map(Pico::get))).collect::<Vec<_>>()
        };
        assert_eq!(tokens("tiny-model")[0], (7, Some(1_000)));
        assert_eq!(tokens("gpt-5-mini")[0], (1_193, Some(910_000_001 - 1_000)));
        let page = reader.used(Period::default(), Some("tiny-model"), None, 4).unwrap();
        let next = reader.used(Period::default(), Some("tiny-model"), page.last(), 4).unwrap();
        assert_eq!((page.len(), next.len()), (4, 2));
        let restated: Vec<Restated> = used
            .iter()
            .map(|used| Restated {
                id: used.id,
                place: used.place,
                cost: Some(Pico::new(if used.model.as_deref() == Some("tiny-model") { 50 } else { 7_000 })),
                price_version: "later".into(),
            })
            .collect();
        let path = folder.path().join("ledger.db");
        assert_eq!(restate::in_file(&path, &restated).unwrap(), 12);
        assert_eq!(restate::in_file(&path, &restated).unwrap(), 0, "they say so already");
        let by_model = || reader.report(&Filter::default(), &[GroupBy::Model]).unwrap();
        let rolled = by_model();
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("DELETE FROM rollup_hours; DELETE FROM rollup_days; DELETE FROM ledger_meta").unwrap();
        assert_eq!(rolled, by_model());
        let costs: Vec<_> = rolled.lines.iter().map(|line| line.totals.cost.map(Pico::get)).collect();
        assert_eq!(costs, [Some(6 * 7_000), Some(6 * 50)]);
        assert_eq!(reader.by_id(sample::id(5)).unwrap().unwrap()["cost_pico"], 7_050);
    }

    #[test]
    fn restating_changes_entries_and_sums_alike() {
        let entries: Vec<Entry> = (0..40).map(sample::full).collect();
        let (folder, reader) = reader(&entries);
        roll(&folder, &[25]);
        let restated: Vec<Restated> = (0..40)
            .step_by(3)
            .map(|number| Restated {
                place: None,
                id: sample::id(number),
                cost: (number % 2 == 0).then(|| Pico::new(number.into())),
                price_version: "later".into(),
            })
            .chain([Restated { id: sample::id(999), place: None, cost: None, price_version: "later".into() }])
            .collect();
        let path = folder.path().join("ledger.db");
        assert_eq!(restate::in_file(&path, &restated).unwrap(), 14);
        assert_eq!(restate::in_file(&path, &restated).unwrap(), 0, "they say so already");
        let rolled = reader.report(&Filter::default(), &[GroupBy::Team]).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("DELETE FROM rollup_hours; DELETE FROM rollup_days; DELETE FROM ledger_meta").unwrap();
        let from_entries = reader.report(&Filter::default(), &[GroupBy::Team]).unwrap();
        assert_eq!(rolled, from_entries);
        let even: u64 = (0..40).step_by(6).sum();
        assert_eq!(rolled.total.cost, Some(Pico::new(26 * 910_000_001 + i128::from(even))));
        assert_eq!(rolled.total.unpriced, 7);
        let kept = reader.by_id(sample::id(3)).unwrap().unwrap();
        assert_eq!(kept["first_cost_pico"], 910_000_001);
        assert_eq!(kept["first_price_version"], "genai-prices 0.2.1");
        assert_eq!(
            (kept["cost_pico"].clone(), kept["price_version"].clone()),
            (serde_json::Value::Null, "later".into())
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_lines_add_up_to_the_entries_exactly(
            rows in prop::collection::vec((0..4_u8, prop::option::of(0..i64::MAX), prop::option::of(0..i64::MAX)), 1..40),
        ) {
            let entries: Vec<Entry> = (0..).zip(&rows).map(|(number, (team, cost, baseline))| Entry {
                team: Label::parse(&format!("team-{team}")),
                cost: cost.map(|cost| Pico::new(cost.into())),
                baseline: baseline.map(|baseline| Pico::new(baseline.into())),
                ..sample::full(number)
            }).collect();
            let report = report(&entries, &[GroupBy::Team]);
            let lines = |amount: &dyn Fn(&Totals) -> Option<Pico>| report.lines.iter().filter_map(|line| amount(&line.totals)).sum::<Pico>();
            let costs: i128 = rows.iter().filter_map(|row| row.1).map(i128::from).sum();
            let baselines: i128 = rows.iter().filter_map(|row| row.2).map(i128::from).sum();
            let both = rows.iter().filter_map(|row| row.1.zip(row.2));
            let savings: i128 = both.map(|(cost, baseline)| i128::from(baseline) - i128::from(cost)).sum();
            let total = &report.total;
            prop_assert_eq!(lines(&|t| t.cost), Pico::new(costs));
            prop_assert_eq!(lines(&|t| t.baseline), Pico::new(baselines));
            prop_assert_eq!(lines(&|t| t.savings), Pico::new(savings));
            prop_assert_eq!(total.cost.unwrap_or_default(), Pico::new(costs));
            prop_assert_eq!(total.savings.unwrap_or_default(), Pico::new(savings));
            prop_assert_eq!(total.cost.is_some(), rows.iter().any(|row| row.1.is_some()));
            prop_assert_eq!(report.total.unpriced, rows.iter().filter(|row| row.1.is_none()).count() as u64);
            prop_assert_eq!(report.total.requests, rows.len() as u64);
        }
    }
}
