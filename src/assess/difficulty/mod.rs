//! How likely a prompt needs the large model: learnt from what came of other prompts, and raised by what has happened in
//! the session since.
//!
//! What is learnt on one kind of traffic says next to nothing about another. So a model also tells how far a prompt is
//! from all that it learnt from, and a prompt that is too far has no difficulty: whoever does not know takes the large
//! model.

mod file;
mod model;
mod shape;
pub mod train;
mod trajectory;
mod words;

use std::sync::{Arc, LazyLock};

pub use model::{Model, Reading};
pub use shape::{Asked, excerpt};
pub use trajectory::{Trajectory, raise};

/// The model that is built in, learnt from published outcomes whose licences allow it: see `docs/difficulty.md`.
static SHIPPED: LazyLock<Arc<Model>> = LazyLock::new(|| {
    let bytes = include_bytes!("../../../data/difficulty.model");
    Arc::new(Model::from_bytes(bytes).expect("a test reads it"))
});

/// The model that is built in.
pub fn shipped() -> Arc<Model> {
    Arc::clone(&SHIPPED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Difficulty;

    #[test]
    fn the_model_that_is_built_in_can_be_read() {
        let judged = |text: &str| shipped().judge(Asked { text, tools: "" });
        assert!(judged("What is the capital of France?\nA. Paris\nB. Rome\nC. Bonn\nD. Oslo\nAnswer:").is_known());
        assert_eq!(judged("zxqv wqpt vvvlk 99:¤ ≈≈ krzt plmb vrrr tlk brzzk ¤¤ wqqt"), Difficulty::UNKNOWN);
    }
}
