//! What can be said of conditions without any request: that they can never hold, or that one is part of another.
//!
//! Both answers err on the safe side: a `true` is certain, a `false` means "not seen". Conditions of different kinds
//! are taken as independent of each other.

use super::condition::{Condition, Range, SetTest, When, every_content};
use super::pattern::Pattern;

/// Why no request can meet these conditions, or `None` if none was found.
pub fn contradiction(when: &When) -> Option<String> {
    when.0.iter().find_map(impossible).or_else(|| pairwise(when))
}

/// Whether every request that meets `narrow` meets `wide` too.
pub fn implies(narrow: &When, wide: &When) -> bool {
    wide.0.iter().all(|wanted| follows(narrow, wanted))
}

fn follows(narrow: &When, wanted: &Condition) -> bool {
    match wanted {
        Condition::All(whens) => return whens.iter().all(|when| implies(narrow, when)),
        Condition::Any(whens) if whens.iter().any(|when| implies(narrow, when)) => return true,
        _ => {}
    }
    narrow.0.iter().any(|given| within(given, wanted))
}

/// Whether every request that meets `given` meets `wanted`.
fn within(given: &Condition, wanted: &Condition) -> bool {
    use Condition as C;
    match (given, wanted) {
        (C::Any(givens), _) => givens.iter().all(|given| follows(given, wanted)),
        (C::All(givens), _) => givens.iter().any(|given| follows(given, wanted)),
        // What is ruled out by the wider is ruled out by the narrower.
        (C::Not(given), C::Not(wanted)) => implies(wanted, given),
        // There is no set of all tags: a company may have its own.
        (C::Tags(given), C::Tags(wanted)) => set_within(given, wanted, None),
        (C::Content(given), C::Content(wanted)) => set_within(given, wanted, Some(every_content())),
        (C::Risk(given), C::Risk(wanted)) => subset(given, wanted),
        (C::Kind(given), C::Kind(wanted)) => subset(given, wanted),
        (C::Output(given), C::Output(wanted)) => subset(given, wanted),
        (C::Dialect(given), C::Dialect(wanted)) => subset(given, wanted),
        (C::Doors(given), C::Doors(wanted)) => subset(given, wanted),
        (C::Tokens(given), C::Tokens(wanted))
        | (C::Context(given), C::Context(wanted))
        | (C::Difficulty(given), C::Difficulty(wanted))
        | (C::Tools(given), C::Tools(wanted))
        | (C::Images(given), C::Images(wanted))
        | (C::BudgetUsed(given), C::BudgetUsed(wanted))
        | (C::Confidence(given), C::Confidence(wanted)) => inside(*given, *wanted),
        (C::Named(name, given), C::Named(other, wanted)) => name == other && covered(given, wanted),
        (C::Named(name, _), C::Present(other, true)) => name == other,
        _ => given == wanted,
    }
}

fn inside(given: Range, wanted: Range) -> bool {
    wanted.min <= given.min && given.max <= wanted.max
}

fn subset<T: PartialEq>(given: &[T], wanted: &[T]) -> bool {
    given.iter().all(|word| wanted.contains(word))
}

fn covered(given: &[Pattern], wanted: &[Pattern]) -> bool {
    given.iter().all(|narrow| wanted.iter().any(|wide| wide.covers(narrow)))
}

/// The operations on sets that are needed here; `TagSet` and `ContentSet` have them.
trait Words: PartialEq + Sized {
    fn both(&self, other: &Self) -> Self;
    fn holds_none(&self) -> bool;
    /// Whether each of these words is in `other`.
    fn within(&self, other: &Self) -> bool {
        self.both(other) == *self
    }
}

impl Words for crate::domain::TagSet {
    fn both(&self, other: &Self) -> Self {
        self.intersection(other)
    }
    fn holds_none(&self) -> bool {
        self.is_empty()
    }
}

impl Words for crate::domain::ContentSet {
    fn both(&self, other: &Self) -> Self {
        self.intersection(other)
    }
    fn holds_none(&self) -> bool {
        self.is_empty()
    }
}

fn set_within<S: Words>(given: &SetTest<S>, wanted: &SetTest<S>, full: Option<S>) -> bool {
    let any = wanted.any.holds_none()
        || (!given.any.holds_none() && given.any.within(&wanted.any))
        || !given.all.both(&wanted.any).holds_none();
    let forbids_everything = full.is_some_and(|full| given.none == full);
    any && wanted.all.within(&given.all) && (wanted.none.within(&given.none) || forbids_everything)
}

fn set_contradiction<S: Words + std::fmt::Display>(key: &str, test: &SetTest<S>) -> Option<String> {
    if !test.all.both(&test.none).holds_none() {
        return Some(format!("`{key}` asks for `{}` in `all` and forbids it in `none`", test.all.both(&test.none)));
    }
    let forbidden = !test.any.holds_none() && test.any.within(&test.none);
    forbidden.then(|| format!("`{key}` forbids in `none` everything that it asks for in `any`"))
}

/// Why one condition alone can never hold.
fn impossible(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Tags(test) => set_contradiction("tags", test),
        Condition::Content(test) => set_contradiction("content", test),
        Condition::Tokens(range)
        | Condition::Context(range)
        | Condition::Difficulty(range)
        | Condition::Tools(range)
        | Condition::Images(range)
        | Condition::BudgetUsed(range)
        | Condition::Confidence(range) => range.is_empty().then(|| format!("no number meets `{}`", condition.key())),
        Condition::Risk(levels) => levels.is_empty().then(|| "no risk level meets `risk`".to_owned()),
        Condition::Any(whens) => {
            let reasons: Option<Vec<String>> = whens.iter().map(contradiction).collect();
            reasons.map(|reasons| format!("nothing in `any` can hold: {}", reasons.join("; ")))
        }
        Condition::All(whens) => whens.iter().find_map(contradiction),
        Condition::Not(when) => when.0.is_empty().then(|| "`not` rules out everything".to_owned()),
        _ => None,
    }
}

/// Why two conditions of one rule can never hold together.
fn pairwise(when: &When) -> Option<String> {
    let flat: Vec<&Condition> = flattened(when).collect();
    let pairs =
        flat.iter().enumerate().flat_map(|(place, first)| flat[place + 1..].iter().map(move |second| (first, second)));
    pairs
        .filter(|(first, second)| apart(first, second))
        .map(|(first, second)| format!("`{}` and `{}` cannot hold together", text(first), text(second)))
        .next()
}

fn text(condition: &Condition) -> String {
    format!("{} {condition}", condition.key())
}

/// The conditions that must all hold, those inside `all` included.
fn flattened(when: &When) -> Box<dyn Iterator<Item = &Condition> + '_> {
    Box::new(when.0.iter().flat_map(|condition| -> Box<dyn Iterator<Item = &Condition> + '_> {
        match condition {
            Condition::All(whens) => Box::new(whens.iter().flat_map(flattened)),
            other => Box::new(std::iter::once(other)),
        }
    }))
}

fn apart(first: &Condition, second: &Condition) -> bool {
    use Condition as C;
    match (first, second) {
        (C::Not(out), given) | (given, C::Not(out)) => implies(&When(vec![given.clone()]), out),
        (C::Tokens(a), C::Tokens(b)) | (C::Context(a), C::Context(b)) | (C::Difficulty(a), C::Difficulty(b)) => {
            disjoint(*a, *b)
        }
        // The context holds the prompt, so it cannot be smaller.
        (C::Tokens(prompt), C::Context(whole)) | (C::Context(whole), C::Tokens(prompt)) => whole.max < prompt.min,
        (C::Tools(a), C::Tools(b)) | (C::Images(a), C::Images(b)) | (C::BudgetUsed(a), C::BudgetUsed(b)) => {
            disjoint(*a, *b)
        }
        (C::Risk(a), C::Risk(b)) => !a.iter().any(|level| b.contains(level)),
        (C::Kind(a), C::Kind(b)) => !a.iter().any(|kind| b.contains(kind)),
        (C::Stream(a), C::Stream(b)) => a != b,
        (C::Turn(a), C::Turn(b)) => a != b,
        (C::Conversation(a), C::Conversation(b)) => a != b,
        (C::Present(a, false), C::Named(b, _)) | (C::Named(b, _), C::Present(a, false)) => a == b,
        (C::Present(a, there), C::Present(b, here)) => a == b && there != here,
        _ => false,
    }
}

fn disjoint(a: Range, b: Range) -> bool {
    a.max < b.min || b.max < a.min
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Difficulty, Facts, Kind, Risk, Tag, TagSet, TokenCount};
    use crate::route::sample::facts;

    fn some_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<T>> {
        proptest::sample::subsequence(all, 0..=all.len().min(3))
    }

    fn tags() -> impl Strategy<Value = TagSet> {
        some_of(&Tag::ALL[..3]).prop_map(TagSet::from_iter)
    }

    fn range() -> impl Strategy<Value = Range> {
        (0..6_u64, prop_oneof![0..6_u64, Just(u64::MAX)]).prop_map(|(min, max)| Range { min, max })
    }

    fn whens() -> impl Strategy<Value = When> {
        let leaf = prop_oneof![
            (tags(), tags(), tags()).prop_map(|(any, all, none)| Condition::Tags(SetTest { any, all, none })),
            some_of(Risk::ALL).prop_map(Condition::Risk),
            some_of(&Kind::ALL[..3]).prop_map(Condition::Kind),
            range().prop_map(Condition::Tokens),
            range().prop_map(Condition::Context),
            range().prop_map(Condition::Difficulty),
            any::<bool>().prop_map(Condition::Stream),
        ];
        let conditions = leaf.prop_recursive(2, 8, 2, |inner| {
            let whens = proptest::collection::vec(proptest::collection::vec(inner, 1..3).prop_map(When), 1..3);
            prop_oneof![
                whens.clone().prop_map(Condition::Any),
                whens.clone().prop_map(Condition::All),
                whens.prop_map(|mut whens| Condition::Not(whens.swap_remove(0))),
            ]
        });
        proptest::collection::vec(conditions, 1..3).prop_map(When)
    }

    fn requests() -> impl Strategy<Value = Facts> {
        let parts = (tags(), some_of(Risk::ALL), some_of(&Kind::ALL[..3]), 0..6_u64, 0..3_u64, any::<bool>());
        parts.prop_map(|(tags, risk, kind, tokens, output, stream)| Facts {
            tags,
            risk: risk.first().copied().unwrap_or(Risk::Low),
            kind: kind.first().copied().unwrap_or(Kind::Other),
            tokens: TokenCount::exact(tokens),
            max_output: Some(output),
            stream,
            difficulty: if stream { Difficulty::UNKNOWN } else { Difficulty::of(output as f64 / 1e4) },
            ..facts()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn what_is_implied_holds(narrow in whens(), wide in whens(), request in requests()) {
            if implies(&narrow, &wide) && narrow.holds(&request) {
                prop_assert!(wide.holds(&request));
            }
        }

        #[test]
        fn a_contradiction_never_holds(when in whens(), request in requests()) {
            if contradiction(&when).is_some() {
                prop_assert!(!when.holds(&request));
            }
        }

        #[test]
        fn everything_implies_itself(when in whens()) {
            prop_assert!(implies(&when, &when));
        }
    }

    #[test]
    fn contradictions_are_found() {
        let check = |conditions: Vec<Condition>, found: bool| {
            assert_eq!(contradiction(&When(conditions.clone())).is_some(), found, "{conditions:?}");
        };
        let tokens = |min, max| Condition::Tokens(Range { min, max });
        check(vec![tokens(5, 4)], true);
        check(vec![tokens(5, 9), Condition::Context(Range { min: 0, max: 4 })], true);
        check(vec![Condition::Any(vec![When(vec![tokens(5, 4)])])], true);
        check(vec![Condition::Not(When(vec![Condition::Stream(true)])), Condition::Stream(true)], true);
        check(vec![Condition::Risk(vec![Risk::Low]), Condition::Risk(vec![Risk::High])], true);
        check(vec![tokens(5, 9), Condition::Stream(true)], false);
    }
}
