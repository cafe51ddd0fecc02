//! Past requests for this room's tests.

use crate::domain::{Facts, Outcome, Pico, RequestId, Usage};
use crate::record::recorded::{Decided, Recorded};

/// A request that the rule `last` sent to `small` in tier `cheap`.
pub fn recorded(number: u64) -> Recorded {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let at_millis = 1_795_305_600_000 + number * 1_000;
    Recorded {
        id: RequestId::new(at_millis, random),
        at_millis,
        facts: Ok(Box::new(Facts { at_millis, requested_model: "auto".to_owned(), ..Facts::default() })),
        decided: Some(Decided {
            outcome: Outcome::Forward,
            rule: Some("last".into()),
            tier: Some("cheap".into()),
            first: Some("small".into()),
            held_by: None,
            stayed_with: None,
            was_drawn: false,
        }),
        branch: None,
        endpoint: Some("small".into()),
        model: Some("small-1".into()),
        usage: Some(Usage { input: 1_000, output: 100, ..Usage::default() }),
        service_tier: None,
        cost: Some(Pico::new(1_000 * 100_000 + 100 * 400_000)),
    }
}
