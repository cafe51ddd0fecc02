//! The days of the PostgreSQL ledger: each has tables of its own, made ahead, and dropped as a whole.

use std::collections::BTreeSet;

use deadpool_postgres::Object;
use jiff::Span;
use jiff::civil::{Date, date};

/// "weighday", as a number: replicas that make or drop days wait for each other under it.
const LOCK: i64 = 0x7765_6967_6864_6179;

/// So many days are made ahead.
const AHEAD: i64 = 7;

/// Days before this one come from a wrong clock.
const FIRST: i64 = 18_262; // 2020-01-01

/// The days that are known to have tables.
#[derive(Debug, Default)]
pub struct Days(BTreeSet<i64>);

impl Days {
    /// Makes the tables of these days (counted since 1970) and of the coming ones, where they are missing.
    ///
    /// # Errors
    /// What PostgreSQL says. A lock that others hold is waited for for two seconds, not longer: whoever writes comes
    /// after this.
    pub async fn make(
        &mut self,
        connection: &mut Object,
        today: i64,
        days: impl Iterator<Item = i64>,
    ) -> Result<(), tokio_postgres::Error> {
        let wanted = days.filter(|day| (FIRST..=today + AHEAD).contains(day)).chain(today..=today + AHEAD);
        let missing: BTreeSet<i64> = wanted.filter(|day| !self.0.contains(day)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let transaction = connection.transaction().await?;
        transaction.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        for day in &missing {
            for table in ["entries", "attempts"] {
                let name = name(table, *day);
                let found = transaction.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&name]).await?;
                if !found.try_get::<_, bool>(0)? {
                    transaction.batch_execute(&making(table, &name, *day)).await?;
                }
            }
        }
        transaction.commit().await?;
        self.0.extend(missing);
        Ok(())
    }

    /// Drops the days before this one, and says since when entries are kept. True: there was something to drop.
    ///
    /// # Errors
    /// What PostgreSQL says; as for [`Days::make`].
    pub async fn drop_before(&mut self, connection: &mut Object, day: i64) -> Result<bool, tokio_postgres::Error> {
        let found = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
                     WHERE i.inhparent IN ('entries'::regclass, 'attempts'::regclass) \
                       AND right(c.relname::text, 8) ~ '^[0-9]{8}$' AND right(c.relname::text, 8) < $1 ORDER BY 1";
        let first_kept = date_of(day);
        let transaction = connection.transaction().await?;
        transaction.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        let tables = transaction.query(found, &[&first_kept.strftime("%Y%m%d").to_string()]).await?;
        let kept = "INSERT INTO ledger_meta AS m (name, value) VALUES ('kept_since', $1) \
                    ON CONFLICT (name) DO UPDATE SET value = greatest(m.value, excluded.value)";
        transaction.execute(kept, &[&day.saturating_mul(crate::record::cell::DAY)]).await?;
        for table in &tables {
            let name: &str = table.try_get(0)?;
            transaction.batch_execute(&format!("DROP TABLE {name}")).await?;
        }
        let late = format!("'{first_kept}'");
        transaction
            .batch_execute(&format!(
                "DELETE FROM entries_default WHERE day < {late}; DELETE FROM attempts_default WHERE day < {late}; \
                 DELETE FROM discarded WHERE entry_day < {late}"
            ))
            .await?;
        transaction.commit().await?;
        self.0.retain(|known| *known >= day);
        Ok(!tables.is_empty())
    }
}

fn date_of(day: i64) -> Date {
    date(1970, 1, 1).checked_add(Span::new().days(day.clamp(0, 2_932_896))).unwrap_or(Date::MAX)
}

fn name(table: &str, day: i64) -> String {
    format!("{table}_{}", date_of(day).strftime("%Y%m%d"))
}

/// Attaching takes no lock that stops whoever writes to other days, which creating a partition in its place would.
fn making(table: &str, name: &str, day: i64) -> String {
    let (from, to) = (date_of(day), date_of(day + 1));
    format!(
        "CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
         LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE;
         WITH moved AS (DELETE FROM {table}_default WHERE day = '{from}' RETURNING *) INSERT INTO {name} SELECT * FROM moved;
         ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_name() {
        assert_eq!(name("entries", 20_779), "entries_20261122");
        assert_eq!(date_of(FIRST), date(2020, 1, 1));
        assert_eq!(date_of(i64::MAX), date(9999, 12, 31));
    }
}
