//! How conversations keep their place.

use std::time::Duration;

use super::{Checker, DAY};
use crate::config::located::Located;
use crate::config::raw::RawConversations;
use crate::route::Policy;
use crate::sessions::Settings;

impl Checker<'_, '_> {
    pub(super) fn conversations(&mut self, raw: &RawConversations) -> (Settings, Policy) {
        let (settings, policy) = (Settings::default(), Policy::default());
        let bounds = Duration::from_secs(1)..=Duration::from_secs(DAY);
        let key = "conversations.cache_life";
        let cache_life = self.duration_within(raw.cache_life.as_ref(), key, bounds, settings.cache_life);
        let most_left = self.times(raw.most_requests_left.as_ref(), "most_requests_left", 1, policy.most_left);
        let never = raw.stuck_after.as_ref().is_some_and(|after| **after == 0);
        let stuck_after = raw.stuck_after.as_ref().filter(|_| !never);
        // One call is no repetition.
        let stuck_after = self.times(stuck_after, "stuck_after", 2, policy.stuck_after.unwrap_or(2));
        let refuse_after = self.times(raw.refuse_after.as_ref(), "refuse_after", 1, policy.refuse_after);
        if let (Some(written), true) = (&raw.refuse_after, never) {
            let message = "`conversations.refuse_after` counts from `stuck_after` on, which is 0";
            self.findings.error(written.span(), message).hint("leave one of the two out");
        }
        let stuck_after = (!never).then_some(stuck_after);
        (
            Settings { stay: raw.stay.unwrap_or(settings.stay), cache_life },
            Policy { most_left, stuck_after, refuse_after },
        )
    }

    fn times(&mut self, written: Option<&Located<u32>>, key: &str, least: u32, default: u32) -> u32 {
        let Some(written) = written else { return default };
        if !(least..=Policy::MOST).contains(written.value()) {
            let message = format!("`conversations.{key}` cannot be `{}`", written.value());
            self.findings.error(written.span(), message).hint(format!("from {least} to {}", Policy::MOST));
            return default;
        }
        *written.value()
    }
}
