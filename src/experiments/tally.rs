//! What an arm adds up to while its experiment runs.

use serde::Serialize;

use crate::domain::Pico;

/// What an arm's requests add up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Sums {
    /// How many there were.
    pub requests: u64,
    /// Of those, how many failed upstream.
    pub failures: u64,
    /// How many another tier answered.
    pub escalations: u64,
    /// How many whose cost, or whose cost on the control, is not known.
    pub unpriced: u64,
    /// What they cost.
    #[serde(rename = "cost_usd")]
    pub cost: Pico,
    /// What they cost beyond what control would have for the same usage; less than nothing where they saved.
    #[serde(rename = "extra_usd")]
    pub extra: Pico,
}

/// One request, as it is added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct One {
    /// Whether it failed upstream.
    pub failed: bool,
    /// Whether another tier answered.
    pub escalated: bool,
    /// Whether it used anything.
    pub used: bool,
    /// What it cost.
    pub cost: Option<Pico>,
    /// What control would have cost for the same usage.
    pub on_control: Option<Pico>,
}

impl Sums {
    /// With one request more.
    pub fn add(&mut self, one: One) {
        self.requests += 1;
        self.failures += u64::from(one.failed);
        self.escalations += u64::from(one.escalated);
        self.cost = self.cost + one.cost.unwrap_or(Pico::ZERO);
        match one.cost.zip(one.on_control) {
            Some((cost, on_control)) => self.extra = self.extra + (cost - on_control),
            None => self.unpriced += u64::from(one.used),
        }
    }
}

/// What an experiment has cost beyond its control: the sum over the arms that cost more. What one arm saves does not let
/// another spend.
pub fn extra<'s>(others: impl IntoIterator<Item = &'s Sums>) -> Pico {
    others.into_iter().map(|sums| sums.extra.max(Pico::ZERO)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_arm_saves_lets_no_other_spend() {
        let one = |cost: i128, on_control: i128| One {
            failed: false,
            escalated: false,
            used: true,
            cost: Some(Pico::new(cost)),
            on_control: Some(Pico::new(on_control)),
        };
        let (mut dear, mut cheap) = (Sums::default(), Sums::default());
        dear.add(one(30, 10));
        dear.add(one(5, 10));
        cheap.add(one(1, 100));
        cheap.add(One { cost: None, ..one(0, 1) });
        assert_eq!((dear.extra, cheap.extra), (Pico::new(15), Pico::new(-99)));
        assert_eq!((dear.cost, dear.requests, cheap.unpriced), (Pico::new(35), 2, 1));
        assert_eq!(extra([&dear, &cheap]), Pico::new(15));
    }
}
