//! Spend, savings and counts, by whoever wants to know.
//!
//! The rows are added up here and not in SQL: sums in 128 bits neither overflow nor round, whatever an upstream claimed
//! to have used, and medians come with them in the one pass. Nothing is held for an entry but its duration.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use serde::Serialize;

use super::file::LedgerError;
use super::period::Period;
use super::query::Reader;
use crate::domain::Pico;

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
    /// The day of arrival, in UTC.
    Day,
    /// The hour of arrival, in UTC.
    Hour,
    /// The branch that the work is done on.
    Branch,
    /// The pull request that the work is for.
    Pr,
    /// Whether another tier answered than the rule's.
    Escalated,
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
        GroupBy::Day,
        GroupBy::Hour,
        GroupBy::Branch,
        GroupBy::Pr,
        GroupBy::Escalated,
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
            GroupBy::Day => "day",
            GroupBy::Hour => "hour",
            GroupBy::Branch => "branch",
            GroupBy::Pr => "pr",
            GroupBy::Escalated => "escalated",
        }
    }

    /// What gives it, as text, in SQL.
    fn sql(self) -> &'static str {
        match self {
            GroupBy::Hour => "strftime('%Y-%m-%dT%H:00:00Z', at_millis / 1000, 'unixepoch')",
            GroupBy::Pr => "pull_request",
            // A tier that could not take the request handed it on, or none of its endpoints answered.
            GroupBy::Escalated => {
                "CASE WHEN decision IS NULL THEN NULL \
                 WHEN tier IS NOT json_extract(decision, '$.tier') \
                 OR instr(decision, '\"reason\":\"escalated\"') > 0 THEN 'yes' ELSE 'no' END"
            }
            column => column.as_str(),
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
    /// Half of the requests took no longer than this, in milliseconds.
    pub median_ms: u64,
    /// 95 of 100 requests took no longer than this, in milliseconds.
    pub p95_ms: u64,
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Put together by one thing, the dearest first; by days or by several, in their order.
    pub lines: Vec<Line>,
    /// All lines together.
    pub total: Totals,
}

/// The columns after the keys, in the order in which [`Group::add`] reads them.
const COLUMNS: &str = "ending, fault, attempts, input, cache_read, cache_write_5m, cache_write_1h, audio_input, image, \
                       output, reasoning, audio_output, cost_pico, baseline_pico, usage_source, total_us";

impl Reader {
    /// Adds up the entries that count, by all of `by` together; with none, in one line.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn report(&self, filter: &Filter, by: &[GroupBy]) -> Result<Report, LedgerError> {
        let keys: String = by.iter().map(|by| format!("{}, ", by.sql())).collect();
        let (condition, values) = condition(filter);
        let sql = format!("SELECT {keys}{COLUMNS} FROM entries WHERE {condition}");
        let mut statement = self.connection().prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut groups: HashMap<Vec<u8>, Group> = HashMap::new();
        let mut name = Vec::new();
        while let Some(row) = rows.next()? {
            write_name(&mut name, row, by.len())?;
            match groups.get_mut(name.as_slice()) {
                Some(group) => group.add(row)?,
                None => groups.entry(name.clone()).or_insert(Group::of(row, by.len())?).add(row)?,
            }
        }
        Ok(in_order(groups.into_values().collect(), by))
    }
}

fn condition(filter: &Filter) -> (String, Vec<Value>) {
    let Period { since_millis, until_millis } = filter.period;
    let since = since_millis.map(|since| ("at_millis >= ?".to_owned(), since.into()));
    let until = until_millis.map(|until| ("at_millis < ?".to_owned(), until.into()));
    let equal = filter.equal.iter().map(|(by, value)| (format!("{} = ?", by.sql()), value.clone().into()));
    let (mut conditions, values): (Vec<String>, Vec<Value>) = since.into_iter().chain(until).chain(equal).unzip();
    conditions.push("true".into());
    (conditions.join(" AND "), values)
}

/// Writes the group's name into `name`: its keys, each with its length, so that no two groups share a name.
fn write_name(name: &mut Vec<u8>, row: &Row<'_>, keys: usize) -> rusqlite::Result<()> {
    name.clear();
    for place in 0..keys {
        let key = row.get_ref(place)?.as_str_or_null()?;
        name.extend(key.map_or(u64::MAX, |key| key.len() as u64).to_le_bytes());
        name.extend(key.unwrap_or_default().as_bytes());
    }
    Ok(())
}

/// A line that is being added up.
struct Group {
    line: Line,
    durations_us: Vec<u64>,
}

impl Group {
    fn of(row: &Row<'_>, keys: usize) -> rusqlite::Result<Self> {
        let keys = (0..keys).map(|place| row.get(place)).collect::<rusqlite::Result<_>>()?;
        Ok(Self { line: Line { keys, totals: Totals::default() }, durations_us: Vec::new() })
    }

    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let first = self.line.keys.len();
        let word = |place: usize| Ok::<_, rusqlite::Error>(row.get_ref(first + place)?.as_str_or_null()?);
        let whole = |place: usize| row.get::<_, Option<i64>>(first + place);
        let tokens = |places: std::ops::Range<usize>| {
            places.map(|place| Ok(whole(place)?.unwrap_or(0).max(0) as u128)).sum::<rusqlite::Result<u128>>()
        };
        let totals = &mut self.line.totals;
        let (ending, fault) = (word(0)?, word(1)?);
        let failed = fault == Some("upstream") || matches!(ending, Some("upstream_cut" | "stopped"));
        let (cost, baseline) = (whole(12)?.map(pico), whole(13)?.map(pico));
        totals.requests += 1;
        totals.failed += u64::from(failed);
        totals.refused += u64::from(ending == Some("refused") && !failed);
        totals.attempts += whole(2)?.unwrap_or(0).max(0) as u64;
        totals.tokens_in += tokens(3..9)?;
        totals.tokens_cached += tokens(4..5)?;
        totals.tokens_out += tokens(9..12)?;
        totals.cost = sum(totals.cost, cost);
        totals.baseline = sum(totals.baseline, baseline);
        totals.savings = sum(totals.savings, cost.zip(baseline).map(|(cost, baseline)| baseline - cost));
        totals.unpriced += u64::from(cost.is_none() && whole(3)?.is_some());
        totals.estimated += u64::from(word(14)? == Some("estimated"));
        self.durations_us.push(whole(15)?.unwrap_or(0).max(0) as u64);
        Ok(())
    }

    fn finished(&mut self) -> Line {
        self.line.totals.set_durations(&mut self.durations_us);
        self.line.clone()
    }
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.requests += other.requests;
        self.refused += other.refused;
        self.failed += other.failed;
        self.attempts += other.attempts;
        self.tokens_in += other.tokens_in;
        self.tokens_cached += other.tokens_cached;
        self.tokens_out += other.tokens_out;
        self.cost = sum(self.cost, other.cost);
        self.baseline = sum(self.baseline, other.baseline);
        self.savings = sum(self.savings, other.savings);
        self.unpriced += other.unpriced;
        self.estimated += other.estimated;
    }

    fn set_durations(&mut self, durations_us: &mut [u64]) {
        self.median_ms = quantile(durations_us, 50) / 1000;
        self.p95_ms = quantile(durations_us, 95) / 1000;
    }
}

/// The smallest value that `percent` of 100 values do not exceed; 0 if there are none.
fn quantile(values: &mut [u64], percent: usize) -> u64 {
    let rank = (values.len() * percent).div_ceil(100);
    let Some(place) = rank.checked_sub(1) else { return 0 };
    *values.select_nth_unstable(place).1
}

/// The sum of what is known.
fn sum(a: Option<Pico>, b: Option<Pico>) -> Option<Pico> {
    a.into_iter().chain(b).reduce(|a, b| a + b)
}

fn pico(amount: i64) -> Pico {
    Pico::new(amount.into())
}

fn in_order(mut groups: Vec<Group>, by: &[GroupBy]) -> Report {
    let mut lines: Vec<Line> = groups.iter_mut().map(Group::finished).collect();
    lines.sort_by(|a, b| a.keys.cmp(&b.keys));
    if by.len() == 1 && !matches!(by, [GroupBy::Day | GroupBy::Hour]) {
        lines.sort_by_key(|line| (std::cmp::Reverse(line.totals.cost), std::cmp::Reverse(line.totals.requests)));
    }
    let mut total = Totals::default();
    lines.iter().for_each(|line| total.add(&line.totals));
    let mut durations_us: Vec<u64> = groups.into_iter().flat_map(|group| group.durations_us).collect();
    total.set_durations(&mut durations_us);
    Report { lines, total }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::{Ending, Entry};
    use super::super::insert::{Scratch, insert};
    use super::super::{file, sample, settings::Settings};
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
    fn a_quantile_is_a_value_that_was_there() {
        let check = |values: &[u64], percent, expected| assert_eq!(quantile(&mut values.to_vec(), percent), expected);
        check(&[], 50, 0);
        check(&[7], 95, 7);
        check(&[4, 1, 3, 2], 50, 2);
        check(&(1..=100).rev().collect::<Vec<_>>(), 95, 95);
    }

    #[test]
    fn an_upstream_that_claims_absurd_usage_does_not_break_the_sums() {
        let absurd = Usage { input: u64::MAX, cache_read: u64::MAX, output: u64::MAX, ..Usage::default() };
        let entry = |number| Entry { usage: Some(absurd), cost: Some(Pico::new(i128::MAX)), ..sample::full(number) };
        let total = report(&[entry(1), entry(2), entry(3)], &[GroupBy::Tier]).total;
        assert_eq!(total.tokens_in, 6 * i64::MAX as u128);
        assert_eq!(total.cost, Some(Pico::new(3 * i128::from(i64::MAX))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_lines_add_up_to_the_entries_exactly(
            rows in prop::collection::vec((0..4_u8, prop::option::of(0..i64::MAX), prop::option::of(0..i64::MAX)), 1..40),
        ) {
            let entries: Vec<Entry> = (0..).zip(&rows).map(|(number, (team, cost, baseline))| Entry {
                team: Label::parse(&format!("team-{team}")),
                cost: cost.map(pico),
                baseline: baseline.map(pico),
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
