//! Figures in, findings out.
//!
//! Figures are compared as whole numbers, by multiplying out, so nothing hangs on a rounding. An alert clears at 95% of
//! what it fires at: one that stands at its threshold does not fire and clear in turn.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::message::dollars;
use super::{Condition, CostAlert, EscalationAlert, Finding, Kind, Watched};
use crate::domain::Pico;
use crate::value::cost::{Sample, together};

/// At which part of its threshold an alert clears, in percent.
const CLEARS_AT_PERCENT: i128 = 95;

/// How much of a budget that refuses is used when it may be used up, in percent: the next request may need the rest.
const LITTLE_LEFT_PERCENT: i128 = 90;

/// What was spent and what shipped, by feature.
pub type Samples = HashMap<Option<String>, Sample>;

/// Holds the cost per outcome in a window against the time before it.
pub fn cost_per_outcome(alert: &CostAlert, window: &Samples, baseline: &Samples) -> Vec<Finding> {
    let of = |samples: &Samples, key: &str| samples.get(&Some(key.to_owned())).copied().unwrap_or_default();
    match &alert.watched {
        Watched::All => vec![compared(alert, None, &together(window.values()), &together(baseline.values()))],
        Watched::One(feature) => {
            let key = feature.as_str();
            vec![compared(alert, Some(key), &of(window, key), &of(baseline, key))]
        }
        Watched::Each => {
            let features: BTreeSet<&String> = window.keys().chain(baseline.keys()).flatten().collect();
            let each = |key: &String| compared(alert, Some(key), &of(window, key), &of(baseline, key));
            features.into_iter().map(each).collect()
        }
    }
}

fn compared(alert: &CostAlert, feature: Option<&str>, window: &Sample, baseline: &Sample) -> Finding {
    let subject = feature.map_or_else(|| "all features".to_owned(), |feature| format!("feature {feature}"));
    Finding {
        id: format!("cost_per_outcome/{}/{}", alert.name, feature.unwrap_or_default()),
        name: alert.name.to_string(),
        kind: Kind::CostPerOutcome,
        condition: condition(alert, window, baseline),
        summary: summary(alert, &subject, window, baseline),
        subject,
        until_millis: None,
    }
}

fn condition(alert: &CostAlert, window: &Sample, baseline: &Sample) -> Condition {
    let (Some(now), Some(before)) = (window.amount.cost, baseline.amount.cost) else {
        return Condition::Good("there is no cost to compare any more".into());
    };
    if window.weight == 0 {
        return Condition::Good("nothing shipped in the window any more".into());
    }
    if baseline.weight == 0 || before <= Pico::ZERO {
        return Condition::Good("there is nothing to compare with any more".into());
    }
    // now / window.weight ÷ before / baseline.weight, against factor / 1000.
    let dear = now.get().saturating_mul(i128::from(baseline.weight)).saturating_mul(1_000);
    let bound = before.get().saturating_mul(i128::from(window.weight)).saturating_mul(alert.factor_permille.into());
    let is_enough = window.outcomes.min(baseline.outcomes) >= alert.min_outcomes;
    if dear.saturating_mul(100) < bound.saturating_mul(CLEARS_AT_PERCENT) {
        Condition::Good(format!("it is back below {CLEARS_AT_PERCENT}% of where the alert fires"))
    } else if dear >= bound && is_enough {
        Condition::Bad
    } else {
        Condition::Between
    }
}

fn summary(alert: &CostAlert, subject: &str, window: &Sample, baseline: &Sample) -> String {
    let each = |sample: &Sample| match sample.cost_per_outcome() {
        Some(cost) => format!("{} USD each for {} {}", dollars(cost), sample.outcomes, plural(sample.outcomes)),
        None => format!("{} {} and no known cost", sample.outcomes, plural(sample.outcomes)),
    };
    let ratio = match window.cost_per_outcome().zip(baseline.cost_per_outcome()) {
        Some((now, before)) if before > Pico::ZERO => format!("{:.2} times", now.usd() / before.usd()),
        _ => "not comparable with".to_owned(),
    };
    let missing = match window.amount.unpriced + baseline.amount.unpriced {
        0 => String::new(),
        unpriced => format!(" {unpriced} requests have no known price and are missing from this."),
    };
    format!(
        "Cost per outcome of {subject}: {} in the last {}, {ratio} the {} before ({}); the alert fires at {:.2} times.{missing}",
        each(window),
        length(alert.window),
        length(alert.baseline),
        each(baseline),
        f64::from(alert.factor_permille) / 1_000.0,
    )
}

fn plural(outcomes: u64) -> &'static str {
    if outcomes == 1 { "outcome" } else { "outcomes" }
}

/// A length of time in the largest unit that it is whole in.
fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let (number, unit) = units
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit))
        .map_or((seconds, "second"), |(unit, name)| (seconds / unit, name));
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

/// What the verified requests of one rule came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The rule.
    pub rule: String,
    /// Requests.
    pub requests: u64,
    /// Answers that were thrown away.
    pub discarded: u64,
    /// What the requests cost, answers that were thrown away included.
    pub cost: Pico,
    /// What they would have cost, had they gone straight to the tier that they escalate to.
    pub straight: Pico,
}

/// Holds what each rule's verified requests cost against what they would have cost on the tier that they escalate to.
pub fn escalations(alert: EscalationAlert, rules: &[Verified]) -> Vec<Finding> {
    rules.iter().map(|rule| dear(alert, rule)).collect()
}

fn dear(alert: EscalationAlert, verified: &Verified) -> Finding {
    let Verified { rule, requests, discarded, cost, straight } = verified;
    let is_dearer = *cost > *straight;
    let is_below = cost.get().saturating_mul(100) < straight.get().saturating_mul(CLEARS_AT_PERCENT);
    let condition = if *discarded == 0 {
        Condition::Good("nothing was escalated in the window any more".into())
    } else if is_below {
        Condition::Good(format!("it costs less than {CLEARS_AT_PERCENT}% of that again"))
    } else if is_dearer && *discarded >= alert.min_discarded {
        Condition::Bad
    } else {
        Condition::Between
    };
    let share = *discarded as f64 * 100.0 / (*requests).max(1) as f64;
    Finding {
        id: format!("escalations/{rule}"),
        name: rule.clone(),
        kind: Kind::Escalations,
        subject: format!("rule {rule}"),
        condition,
        summary: format!(
            "Escalations of rule {rule}: {discarded} of {requests} verified answers ({share:.1}%) were thrown away in the last \
             {}; together they cost {} USD, and {} USD had they gone straight to the tier that they escalate to.",
            length(alert.window),
            dollars(*cost),
            dollars(*straight)
        ),
        until_millis: None,
    }
}

/// How it stands with one budget of one holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BudgetStanding {
    /// The budget's name.
    pub budget: String,
    /// Whose it is: `team payments`, `everybody`.
    pub holder: String,
    /// What may be spent in the window.
    pub limit: Pico,
    /// What has been spent in it.
    pub settled: Pico,
    /// What requests under way may still cost.
    pub reserved: Pico,
    /// Requests that were refused in it, as far as that is known.
    pub refused: u64,
    /// Whether requests that do not fit are refused.
    pub refuses: bool,
    /// The window's first moment, in milliseconds since 1970 UTC.
    pub from_millis: i64,
    /// The first moment after it; `None`: it never ends.
    pub until_millis: Option<i64>,
    /// At which percentages an alert goes out.
    pub percentages: Vec<u32>,
    /// Whether these figures are everybody's; else others may have spent what is not seen here.
    pub sees_all: bool,
}

/// Holds what is used of budgets against the percentages at which alerts go out.
pub fn budgets(standings: &[BudgetStanding]) -> Vec<Finding> {
    let each = |standing: &BudgetStanding| {
        standing.percentages.iter().map(|percent| used(standing, *percent)).collect::<Vec<_>>()
    };
    standings.iter().flat_map(each).collect()
}

fn used(standing: &BudgetStanding, percent: u32) -> Finding {
    let BudgetStanding { budget, holder, limit, settled, reserved, .. } = standing;
    let is_used = |percent: i128| settled.get().saturating_mul(100) >= limit.get().saturating_mul(percent);
    // What is reserved may come back, so it fires nothing. But a budget that refuses is never spent to its last
    // pico-dollar: it is used up when little is left and somebody was refused.
    let at_last = percent >= 100 && standing.refuses;
    let condition = if is_used(percent.into()) || (at_last && standing.refused > 0 && is_used(LITTLE_LEFT_PERCENT)) {
        Condition::Bad
    } else if !standing.sees_all || (at_last && is_used(LITTLE_LEFT_PERCENT)) {
        Condition::Between
    } else {
        Condition::Good("so much of its limit is not used any more".to_owned())
    };
    let held =
        if *reserved > Pico::ZERO { format!(", {} USD more is reserved", dollars(*reserved)) } else { String::new() };
    let refused = match standing.refused {
        0 => String::new(),
        refused => format!(", {refused} requests were refused"),
    };
    Finding {
        id: format!("budget/{budget}/{holder}/{percent}/{}", standing.from_millis),
        name: budget.clone(),
        kind: Kind::Budget,
        subject: holder.clone(),
        condition,
        summary: format!(
            "Budget {budget} of {holder}: {} of {} USD is spent{held}{refused}; this alert is for {percent}%.",
            dollars(*settled),
            dollars(*limit)
        ),
        until_millis: standing.until_millis,
    }
}

/// An experiment that ended before its date, of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EarlyEnd {
    /// The experiment.
    pub experiment: String,
    /// The rule that it is of.
    pub rule: String,
    /// From when it drew arms, which tells one run from the next.
    pub from_millis: i64,
    /// Until when it was to: then the alert is over.
    pub until_millis: i64,
    /// Why it ended, with the figures.
    pub detail: String,
}

/// Says which experiments have ended early: somebody has to decide what becomes of their rules.
pub fn experiments(ends: &[EarlyEnd]) -> Vec<Finding> {
    let finding = |end: &EarlyEnd| Finding {
        id: format!("experiment/{}/{}", end.experiment, end.from_millis),
        name: end.experiment.clone(),
        kind: Kind::Experiment,
        subject: format!("rule {}", end.rule),
        condition: Condition::Bad,
        summary: format!("{}. Its control counts; converge on an arm in routes.toml.", end.detail),
        until_millis: Some(end.until_millis),
    };
    ends.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Label;
    use crate::value::spend::Amount;

    fn sample(pico: i128, outcomes: u64) -> Sample {
        let amount = Amount { requests: 1, cost: Some(Pico::new(pico)), ..Amount::default() };
        Sample { amount, outcomes, weight: outcomes }
    }

    fn alert(watched: Watched) -> CostAlert {
        CostAlert {
            name: Label::parse("dearer").unwrap(),
            watched,
            window: Duration::from_secs(7 * 86_400),
            baseline: Duration::from_secs(28 * 86_400),
            factor_permille: 1_500,
            min_outcomes: 3,
        }
    }

    fn judged(window: &Sample, baseline: &Sample) -> &'static str {
        match condition(&alert(Watched::All), window, baseline) {
            Condition::Bad => "bad",
            Condition::Between => "between",
            Condition::Good(_) => "good",
        }
    }

    #[test]
    fn it_fires_at_the_factor_and_clears_at_95_percent_of_it() {
        let baseline = sample(10_000, 10);
        let check =
            |pico, outcomes, expected| assert_eq!(judged(&sample(pico, outcomes), &baseline), expected, "{pico}");
        check(6_000, 4, "bad");
        check(5_999, 4, "between");
        check(5_700, 4, "between");
        check(5_699, 4, "good");
        check(900_000, 2, "between");
        check(900, 2, "good");
    }

    #[test]
    fn escalations_are_told_when_they_make_a_rule_dearer_than_going_straight() {
        let alert = EscalationAlert { min_discarded: 5, ..EscalationAlert::default() };
        let check = |discarded, cost, straight, expected: &str| {
            let (cost, straight) = (Pico::new(cost), Pico::new(straight));
            let rule = Verified { rule: "everything-else".into(), requests: 20, discarded, cost, straight };
            let found = &escalations(alert, &[rule])[0];
            let condition = match found.condition {
                Condition::Bad => "bad",
                Condition::Between => "between",
                Condition::Good(_) => "good",
            };
            assert_eq!(condition, expected, "{discarded} {cost} {straight}");
            assert_eq!(found.id, "escalations/everything-else");
        };
        check(5, 1_001, 1_000, "bad");
        check(4, 1_001, 1_000, "between");
        check(5, 1_000, 1_000, "between");
        check(5, 950, 1_000, "between");
        check(5, 949, 1_000, "good");
        check(0, 2_000, 1_000, "good");
        check(5, i128::MAX, 1, "bad");
    }

    #[test]
    fn what_cannot_be_compared_is_no_alert() {
        let known = sample(10_000, 10);
        let unpriced = Sample { amount: Amount::default(), ..known };
        for (window, baseline) in
            [(sample(1, 0), known), (known, sample(1, 0)), (known, sample(0, 10)), (unpriced, known), (known, unpriced)]
        {
            assert_eq!(judged(&window, &baseline), "good", "{window:?} {baseline:?}");
        }
        assert_eq!(judged(&known, &sample(10_000, 2)), "good", "too few to fire, enough to clear");
        assert_eq!(judged(&sample(i128::MAX, 10), &sample(1, 10)), "bad", "no overflow");
    }

    #[test]
    fn each_feature_has_an_alert_of_its_own() {
        let samples = |pairs: &[(Option<&str>, Sample)]| -> Samples {
            pairs.iter().map(|(key, sample)| (key.map(str::to_owned), *sample)).collect()
        };
        let window =
            samples(&[(Some("checkout"), sample(9_000, 3)), (Some("search"), sample(300, 3)), (None, sample(1, 0))]);
        let baseline = samples(&[(Some("checkout"), sample(3_000, 3)), (Some("gone"), sample(300, 3))]);
        let each = cost_per_outcome(&alert(Watched::Each), &window, &baseline);
        let found: Vec<_> = each.iter().map(|one| (one.id.as_str(), one.condition == Condition::Bad)).collect();
        let ids = ["checkout", "gone", "search"].map(|name| format!("cost_per_outcome/dearer/{name}"));
        assert_eq!(found, [(ids[0].as_str(), true), (ids[1].as_str(), false), (ids[2].as_str(), false)]);
        insta::assert_snapshot!(each[0].summary, @"Cost per outcome of feature checkout: 0.000000003 USD each for 3 outcomes in the last 7 days, 3.00 times the 28 days before (0.000000001 USD each for 3 outcomes); the alert fires at 1.50 times.");
        let all = cost_per_outcome(&alert(Watched::All), &window, &baseline);
        assert_eq!((all.len(), all[0].subject.as_str()), (1, "all features"));
        let one = cost_per_outcome(&alert(Watched::One(Label::parse("search").unwrap())), &window, &baseline);
        assert_eq!((one.len(), one[0].subject.as_str()), (1, "feature search"));
    }

    #[test]
    fn a_budget_fires_for_each_percentage_that_was_crossed() {
        let standing = BudgetStanding {
            budget: "monthly".into(),
            holder: "team payments".into(),
            limit: Pico::new(1_000_000_000_000),
            settled: Pico::new(800_000_000_000),
            reserved: Pico::new(150_000_000_000),
            refused: 0,
            refuses: true,
            from_millis: 7,
            until_millis: Some(9),
            percentages: vec![50, 80, 100],
            sees_all: true,
        };
        let bad = |standing: &BudgetStanding| {
            budgets(std::slice::from_ref(standing))
                .iter()
                .map(|one| one.condition == Condition::Bad)
                .collect::<Vec<_>>()
        };
        assert_eq!(bad(&standing), [true, true, false]);
        let nearly = BudgetStanding { settled: Pico::new(900_000_000_000), ..standing.clone() };
        assert_eq!(bad(&nearly), [true, true, false]);
        assert_eq!(bad(&BudgetStanding { refused: 1, ..nearly.clone() }), [true, true, true], "it is used up");
        assert_eq!(bad(&BudgetStanding { refused: 1, ..standing.clone() }), [true, true, false], "one asked too much");
        assert_eq!(bad(&BudgetStanding { refused: 1, refuses: false, ..nearly.clone() }), [true, true, false]);
        let last = |standing: &BudgetStanding| budgets(std::slice::from_ref(standing))[2].condition.clone();
        assert_eq!(last(&nearly), Condition::Between, "another replica may have refused");
        assert!(matches!(last(&standing), Condition::Good(_)));
        assert_eq!(last(&BudgetStanding { sees_all: false, ..standing.clone() }), Condition::Between);
        assert_eq!(
            bad(&BudgetStanding { limit: Pico::new(1_600_000_000_000), ..standing.clone() }),
            [true, false, false]
        );
        let found = &budgets(&[standing])[1];
        assert_eq!((found.id.as_str(), found.until_millis), ("budget/monthly/team payments/80/7", Some(9)));
        insta::assert_snapshot!(found.summary, @"Budget monthly of team payments: 0.8000 of 1.00 USD is spent, 0.1500 USD more is reserved; this alert is for 80%.");
    }
}
