//! The dearest that tokens can cost, before it is known which of them come from a cache, are sound, or were thought.

use std::sync::Arc;

use super::Pico;

/// An upper bound of a price, whatever bucket each token falls into and at whatever hour it is used. Prices that rise
/// with the length of the prompt rise here as well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ceiling {
    /// Never empty; the first is for every prompt, the others from more than so many tokens on, dearer and dearer.
    steps: Arc<[Step]>,
}

/// The dearest prices of prompts longer than so many tokens, in pico-dollars rounded up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// More prompt tokens than this; of the first step it says nothing.
    pub above: u64,
    /// A prompt token.
    pub input: u64,
    /// An answer token.
    pub output: u64,
    /// The request itself.
    pub request: u64,
}

impl Step {
    pub(super) fn max(self, other: Step) -> Step {
        Step {
            above: self.above.max(other.above),
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            request: self.request.max(other.request),
        }
    }
}

impl Ceiling {
    /// The same price for prompts of any length.
    pub fn flat(input: u64, output: u64) -> Self {
        Self { steps: [Step { above: 0, input, output, request: 0 }].into() }
    }

    /// From the dearest price of each length; `first` is for prompts of any.
    pub fn of_steps(first: Step, mut longer: Vec<Step>) -> Self {
        longer.sort_by_key(|step| step.above);
        let mut steps: Vec<Step> = vec![first];
        for step in longer {
            // A prompt is bounded from above only, so a shorter one's price must be within a longer one's.
            let last = steps.last().copied().unwrap_or_default();
            let dearer = last.max(step);
            if (dearer.input, dearer.output, dearer.request) != (last.input, last.output, last.request) {
                steps.push(dearer);
            }
        }
        Self { steps: steps.into() }
    }

    /// What holds for both.
    #[must_use]
    pub fn or(&self, other: &Ceiling) -> Ceiling {
        let of_both =
            |above: u64| Step { above, ..self.step(above.saturating_add(1)).max(*other.step(above.saturating_add(1))) };
        let longer = self.steps.iter().skip(1).chain(other.steps.iter().skip(1)).map(|step| of_both(step.above));
        Self::of_steps(self.steps[0].max(other.steps[0]), longer.collect())
    }

    fn step(&self, input: u64) -> &Step {
        let step = self.steps.iter().skip(1).rev().find(|step| input > step.above);
        step.unwrap_or(&self.steps[0])
    }

    /// The dearest that a prompt and an answer of at most so many tokens can cost.
    pub fn cost(&self, input: u64, output: u64) -> Pico {
        let step = self.step(input);
        let product =
            |tokens: u64, rate: u64| i128::try_from(u128::from(tokens) * u128::from(rate)).unwrap_or(i128::MAX);
        Pico::new(product(input, step.input)) + Pico::new(product(output, step.output)) + Pico::new(step.request.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(above: u64, input: u64, output: u64) -> Step {
        Step { above, input, output, request: 0 }
    }

    #[test]
    fn longer_prompts_are_bounded_by_what_shorter_ones_can_cost() {
        let ceiling = Ceiling::of_steps(step(0, 5, 10), vec![step(200, 20, 10), step(100, 2, 30)]);
        assert_eq!(ceiling.cost(100, 1), Pico::new(510));
        assert_eq!(ceiling.cost(101, 1), Pico::new(505 + 30), "an answer became dearer, a prompt never cheaper");
        assert_eq!(ceiling.cost(201, 1), Pico::new(4020 + 30));
        let both = ceiling.or(&Ceiling::flat(7, 11));
        assert_eq!(both.cost(100, 1), Pico::new(711));
        assert_eq!(both.cost(150, 1), Pico::new(7 * 150 + 30));
        assert_eq!(both.cost(201, 1), ceiling.cost(201, 1));
    }
}
