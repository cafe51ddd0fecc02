//! Feedback, kept.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{Feedback, Rated, Rating};
use crate::domain::RequestId;
use crate::store::{Migration, Row, Store, StoreError, Value};

/// The tables of this room.
const MIGRATIONS: &[Migration] = &[Migration { name: "feedback", sql: include_str!("migrations/0001_feedback.sql") }];

/// What the ledger says of a request does not change; what somebody says of it may.
const TELL: &str = "INSERT INTO feedback (request_id, rating, reason, told_by, told_millis, at_millis, key, engineer, team, \
                    feature, app, rule, tier, endpoint, model) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                    ON CONFLICT (request_id) DO UPDATE SET rating = excluded.rating, reason = excluded.reason, \
                    told_by = excluded.told_by, told_millis = excluded.told_millis";
const SELECT: &str = "SELECT request_id, rating, reason, told_by, told_millis, at_millis, key, engineer, team, feature, \
                      app, rule, tier, endpoint, model FROM feedback \
                      WHERE at_millis >= $1 AND at_millis < $2 ORDER BY at_millis, request_id";
const RATINGS: &str = "SELECT request_id, rating FROM feedback WHERE at_millis >= $1 AND at_millis < $2";
const FORGET: &str = "DELETE FROM feedback WHERE request_id = $1";

/// The book of feedback. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct FeedbackBook {
    store: Store,
    migrated: Arc<OnceCell<()>>,
}

impl FeedbackBook {
    /// The book in this store, which is not asked yet: the proxy starts although it may be gone.
    pub fn new(store: Store) -> Self {
        Self { store, migrated: Arc::default() }
    }

    async fn store(&self) -> Result<&Store, StoreError> {
        self.migrated.get_or_try_init(|| self.store.migrate("feedback", MIGRATIONS)).await?;
        Ok(&self.store)
    }

    /// Keeps the last word on a request.
    ///
    /// # Errors
    /// What the store says.
    pub async fn tell(&self, feedback: &Feedback) -> Result<(), StoreError> {
        let Feedback { request_id, rating, reason, told_by, told_millis, rated } = feedback;
        let text = |text: &Option<String>| Value::from(text.clone());
        let parameters = vec![
            request_id.to_string().into(),
            rating.as_str().into(),
            text(reason),
            told_by.clone().into(),
            (*told_millis).into(),
            rated.at_millis.into(),
            text(&rated.key),
            text(&rated.engineer),
            text(&rated.team),
            text(&rated.feature),
            text(&rated.app),
            text(&rated.rule),
            text(&rated.tier),
            text(&rated.endpoint),
            text(&rated.model),
        ];
        self.store().await?.execute(TELL, parameters).await.map(drop)
    }

    /// What was said of requests that arrived from the first moment to before the second, in their order.
    ///
    /// # Errors
    /// What the store says.
    pub async fn told(&self, since_millis: i64, until_millis: i64) -> Result<Vec<Feedback>, StoreError> {
        let rows = self.store().await?.query(SELECT, vec![since_millis.into(), until_millis.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// As [`told`](Self::told), the ratings alone.
    ///
    /// # Errors
    /// What the store says.
    pub async fn ratings(&self, since_millis: i64, until_millis: i64) -> Result<Vec<(RequestId, Rating)>, StoreError> {
        let rows = self.store().await?.query(RATINGS, vec![since_millis.into(), until_millis.into()]).await?;
        rows.iter().map(|row| Ok((id(row, 0)?, rating(row, 1)?))).collect()
    }

    /// Takes out what was said of a request. Whether something was.
    ///
    /// # Errors
    /// What the store says.
    pub async fn forget(&self, request: RequestId) -> Result<bool, StoreError> {
        Ok(self.store().await?.execute(FORGET, vec![request.to_string().into()]).await? == 1)
    }
}

fn id(row: &Row, column: usize) -> Result<RequestId, StoreError> {
    RequestId::parse(&row.text(column)?).ok_or(StoreError::Shape(column))
}

fn rating(row: &Row, column: usize) -> Result<Rating, StoreError> {
    Rating::parse(&row.text(column)?).ok_or(StoreError::Shape(column))
}

fn read(row: &Row) -> Result<Feedback, StoreError> {
    Ok(Feedback {
        request_id: id(row, 0)?,
        rating: rating(row, 1)?,
        reason: row.text_or_none(2)?,
        told_by: row.text(3)?,
        told_millis: row.int(4)?,
        rated: Rated {
            at_millis: row.int(5)?,
            key: row.text_or_none(6)?,
            engineer: row.text_or_none(7)?,
            team: row.text_or_none(8)?,
            feature: row.text_or_none(9)?,
            app: row.text_or_none(10)?,
            rule: row.text_or_none(11)?,
            tier: row.text_or_none(12)?,
            endpoint: row.text_or_none(13)?,
            model: row.text_or_none(14)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Place;

    #[tokio::test]
    async fn the_last_word_counts_and_what_was_rated_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Place::File(folder.path().join("registry.db"))).await.unwrap();
        let book = FeedbackBook::new(store);
        let request_id = RequestId::new(7, [1; 10]);
        let rated = Rated { at_millis: 7, tier: Some("cheap".into()), ..Rated::default() };
        let first = Feedback {
            request_id,
            rating: Rating::Good,
            reason: None,
            told_by: "caller".into(),
            told_millis: 10,
            rated: rated.clone(),
        };
        let elsewhere = Rated { tier: Some("large".into()), ..rated.clone() };
        let last = Feedback {
            rating: Rating::Bad,
            reason: Some("wrong".into()),
            told_millis: 20,
            rated: elsewhere,
            ..first.clone()
        };
        book.tell(&first).await.unwrap();
        book.tell(&last).await.unwrap();
        assert_eq!(book.told(7, 8).await.unwrap(), [Feedback { rated, ..last }]);
        assert_eq!(book.ratings(7, 8).await.unwrap(), [(request_id, Rating::Bad)]);
        assert!(book.told(8, 99).await.unwrap().is_empty());
        assert!(book.forget(request_id).await.unwrap() && !book.forget(request_id).await.unwrap());
    }
}
