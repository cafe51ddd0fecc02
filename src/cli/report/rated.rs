//! What callers said of the answers in a report: good and bad, by what the report is put together by.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::per_outcome::Shelf;
use crate::feedback::book::FeedbackBook;
use crate::feedback::{Feedback, Rated, Rating};
use crate::record::report::{Filter, GroupBy};
use crate::store::StoreError;

/// How answers were rated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(super) struct Ratings {
    /// How many were rated good.
    pub good: u64,
    /// How many were rated bad.
    pub bad: u64,
}

impl Ratings {
    fn rated(self) -> u64 {
        self.good + self.bad
    }
}

/// The ratings by what a report is put together by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ByKey(BTreeMap<Vec<Option<String>>, Ratings>);

impl ByKey {
    /// Those of this period that the filter is about; none where feedback does not know what is asked for.
    ///
    /// # Errors
    /// If the store cannot be asked.
    pub async fn of(shelf: &Shelf, filter: &Filter, by: &[GroupBy]) -> Result<Self, StoreError> {
        let known = |by: &GroupBy| column(*by).is_some();
        if !by.iter().all(known) || !filter.equal.iter().all(|(by, _)| known(by)) {
            return Ok(Self::default());
        }
        let Some(store) = shelf.store().await? else { return Ok(Self::default()) };
        let period = filter.period;
        let (since, until) = (period.since_millis.unwrap_or(i64::MIN), period.until_millis.unwrap_or(i64::MAX));
        let told = FeedbackBook::new(store).told(since, until).await?;
        Ok(Self::sorted(&told, filter, by))
    }

    fn sorted(told: &[Feedback], filter: &Filter, by: &[GroupBy]) -> Self {
        let value = |by: GroupBy, rated: &Rated| column(by).and_then(|of| of(rated).clone());
        let mut sorted = Self::default();
        let counts =
            |one: &&Feedback| filter.equal.iter().all(|(by, wanted)| value(*by, &one.rated).as_ref() == Some(wanted));
        for one in told.iter().filter(counts) {
            let key = by.iter().map(|by| value(*by, &one.rated)).collect();
            let ratings = sorted.0.entry(key).or_default();
            match one.rating {
                Rating::Good => ratings.good += 1,
                Rating::Bad => ratings.bad += 1,
            }
        }
        sorted
    }

    /// Those of a line.
    pub fn line(&self, keys: &[Option<String>]) -> Option<Ratings> {
        self.0.get(keys).copied()
    }

    /// Tells them below a table.
    pub fn print(&self, mut out: impl Write) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nFeedback")?;
        for (keys, ratings) in &self.0 {
            let keys: Vec<&str> = keys.iter().map(|key| key.as_deref().unwrap_or(super::table::NOTHING)).collect();
            let share = 100.0 * ratings.bad as f64 / ratings.rated() as f64;
            writeln!(out, "  {}: {} rated, {} bad ({share:.1} %)", keys.join(", "), ratings.rated(), ratings.bad)?;
        }
        Ok(())
    }
}

/// What feedback says of this; `None`: nothing.
fn column(by: GroupBy) -> Option<fn(&Rated) -> &Option<String>> {
    Some(match by {
        GroupBy::Engineer => |rated| &rated.engineer,
        GroupBy::Team => |rated| &rated.team,
        GroupBy::Feature => |rated| &rated.feature,
        GroupBy::App => |rated| &rated.app,
        GroupBy::Tier => |rated| &rated.tier,
        GroupBy::Model => |rated| &rated.model,
        GroupBy::Rule => |rated| &rated.rule,
        GroupBy::Key => |rated| &rated.key,
        GroupBy::Endpoint => |rated| &rated.endpoint,
        GroupBy::Branch | GroupBy::Pr | GroupBy::Escalated | GroupBy::Day | GroupBy::Hour => return None,
    })
}
