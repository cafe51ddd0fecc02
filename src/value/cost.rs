//! What an outcome costs. Two figures, because they answer two questions:
//!
//! - **cost per outcome**: everything that was spent under a name (a feature, an engineer …) in the period, divided by
//!   what shipped under that name in the period. It holds all overhead, and work that has not shipped yet.
//! - **direct cost per outcome**: the spend that is joined to those outcomes, whenever it was spent, divided by those of
//!   them that any is joined to.
//!
//! Amounts are whole pico-dollars and sums are exact; a quotient is rounded to the nearest pico-dollar. An outcome of
//! weight 3 counts as three.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde::Serialize;

use super::join::{Outcomes, Verdict};
use super::mapping::Mapping;
use super::outcome::Outcome;
use super::spend::{Amount, Spend};
use crate::domain::{Label, Pico};

#[cfg(test)]
mod tests;

/// How many rules and tiers are named as drivers of a line's cost.
const DRIVERS: usize = 3;

/// What spend and outcomes are put together by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Per {
    /// What the work is for.
    Feature,
    /// The person.
    Engineer,
    /// Their team.
    Team,
    /// The branch.
    Branch,
    /// The pull request, or another outcome by its id.
    PullRequest,
}

impl Per {
    /// What an outcome falls under.
    fn of_outcome(self, outcome: &Outcome) -> Option<String> {
        let label = |label: &Option<Label>| label.as_ref().map(Label::to_string);
        match self {
            Per::Feature => label(&outcome.feature),
            Per::Engineer => label(&outcome.engineer),
            Per::Team => label(&outcome.team),
            Per::Branch => {
                let branch = outcome.branch.as_deref()?;
                let repository = outcome.repository.as_deref();
                Some(repository.map_or_else(|| branch.to_owned(), |repository| format!("{repository}:{branch}")))
            }
            Per::PullRequest => Some(outcome.pull_request.clone().unwrap_or_else(|| outcome.id.clone())),
        }
    }

    /// What a row falls under: what it says itself, then what its branch is mapped to, then what it is joined to. Of a
    /// branch and a pull request the outcome's own name comes first, as it is whole.
    fn of_row(self, row: &Spend, outcome: Option<&Outcome>, mapping: &Mapping) -> Option<String> {
        let joined = || self.of_outcome(outcome?);
        let mapped = || row.branch().and_then(|(repository, branch)| mapping.feature(repository, branch));
        match self {
            Per::Feature => row.feature.clone().or_else(|| mapped().map(Label::to_string)).or_else(joined),
            Per::Engineer => row.engineer.clone().or_else(joined),
            Per::Team => row.team.clone().or_else(joined),
            Per::Branch => joined().or_else(|| row.branch.clone()),
            Per::PullRequest => joined().or_else(|| row.pull_request.clone()),
        }
    }
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What lines are put together by.
    pub per: Per,
    /// In which time, in milliseconds since 1970 UTC.
    pub period: Range<i64>,
    /// The time of equal length before it; `None`: the period has no beginning.
    pub before: Option<Range<i64>>,
    /// Outcomes that there must be in each of them for a trend.
    pub min_outcomes: u64,
    /// What spend and outcomes must fall under to count.
    pub only: Vec<(Per, String)>,
}

impl Question {
    fn counts_outcome(&self, outcome: &Outcome) -> bool {
        self.only.iter().all(|(per, value)| per.of_outcome(outcome).as_ref() == Some(value))
    }

    fn counts_row(&self, row: &Spend, outcome: Option<&Outcome>, mapping: &Mapping) -> bool {
        self.only.iter().all(|(per, value)| per.of_row(row, outcome, mapping).as_ref() == Some(value))
    }
}

/// What is known: rows of spend, and outcomes whose engineers and features have been filled in.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// Spend in the period.
    pub spend: &'k [Spend],
    /// Spend before it, which may be joined to what shipped in it.
    pub earlier: &'k [Spend],
    /// Spend in the time of equal length before it.
    pub before: &'k [Spend],
    /// Outcomes, at least those of the period and all that followed.
    pub outcomes: &'k [Outcome],
    /// What is known of branches.
    pub mapping: &'k Mapping,
}

/// Spend in the period, by what became of the join. The parts add up to the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Account {
    /// All of it.
    #[serde(rename = "spend")]
    pub total: Amount,
    /// What belongs to one outcome.
    pub joined: Amount,
    /// What may belong to several, and so is joined to none.
    pub ambiguous: Amount,
    /// What belongs to none that is known.
    pub unjoined: Amount,
}

/// How a line's cost per outcome has changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Trend {
    /// Outcomes in the period before.
    pub outcomes_before: u64,
    /// Cost per outcome in the period before.
    #[serde(rename = "before_usd")]
    pub before: Option<Pico>,
    /// The change since, in tenths of a percent; `None`: there are too few outcomes, or no cost, to compare.
    pub change_permille: Option<i64>,
}

/// What drove a line's cost: a rule or a tier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Driver {
    /// Its name; `None`: requests that none decided.
    pub name: Option<String>,
    /// What its requests cost.
    #[serde(rename = "cost_usd")]
    pub cost: Pico,
    /// Of the line's cost, in tenths of a percent.
    pub share_permille: i64,
}

/// One line of the report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    /// What it is about; `None`: spend and outcomes that say nothing of it.
    #[serde(skip)]
    pub key: Option<String>,
    /// Spend in the period.
    #[serde(flatten)]
    pub account: Account,
    /// What shipped in the period.
    pub outcomes: u64,
    /// As how many that counts.
    pub weight: u64,
    /// Spend divided by weight; `None`: nothing shipped, or no cost is known.
    #[serde(rename = "cost_per_outcome_usd")]
    pub cost_per_outcome: Option<Pico>,
    /// The same without the requests that escalated.
    #[serde(rename = "net_of_escalations_usd")]
    pub net_of_escalations: Option<Pico>,
    /// Of the outcomes, those to which any spend is joined.
    pub outcomes_with_spend: u64,
    /// What is joined to them, whenever it was spent.
    #[serde(rename = "direct_usd")]
    pub direct: Option<Pico>,
    /// The same, divided by the weight of those outcomes.
    #[serde(rename = "direct_per_outcome_usd")]
    pub direct_per_outcome: Option<Pico>,
    /// Requests that another tier answered than the rule's.
    pub escalated: Amount,
    /// The change since the period before; `None`: the period has no beginning.
    pub trend: Option<Trend>,
    /// The rules that drove the cost, the dearest first.
    pub rules: Vec<Driver>,
    /// The tiers that did.
    pub tiers: Vec<Driver>,
}

/// The report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Costs {
    /// The dearest first.
    pub lines: Vec<Line>,
    /// All of them together.
    pub total: Line,
}

/// What was spent under a name, and what shipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// What was spent.
    pub amount: Amount,
    /// What shipped.
    pub outcomes: u64,
    /// As how many that counts.
    pub weight: u64,
}

impl Sample {
    /// Spend divided by what shipped.
    pub fn cost_per_outcome(&self) -> Option<Pico> {
        divided(self.amount.cost?, self.weight)
    }

    fn add(&mut self, outcome: &Outcome) {
        self.outcomes += 1;
        self.weight += u64::from(outcome.weight);
    }
}

/// What was spent and what shipped in a time, by name. The rows are those of that time.
pub fn samples(
    question: &Question,
    period: &Range<i64>,
    spend: &[Spend],
    known: &Known<'_>,
) -> HashMap<Option<String>, Sample> {
    Learnt::from(known).samples(question, period, spend, known.mapping)
}

/// Outcomes, with what the spend that is joined to them says of them.
struct Learnt<'k> {
    /// Joins go by what was told of outcomes, not by what was learnt: otherwise one join would hang on another.
    told: Outcomes<'k>,
    outcomes: Vec<Outcome>,
}

impl<'k> Learnt<'k> {
    fn from(known: &Known<'k>) -> Self {
        let told = Outcomes::of(known.outcomes);
        let mut outcomes = known.outcomes.to_vec();
        let mut said: Vec<[Said<'k>; 3]> = vec![Default::default(); outcomes.len()];
        for row in known.spend.iter().chain(known.earlier).chain(known.before) {
            if let Verdict::Joined(place, _) = told.verdict(row) {
                let labels = [&row.feature, &row.engineer, &row.team];
                said[place].iter_mut().zip(labels).for_each(|(said, label)| said.hear(label.as_deref()));
            }
        }
        for (outcome, [feature, engineer, team]) in outcomes.iter_mut().zip(said) {
            outcome.feature = outcome.feature.take().or_else(|| feature.label());
            outcome.engineer = outcome.engineer.take().or_else(|| engineer.label());
            outcome.engineer = outcome.engineer.take().or_else(|| outcome.maker().and_then(Label::parse));
            outcome.team = outcome.team.take().or_else(|| team.label());
        }
        Self { told, outcomes }
    }

    /// The outcome that a row is joined to.
    fn outcome(&self, verdict: Verdict) -> Option<&Outcome> {
        match verdict {
            Verdict::Joined(place, _) => self.outcomes.get(place),
            Verdict::Ambiguous(_) | Verdict::Unjoined => None,
        }
    }

    fn samples(
        &self,
        question: &Question,
        period: &Range<i64>,
        spend: &[Spend],
        mapping: &Mapping,
    ) -> HashMap<Option<String>, Sample> {
        let per = question.per;
        let mut samples: HashMap<Option<String>, Sample> = HashMap::new();
        for row in spend {
            let outcome = self.outcome(self.told.verdict(row));
            if question.counts_row(row, outcome, mapping) {
                samples.entry(per.of_row(row, outcome, mapping)).or_default().amount += &row.amount;
            }
        }
        let shipped = self.outcomes.iter().filter(|outcome| period.contains(&outcome.at_millis));
        for outcome in shipped.filter(|outcome| question.counts_outcome(outcome)) {
            samples.entry(per.of_outcome(outcome)).or_default().add(outcome);
        }
        samples
    }
}

/// What rows of spend say: nothing, one thing, or several.
#[derive(Clone, Copy, Default)]
enum Said<'r> {
    #[default]
    Nothing,
    One(&'r str),
    Several,
}

impl<'r> Said<'r> {
    fn hear(&mut self, label: Option<&'r str>) {
        *self = match (*self, label) {
            (said, None) => said,
            (Said::Nothing, Some(label)) => Said::One(label),
            (Said::One(known), Some(label)) if known == label => Said::One(known),
            _ => Said::Several,
        };
    }

    fn label(self) -> Option<Label> {
        if let Said::One(label) = self { Label::parse(label) } else { None }
    }
}

/// All samples together.
pub fn together<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Sample {
    samples.into_iter().fold(Sample::default(), |mut all, sample| {
        all.amount += &sample.amount;
        all.outcomes += sample.outcomes;
        all.weight += sample.weight;
        all
    })
}

/// What outcomes cost.
pub fn costs(question: &Question, known: &Known<'_>) -> Costs {
    let learnt = Learnt::from(known);
    let mut sheets: BTreeMap<Option<String>, Sheet<'_>> = BTreeMap::new();
    let mut direct: Vec<Option<Amount>> = vec![None; known.outcomes.len()];
    for row in known.spend {
        let verdict = learnt.told.verdict(row);
        note(&mut direct, verdict, row);
        let outcome = learnt.outcome(verdict);
        if question.counts_row(row, outcome, known.mapping) {
            sheets.entry(question.per.of_row(row, outcome, known.mapping)).or_default().add(row, verdict);
        }
    }
    for row in known.earlier {
        note(&mut direct, learnt.told.verdict(row), row);
    }
    for (outcome, direct) in learnt.outcomes.iter().zip(&direct) {
        if question.period.contains(&outcome.at_millis) && question.counts_outcome(outcome) {
            sheets.entry(question.per.of_outcome(outcome)).or_default().ship(outcome, direct.as_ref());
        }
    }
    let before = question.before.as_ref();
    let before = before.map(|before| learnt.samples(question, before, known.before, known.mapping));
    summed(sheets, before.as_ref(), question.min_outcomes)
}

/// The lines and their total.
fn summed(
    mut sheets: BTreeMap<Option<String>, Sheet<'_>>,
    before: Option<&HashMap<Option<String>, Sample>>,
    min_outcomes: u64,
) -> Costs {
    // What was there before and is no more has a line too.
    for key in before.into_iter().flat_map(HashMap::keys) {
        sheets.entry(key.clone()).or_default();
    }
    let mut all = Sheet::default();
    sheets.values().for_each(|sheet| all.take(sheet));
    let total = all.line(None, before.map(|before| together(before.values())), min_outcomes);
    let line = |(key, sheet): (Option<String>, Sheet<'_>)| {
        let before = before.map(|before| before.get(&key).copied().unwrap_or_default());
        sheet.line(key, before, min_outcomes)
    };
    let mut lines: Vec<Line> = sheets.into_iter().map(line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.account.total.cost));
    Costs { lines, total }
}

fn note(direct: &mut [Option<Amount>], verdict: Verdict, row: &Spend) {
    if let Verdict::Joined(place, _) = verdict {
        *direct[place].get_or_insert_default() += &row.amount;
    }
}

/// A line that is being added up.
#[derive(Default)]
struct Sheet<'r> {
    account: Account,
    escalated: Amount,
    shipped: Sample,
    direct: Sample,
    rules: HashMap<Option<&'r str>, Pico>,
    tiers: HashMap<Option<&'r str>, Pico>,
}

impl<'r> Sheet<'r> {
    fn add(&mut self, row: &'r Spend, verdict: Verdict) {
        let part = match verdict {
            Verdict::Joined(..) => &mut self.account.joined,
            Verdict::Ambiguous(_) => &mut self.account.ambiguous,
            Verdict::Unjoined => &mut self.account.unjoined,
        };
        *part += &row.amount;
        self.account.total += &row.amount;
        if row.escalated {
            self.escalated += &row.amount;
        }
        if let Some(cost) = row.amount.cost {
            add(&mut self.rules, row.rule.as_deref(), cost);
            add(&mut self.tiers, row.tier.as_deref(), cost);
        }
    }

    fn ship(&mut self, outcome: &Outcome, direct: Option<&Amount>) {
        self.shipped.add(outcome);
        if let Some(direct) = direct {
            self.direct.add(outcome);
            self.direct.amount += direct;
        }
    }

    fn take(&mut self, other: &Sheet<'r>) {
        let (mine, theirs) = (&mut self.account, &other.account);
        mine.total += &theirs.total;
        mine.joined += &theirs.joined;
        mine.ambiguous += &theirs.ambiguous;
        mine.unjoined += &theirs.unjoined;
        self.escalated += &other.escalated;
        self.shipped = together([&self.shipped, &other.shipped]);
        self.direct = together([&self.direct, &other.direct]);
        other.rules.iter().for_each(|(name, cost)| add(&mut self.rules, *name, *cost));
        other.tiers.iter().for_each(|(name, cost)| add(&mut self.tiers, *name, *cost));
    }

    fn line(self, key: Option<String>, before: Option<Sample>, min_outcomes: u64) -> Line {
        let cost = self.account.total.cost;
        let now = Sample { amount: self.account.total, ..self.shipped };
        let net = cost.map(|cost| cost - self.escalated.cost.unwrap_or_default());
        Line {
            key,
            account: self.account,
            outcomes: self.shipped.outcomes,
            weight: self.shipped.weight,
            cost_per_outcome: now.cost_per_outcome(),
            net_of_escalations: net.and_then(|net| divided(net, self.shipped.weight)),
            outcomes_with_spend: self.direct.outcomes,
            direct: self.direct.amount.cost,
            direct_per_outcome: self.direct.cost_per_outcome(),
            escalated: self.escalated,
            trend: before.map(|before| trend(&now, &before, min_outcomes)),
            rules: drivers(&self.rules, cost),
            tiers: drivers(&self.tiers, cost),
        }
    }
}

fn add<'r>(costs: &mut HashMap<Option<&'r str>, Pico>, name: Option<&'r str>, cost: Pico) {
    let known = costs.entry(name).or_default();
    *known = *known + cost;
}

fn drivers(costs: &HashMap<Option<&str>, Pico>, total: Option<Pico>) -> Vec<Driver> {
    let mut sorted: Vec<_> = costs.iter().collect();
    sorted.sort_by_key(|(name, cost)| (std::cmp::Reverse(**cost), **name));
    let share = |cost: Pico| permille(cost, total.unwrap_or_default()).unwrap_or(0);
    let driver = |(name, cost): (&Option<&str>, &Pico)| Driver {
        name: name.map(str::to_owned),
        cost: *cost,
        share_permille: share(*cost),
    };
    sorted.into_iter().take(DRIVERS).map(driver).collect()
}

fn trend(now: &Sample, before: &Sample, min_outcomes: u64) -> Trend {
    let enough = now.outcomes.min(before.outcomes) >= min_outcomes.max(1);
    let both = now.cost_per_outcome().zip(before.cost_per_outcome()).filter(|_| enough);
    Trend {
        outcomes_before: before.outcomes,
        before: before.cost_per_outcome(),
        change_permille: both.and_then(|(now, before)| permille(now - before, before)),
    }
}

/// A part of a whole in tenths of a percent, to the nearest; `None` of nothing.
fn permille(part: Pico, whole: Pico) -> Option<i64> {
    let whole = whole.get();
    (whole > 0).then(|| i64::try_from(nearest(part.get().saturating_mul(1_000), whole)).unwrap_or(i64::MAX))
}

/// An amount divided among so many, to the nearest pico-dollar; `None` among none.
pub fn divided(amount: Pico, among: u64) -> Option<Pico> {
    (among > 0).then(|| Pico::new(nearest(amount.get(), i128::from(among))))
}

/// A quotient to the nearest whole number, halves away from zero; the divisor is positive.
fn nearest(number: i128, divisor: i128) -> i128 {
    let half = if number < 0 { -(divisor / 2) } else { divisor / 2 };
    number.saturating_add(half) / divisor
}
