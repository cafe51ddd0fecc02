//! How a model is learnt from what came of prompts. Pure and repeatable: the same examples and the same seed give the
//! same model, bit by bit.

mod denoise;
mod fit;
mod kinds;
mod measure;
#[cfg(test)]
pub(super) mod sample;
mod solve;
mod validate;

pub use measure::{Interval, Measured, Saving};
pub use validate::{Report, train};

/// A prompt, and what came of it on the two models.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Example {
    /// What the human asked.
    pub text: String,
    /// The definitions of tools, as JSON; empty if there were none.
    pub tools: String,
    /// How well the small model did, from 0 to 1.
    pub small: f32,
    /// How well the large one did.
    pub large: f32,
    /// The probability that the large one did better: 0 or 1 where each answered once.
    pub need: f32,
    /// What the small model's answer cost, in whatever unit.
    pub small_cost: f32,
    /// What the large model's answer cost.
    pub large_cost: f32,
    /// How well other models did, in the same order for a whole group; empty if nobody asked them.
    pub others: Vec<f32>,
    /// Where it comes from; examples of one group are compared with each other.
    pub group: String,
    /// Near-duplicates share it, so that none of them is learnt from while another is asked about.
    pub cluster: String,
}

impl Example {
    fn gain(&self) -> f32 {
        self.large - self.small
    }
}

/// How to learn.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Draws the landmarks and the resamples of the intervals.
    pub seed: u64,
    /// What is written into the file about its origin.
    pub summary: String,
}

/// Fewer examples than this say nothing.
pub const LEAST_EXAMPLES: usize = 40;
/// And of either answer so many must be there.
pub const LEAST_OF_EACH: usize = 8;

/// Numbers that look drawn by chance and are not.
#[derive(Clone, Debug)]
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// A number that depends on a text alone.
fn digest(text: &str) -> u64 {
    let sum = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    Draw(sum).next()
}
