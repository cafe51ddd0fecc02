//! What is known of experiments, kept where all replicas see it.
//!
//! Each replica adds up its own ledger: what it adds and how far it came are written in one transaction, so that nothing
//! counts twice and nothing is missed, whatever stops the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::Ended;
use super::tally::Sums;
use crate::domain::{Over, Pico};
use crate::route::Run;
use crate::store::{Migration, Statement, Store, StoreError};

/// The tables of this room.
const MIGRATIONS: &[Migration] =
    &[Migration { name: "experiments", sql: include_str!("migrations/0001_experiments.sql") }];

const BEGIN_MARK: &str = "INSERT INTO experiment_marks (replica, seq) VALUES ($1, 0) ON CONFLICT (replica) DO NOTHING";
const MARK: &str = "SELECT seq FROM experiment_marks WHERE replica = $1";
const MOVE_MARK: &str = "UPDATE experiment_marks SET seq = $1 WHERE replica = $2 AND seq = $3";
const ADD: &str = "INSERT INTO experiment_sums (experiment, from_millis, arm, replica, requests, failures, escalations, \
                   unpriced, cost_pico, extra_pico) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                   ON CONFLICT (experiment, from_millis, arm, replica) DO UPDATE SET \
                   requests = experiment_sums.requests + excluded.requests, \
                   failures = experiment_sums.failures + excluded.failures, \
                   escalations = experiment_sums.escalations + excluded.escalations, \
                   unpriced = experiment_sums.unpriced + excluded.unpriced, \
                   cost_pico = experiment_sums.cost_pico + excluded.cost_pico, \
                   extra_pico = experiment_sums.extra_pico + excluded.extra_pico";
const SUMS: &str = "SELECT experiment, from_millis, arm, requests, failures, escalations, unpriced, cost_pico, extra_pico \
                    FROM experiment_sums ORDER BY experiment, from_millis, arm, replica";
const END: &str = "INSERT INTO experiment_ends (experiment, from_millis, over, detail, ended_millis) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (experiment, from_millis) DO NOTHING";
const ENDS: &str = "SELECT experiment, from_millis, over, detail, ended_millis FROM experiment_ends";
const LOOKS: &str = "SELECT looks FROM experiment_looks WHERE experiment = $1 AND from_millis = $2";
const BEGIN_LOOKS: &str = "INSERT INTO experiment_looks (experiment, from_millis, looks) VALUES ($1, $2, 0) \
                           ON CONFLICT (experiment, from_millis) DO NOTHING";
const LOOK: &str =
    "UPDATE experiment_looks SET looks = looks + 1 WHERE experiment = $1 AND from_millis = $2 AND looks = $3";

/// What each arm of each run adds up to, on all replicas together.
pub type AllSums = BTreeMap<(String, i64), BTreeMap<String, Sums>>;

/// The book of experiments. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct ExperimentBook {
    store: Store,
    migrated: Arc<OnceCell<()>>,
}

impl ExperimentBook {
    /// The book in this store, which is not asked yet.
    pub fn new(store: Store) -> Self {
        Self { store, migrated: Arc::default() }
    }

    async fn store(&self) -> Result<&Store, StoreError> {
        self.migrated.get_or_try_init(|| self.store.migrate("experiments", MIGRATIONS)).await?;
        Ok(&self.store)
    }

    /// How far a replica's ledger was added up.
    ///
    /// # Errors
    /// What the store says.
    pub async fn mark(&self, replica: &str) -> Result<i64, StoreError> {
        let store = self.store().await?;
        let rows = store.query(MARK, vec![replica.into()]).await?;
        match rows.first() {
            Some(row) => row.int(0),
            None => store.execute(BEGIN_MARK, vec![replica.into()]).await.map(|_| 0),
        }
    }

    /// Adds what a replica's ledger has from the first mark to the second.
    ///
    /// # Errors
    /// `Conflict` if somebody else has added it, else what the store says; nothing is added then.
    pub async fn add(
        &self,
        replica: &str,
        (from, to): (i64, i64),
        sums: &BTreeMap<(Run, String), Sums>,
    ) -> Result<(), StoreError> {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let add = |((run, arm), sums): (&(Run, String), &Sums)| {
            let parameters = vec![
                run.0.as_str().into(),
                count(run.1).into(),
                arm.clone().into(),
                replica.into(),
                count(sums.requests).into(),
                count(sums.failures).into(),
                count(sums.escalations).into(),
                count(sums.unpriced).into(),
                sums.cost.saturating_i64().into(),
                sums.extra.saturating_i64().into(),
            ];
            Statement::new(ADD, parameters)
        };
        let moved = Statement::one(MOVE_MARK, vec![to.into(), replica.into(), from.into()]);
        let statements = std::iter::once(moved).chain(sums.iter().map(add)).collect();
        self.store().await?.transact(statements).await.map(drop)
    }

    /// What every run adds up to.
    ///
    /// # Errors
    /// What the store says.
    pub async fn sums(&self) -> Result<AllSums, StoreError> {
        let mut all = AllSums::new();
        for row in self.store().await?.query(SUMS, Vec::new()).await? {
            let arms = all.entry((row.text(0)?, row.int(1)?)).or_default();
            let sums: &mut Sums = arms.entry(row.text(2)?).or_default();
            let count = |column| row.int(column).map(|count| count.max(0).unsigned_abs());
            sums.requests += count(3)?;
            sums.failures += count(4)?;
            sums.escalations += count(5)?;
            sums.unpriced += count(6)?;
            sums.cost = sums.cost + Pico::new(row.int(7)?.into());
            sums.extra = sums.extra + Pico::new(row.int(8)?.into());
        }
        Ok(all)
    }

    /// Ends a run. Whether it was this process that did.
    ///
    /// # Errors
    /// What the store says.
    pub async fn end(&self, run: &Run, ended: &Ended) -> Result<bool, StoreError> {
        let from = i64::try_from(run.1).unwrap_or(i64::MAX);
        let parameters = vec![
            run.0.as_str().into(),
            from.into(),
            ended.over.as_str().into(),
            ended.detail.clone().into(),
            ended.at_millis.into(),
        ];
        Ok(self.store().await?.execute(END, parameters).await? == 1)
    }

    /// The runs that have ended before their date.
    ///
    /// # Errors
    /// What the store says.
    pub async fn ends(&self) -> Result<BTreeMap<(String, i64), Ended>, StoreError> {
        let rows = self.store().await?.query(ENDS, Vec::new()).await?;
        let end = |row: &crate::store::Row| {
            let over = Over::parse_early(&row.text(2)?).ok_or(StoreError::Shape(2))?;
            Ok(((row.text(0)?, row.int(1)?), Ended { over, detail: row.text(3)?, at_millis: row.int(4)? }))
        };
        rows.iter().map(end).collect()
    }

    /// How often the guard of a run has looked.
    ///
    /// # Errors
    /// What the store says.
    pub async fn looks(&self, run: &Run) -> Result<u32, StoreError> {
        let rows = self.store().await?.query(LOOKS, key(run)).await?;
        rows.first().map_or(Ok(0), |row| row.int(0).map(|looks| u32::try_from(looks).unwrap_or(u32::MAX)))
    }

    /// Takes the next look of a guard. Whether it is this process that looks: each look is taken once.
    ///
    /// # Errors
    /// What the store says.
    pub async fn look(&self, run: &Run, after: u32) -> Result<bool, StoreError> {
        let store = self.store().await?;
        store.execute(BEGIN_LOOKS, key(run)).await?;
        let mut parameters = key(run);
        parameters.push(i64::from(after).into());
        Ok(store.execute(LOOK, parameters).await? == 1)
    }
}

fn key(run: &Run) -> Vec<crate::store::Value> {
    vec![run.0.as_str().into(), i64::try_from(run.1).unwrap_or(i64::MAX).into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ExperimentName;
    use crate::store::Place;

    async fn book() -> (tempfile::TempDir, ExperimentBook) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Place::File(folder.path().join("registry.db"))).await.unwrap();
        (folder, ExperimentBook::new(store))
    }

    fn run() -> Run {
        (ExperimentName::parse("try").unwrap(), 100)
    }

    #[tokio::test]
    async fn what_was_added_counts_once_and_for_all_replicas() {
        let (_folder, book) = book().await;
        let sums = Sums { requests: 3, cost: Pico::new(30), extra: Pico::new(-6), ..Sums::default() };
        let all = BTreeMap::from([((run(), "small".to_owned()), sums)]);
        assert_eq!((book.mark("a").await.unwrap(), book.mark("b").await.unwrap()), (0, 0));
        book.add("a", (0, 7), &all).await.unwrap();
        assert!(matches!(book.add("a", (0, 7), &all).await, Err(StoreError::Conflict)), "the same once more");
        book.add("b", (0, 2), &all).await.unwrap();
        assert_eq!(book.mark("a").await.unwrap(), 7);
        let found = book.sums().await.unwrap();
        let small = found[&("try".to_owned(), 100)]["small"];
        assert_eq!((small.requests, small.cost, small.extra), (6, Pico::new(60), Pico::new(-12)));
    }

    #[tokio::test]
    async fn a_run_ends_once_and_each_look_is_taken_once() {
        let (_folder, book) = book().await;
        let ended = |over| Ended { over, detail: "x".into(), at_millis: 5 };
        assert!(book.end(&run(), &ended(Over::Spend)).await.unwrap());
        assert!(!book.end(&run(), &ended(Over::Guard)).await.unwrap());
        assert_eq!(book.ends().await.unwrap()[&("try".to_owned(), 100)], ended(Over::Spend));
        assert!(book.look(&run(), 0).await.unwrap() && !book.look(&run(), 0).await.unwrap());
        assert_eq!(book.looks(&run()).await.unwrap(), 1);
    }
}
