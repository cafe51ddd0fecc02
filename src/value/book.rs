//! Outcomes, kept.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::outcome::{Outcome, Source};
use crate::domain::Label;
use crate::store::{Migration, Row, Statement, Store, StoreError, Value};

/// The tables of this room.
const MIGRATIONS: &[Migration] = &[Migration { name: "outcomes", sql: include_str!("migrations/0001_outcomes.sql") }];

/// How long a delivery is remembered: longer than any code host tries again.
const DELIVERY_MEMORY_MILLIS: i64 = 30 * 24 * 3600 * 1000;

const INSERT: &str = "INSERT INTO outcomes (kind, id, source, at_millis, repository, branch, pull_request, author, \
                      engineer, team, feature, weight, told_millis) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
                      ON CONFLICT (kind, id) DO NOTHING";
const INSERT_DELIVERY: &str = "INSERT INTO deliveries (id, at_millis) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
const FORGET_DELIVERIES: &str = "DELETE FROM deliveries WHERE at_millis < $1";
const SELECT: &str = "SELECT kind, id, source, at_millis, repository, branch, pull_request, author, engineer, team, \
                      feature, weight FROM outcomes WHERE at_millis >= $1 AND at_millis < $2 ORDER BY at_millis, kind, id";
const DELETE: &str = "DELETE FROM outcomes WHERE kind = $1 AND id = $2";

/// What became of outcomes that were told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Kept {
    /// They are new.
    pub new: u64,
    /// They were told before: nothing changed.
    pub known: u64,
}

/// The book of outcomes. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Book {
    store: Store,
    migrated: Arc<OnceCell<()>>,
}

impl Book {
    /// The book in this store, which is not asked yet: the proxy starts although it may be gone.
    pub fn new(store: Store) -> Self {
        Self { store, migrated: Arc::default() }
    }

    /// The store, with this room's tables up to date.
    ///
    /// # Errors
    /// What the store says.
    pub async fn store(&self) -> Result<&Store, StoreError> {
        self.migrated.get_or_try_init(|| self.store.migrate("value", MIGRATIONS)).await?;
        Ok(&self.store)
    }

    /// Keeps outcomes, all of them or none. What was told before is left as it is.
    ///
    /// # Errors
    /// What the database says; then none is kept.
    pub async fn keep(&self, outcomes: &[Outcome], now_millis: i64) -> Result<Kept, StoreError> {
        let statements = outcomes.iter().map(|outcome| insert(outcome, now_millis)).collect();
        let changed = self.store().await?.transact(statements).await?;
        let new = changed.iter().sum();
        Ok(Kept { new, known: changed.len() as u64 - new })
    }

    /// Keeps what a webhook's delivery told, and that it was delivered.
    ///
    /// # Errors
    /// What the database says; then nothing is kept, and the code host has to deliver again.
    pub async fn keep_delivered(
        &self,
        outcome: &Outcome,
        delivery: Option<&str>,
        now_millis: i64,
    ) -> Result<Kept, StoreError> {
        let mut statements = Vec::with_capacity(3);
        if let Some(delivery) = delivery {
            let id = format!("{}:{}", outcome.source.as_str(), delivery.chars().take(128).collect::<String>());
            statements.push(Statement::one(INSERT_DELIVERY, vec![id.into(), now_millis.into()]));
            let oldest = now_millis - DELIVERY_MEMORY_MILLIS;
            statements.push(Statement::new(FORGET_DELIVERIES, vec![oldest.into()]));
        }
        statements.push(insert(outcome, now_millis));
        match self.store().await?.transact(statements).await {
            Ok(changed) => {
                let new = changed.last().copied().unwrap_or(0);
                Ok(Kept { new, known: 1 - new })
            }
            // A delivery that is known told of its outcome before, even if somebody has removed that since.
            Err(StoreError::Conflict) => Ok(Kept { new: 0, known: 1 }),
            Err(error) => Err(error),
        }
    }

    /// The outcomes that shipped from the first moment to before the second, in their order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn shipped(&self, since_millis: i64, until_millis: i64) -> Result<Vec<Outcome>, StoreError> {
        let rows = self.store().await?.query(SELECT, vec![since_millis.into(), until_millis.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// Takes out an outcome that was told by mistake. Whether there was one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        Ok(self.store().await?.execute(DELETE, vec![kind.into(), id.into()]).await? == 1)
    }
}

fn insert(outcome: &Outcome, now_millis: i64) -> Statement {
    let text = |text: &Option<String>| Value::from(text.clone());
    let label = |label: &Option<Label>| Value::from(label.as_ref().map(Label::as_str));
    Statement::new(
        INSERT,
        vec![
            outcome.kind.as_str().into(),
            outcome.id.clone().into(),
            outcome.source.as_str().into(),
            outcome.at_millis.into(),
            text(&outcome.repository),
            text(&outcome.branch),
            text(&outcome.pull_request),
            text(&outcome.author),
            label(&outcome.engineer),
            label(&outcome.team),
            label(&outcome.feature),
            i64::from(outcome.weight).into(),
            now_millis.into(),
        ],
    )
}

fn read(row: &Row) -> Result<Outcome, StoreError> {
    let label = |column| Ok::<_, StoreError>(row.text_or_none(column)?.as_deref().and_then(Label::parse));
    Ok(Outcome {
        kind: label(0)?.ok_or(StoreError::Shape(0))?,
        id: row.text(1)?,
        source: Source::parse(&row.text(2)?).ok_or(StoreError::Shape(2))?,
        at_millis: row.int(3)?,
        repository: row.text_or_none(4)?,
        branch: row.text_or_none(5)?,
        pull_request: row.text_or_none(6)?,
        author: row.text_or_none(7)?,
        engineer: label(8)?,
        team: label(9)?,
        feature: label(10)?,
        weight: u32::try_from(row.int(11)?).map_err(|_| StoreError::Shape(11))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Place;

    async fn book() -> (tempfile::TempDir, Book) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Place::File(folder.path().join("registry.db"))).await.unwrap();
        (folder, Book::new(store))
    }

    fn outcome(id: &str, at_millis: i64) -> Outcome {
        Outcome {
            kind: Label::parse("merged-pr").unwrap(),
            id: id.into(),
            source: Source::Github,
            at_millis,
            repository: Some("example/shop".into()),
            branch: None,
            pull_request: Some(id.into()),
            author: Some("octocat".into()),
            engineer: None,
            team: None,
            feature: Label::parse("checkout"),
            weight: 2,
        }
    }

    #[tokio::test]
    async fn the_same_told_again_changes_nothing() {
        let (_folder, book) = book().await;
        let (one, two) = (outcome("example/shop#1", 10), outcome("example/shop#2", 20));
        assert_eq!(book.keep(&[one.clone(), two.clone()], 99).await.unwrap(), Kept { new: 2, known: 0 });
        let changed = Outcome { weight: 9, source: Source::Csv, at_millis: 15, ..one.clone() };
        assert_eq!(book.keep(&[changed, outcome("example/shop#3", 30)], 99).await.unwrap(), Kept { new: 1, known: 1 });
        assert_eq!(book.shipped(0, 30).await.unwrap(), [one.clone(), two]);
        assert_eq!(book.shipped(0, 31).await.unwrap().len(), 3);
        let ticket = Outcome { kind: Label::parse("closed-ticket").unwrap(), ..one };
        assert_eq!(book.keep(&[ticket], 99).await.unwrap().new, 1, "another kind is another outcome");
    }

    #[tokio::test]
    async fn a_delivery_that_comes_again_changes_nothing() {
        let (_folder, book) = book().await;
        let one = outcome("example/shop#1", 10);
        assert_eq!(book.keep_delivered(&one, Some("d-1"), 50).await.unwrap(), Kept { new: 1, known: 0 });
        assert_eq!(book.keep_delivered(&one, Some("d-1"), 60).await.unwrap(), Kept { new: 0, known: 1 });
        assert_eq!(book.keep_delivered(&one, Some("d-2"), 70).await.unwrap(), Kept { new: 0, known: 1 });
        assert!(book.remove("merged-pr", "example/shop#1").await.unwrap());
        assert!(!book.remove("merged-pr", "example/shop#1").await.unwrap());
        assert_eq!(book.keep_delivered(&one, Some("d-1"), 80).await.unwrap(), Kept { new: 0, known: 1 });
        assert!(book.shipped(0, 99).await.unwrap().is_empty(), "a replay does not bring back what was taken out");
    }
}
