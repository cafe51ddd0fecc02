//! Examples for the tests: sums are easy for the small model, proofs are not.

use super::{Example, Plan, train};
use crate::assess::difficulty::Model;

/// Sums and proofs, in turn.
pub fn examples(count: usize) -> Vec<Example> {
    let things = ["apples", "lorries", "ledgers", "bridges", "tokens", "prompts", "engineers", "invoices"];
    let example = |number: usize| {
        let (one, other) = (things[number % 8], things[(number / 8) % 8]);
        let hard = number % 2 == 1;
        let text = match hard {
            false => format!("What is {number} plus {} {one}?", number * 7 % 50),
            true => {
                format!("Prove that for every set of {one} there is a graph of {other} whose colouring is minimal.")
            }
        };
        let small = f32::from(u8::from(!hard || number % 10 == 1));
        let cluster = number.to_string();
        let group = "sums".to_owned();
        let (large, need, small_cost, large_cost) = (1.0, 1.0 - small, 0.1, 1.0);
        Example { text, small, large, need, small_cost, large_cost, group, cluster, ..Example::default() }
    };
    (0..count).map(example).collect()
}

/// What is learnt from them.
pub fn model() -> Model {
    let plan = Plan { seed: 7, summary: "sums and proofs".to_owned() };
    train(&examples(120), &plan).expect("enough examples").0
}
