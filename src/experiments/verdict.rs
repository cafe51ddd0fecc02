//! Which arm was best: figures with 95 % intervals, and a plain word.

use serde::Serialize;

use super::observed::{ArmObserved, Observed};
use super::stats::{Interval, Rate, mean_change, mean_difference, share_difference};
use crate::domain::Metric;

/// How often an interval is to hold what is true.
pub const CONFIDENCE: f64 = 0.95;

/// One arm.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ArmFigures {
    /// Its name.
    pub arm: String,
    /// Where its requests go.
    pub to: String,
    /// Whether it is the one that others are compared with.
    pub is_control: bool,
    /// How many requests it had.
    pub requests: u64,
    /// In how many sessions.
    pub sessions: u64,
    /// What it cost in all, in USD.
    pub cost_usd: f64,
    /// Requests without a known cost.
    pub unpriced: u64,
    /// How many answers were rated.
    pub rated: u64,
    /// USD a request.
    pub cost_per_request: Option<Interval>,
    /// USD a session.
    pub cost_per_session: Option<Interval>,
    /// The share of rated answers that were rated bad.
    pub bad_feedback: Option<Interval>,
    /// The share of requests that another tier answered.
    pub escalations: Option<Interval>,
    /// The share of requests that failed upstream.
    pub failures: Option<Interval>,
    /// Seconds to the end of an answer.
    pub seconds: Option<Interval>,
    /// The differences from control; `None`: it is control.
    pub against_control: Option<Against>,
}

/// How an arm differs from control.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Against {
    /// By which part a request costs more.
    pub cost_per_request: Option<Interval>,
    /// By which part a session costs more.
    pub cost_per_session: Option<Interval>,
    /// By how many points.
    pub bad_feedback: Option<Interval>,
    /// By how many points.
    pub escalations: Option<Interval>,
    /// By how many points.
    pub failures: Option<Interval>,
    /// By how many seconds.
    pub seconds: Option<Interval>,
}

/// Every arm, control first.
pub fn figures(observed: &Observed, control: &str, to: impl Fn(&str) -> String) -> Vec<ArmFigures> {
    let nothing = ArmObserved::default();
    let on_control = observed.get(control).unwrap_or(&nothing);
    let mut names: Vec<&String> = observed.keys().collect();
    names.sort_by_key(|name| *name != control);
    let arm = |name: &String| {
        let arm = &observed[name];
        let share = |metric| arm.in_metric(metric).map(|rate| rate.share(CONFIDENCE));
        let mean = |rate: Option<Rate>| rate.map(|rate| rate.mean(CONFIDENCE));
        ArmFigures {
            arm: name.clone(),
            to: to(name),
            is_control: name == control,
            requests: arm.requests(),
            sessions: arm.sessions(),
            cost_usd: arm.cost(),
            unpriced: arm.requests() - arm.priced(),
            rated: arm.rated().0,
            cost_per_request: mean(arm.in_metric(Metric::Cost)),
            cost_per_session: mean(arm.cost_per_session()),
            bad_feedback: share(Metric::BadFeedback),
            escalations: share(Metric::Escalations),
            failures: share(Metric::Failures),
            seconds: mean(arm.seconds()),
            against_control: (name != control).then(|| against(arm, on_control)),
        }
    };
    names.into_iter().map(arm).collect()
}

fn against(arm: &ArmObserved, control: &ArmObserved) -> Against {
    let share = |metric| Some(share_difference(&arm.in_metric(metric)?, &control.in_metric(metric)?, CONFIDENCE));
    let change = |one: Option<Rate>, other: Option<Rate>| mean_change(&one?, &other?, CONFIDENCE);
    let seconds = || Some(mean_difference(&arm.seconds()?, &control.seconds()?, CONFIDENCE));
    Against {
        cost_per_request: change(arm.in_metric(Metric::Cost), control.in_metric(Metric::Cost)),
        cost_per_session: change(arm.cost_per_session(), control.cost_per_session()),
        bad_feedback: share(Metric::BadFeedback),
        escalations: share(Metric::Escalations),
        failures: share(Metric::Failures),
        seconds: seconds(),
    }
}

/// What is to be done about an arm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It is cheaper, and nothing says that it is worse.
    Converge,
    /// It is worse in something.
    Keep,
    /// It costs more and is not better.
    Dearer,
    /// It is better in something, and costs more or no less.
    Better,
    /// Nothing can be told yet.
    Open,
}

/// The word about an arm, and the sentence.
pub fn verdict(arm: &ArmFigures) -> Option<(Word, String)> {
    let against = arm.against_control.as_ref()?;
    let shares =
        [("bad feedback", against.bad_feedback), ("escalations", against.escalations), ("failures", against.failures)];
    let worse: Vec<String> = shares.iter().filter_map(|(what, by)| said(what, by.filter(|by| by.low > 0.0)?)).collect();
    let better: Vec<String> =
        shares.iter().filter_map(|(what, by)| said(what, by.filter(|by| by.high < 0.0)?)).collect();
    let cost = against.cost_per_request;
    let cheaper = cost.filter(|by| by.high < 0.0);
    let dearer = cost.filter(|by| by.low > 0.0);
    let word = match (worse.is_empty(), cheaper.is_some(), dearer.is_some(), better.is_empty()) {
        (false, ..) => Word::Keep,
        (true, true, ..) => Word::Converge,
        (true, false, _, false) => Word::Better,
        (true, false, true, true) => Word::Dearer,
        (true, false, false, true) => Word::Open,
    };
    let mut parts = vec![match cost {
        None => format!("what {} costs beside control is not known", arm.arm),
        Some(by) if by.high < 0.0 => {
            format!("{} is cheaper by {:.0} % {} a request", arm.arm, -100.0 * by.value, ends(-by.high, -by.low))
        }
        Some(by) if by.low > 0.0 => {
            format!("{} is dearer by {:.0} % {} a request", arm.arm, 100.0 * by.value, ends(by.low, by.high))
        }
        Some(by) => format!(
            "{} costs {:+.0} % {} a request, which chance explains",
            arm.arm,
            100.0 * by.value,
            ends(by.low, by.high)
        ),
    }];
    parts.extend(worse.iter().map(|what| format!("worse: {what}")));
    parts.extend(better.iter().map(|what| format!("better: {what}")));
    let undecided = shares.iter().filter_map(|(what, by)| {
        let by = by.filter(|by| by.low <= 0.0 && by.high >= 0.0)?;
        Some(format!("{what} not significantly different (at most {:.1} points worse)", 100.0 * by.high.max(0.0)))
    });
    parts.extend(undecided);
    if against.bad_feedback.is_none() {
        parts.push("nothing is known of feedback".to_owned());
    }
    Some((word, parts.join("; ")))
}

fn said(what: &str, by: Interval) -> Option<String> {
    Some(format!("{what} by {:+.1} points [{:.1}, {:.1}]", 100.0 * by.value, 100.0 * by.low, 100.0 * by.high))
}

fn ends(low: f64, high: f64) -> String {
    format!("[{:.0}, {:.0}]", 100.0 * low, 100.0 * high)
}

#[cfg(test)]
mod tests {
    use super::super::observed::Request;
    use super::*;
    use crate::domain::Pico;

    fn arm(cost: f64, sessions: u32, bad: u32) -> ArmObserved {
        let mut arm = ArmObserved::default();
        for place in 0..sessions {
            // A little apart, so that there is a variance.
            let cost = cost * if place % 2 == 0 { 0.9 } else { 1.1 };
            let request =
                Request { cost: Pico::from_usd(cost), bad: Some(place < bad), seconds: 1.0, ..Request::default() };
            arm.add(Some(&format!("s{place}")), request);
        }
        arm
    }

    fn told(small: ArmObserved) -> (Word, String) {
        let observed = Observed::from([("control".to_owned(), arm(0.01, 200, 20)), ("small".to_owned(), small)]);
        let figures = figures(&observed, "control", |_| "x".to_owned());
        assert!(figures[0].is_control && verdict(&figures[0]).is_none());
        verdict(&figures[1]).expect("a word")
    }

    #[test]
    fn the_word_follows_the_figures() {
        let (word, sentence) = told(arm(0.004, 200, 22));
        assert_eq!(word, Word::Converge, "{sentence}");
        assert!(sentence.starts_with("small is cheaper by 60 % [59, 61] a request; bad feedback not"), "{sentence}");
        let (word, sentence) = told(arm(0.004, 200, 80));
        assert_eq!(word, Word::Keep, "{sentence}");
        assert!(sentence.contains("worse: bad feedback by +30.0 points ["), "{sentence}");
        assert_eq!(told(arm(0.02, 200, 20)).0, Word::Dearer);
        assert_eq!(told(arm(0.02, 200, 0)).0, Word::Better);
        assert_eq!(told(arm(0.0101, 20, 2)).0, Word::Open);
    }
}
