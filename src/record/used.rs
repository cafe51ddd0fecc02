//! What past answers used: for pricing them again, and for comparing them with a provider's bill.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Row, ToSql};
use uuid::Uuid;

use super::file::LedgerError;
use super::period::Period;
use super::query::Reader;
use super::{cell, ship};
use crate::domain::{Pico, RequestId, Usage};
use crate::store::postgres::{self, Pool};

/// What one answer used and cost.
#[derive(Clone, PartialEq, Debug)]
pub struct Used {
    /// Where its entry stands in the file; 0 in a database, which is read in another order.
    pub seq: i64,
    /// The request.
    pub id: RequestId,
    /// When it arrived.
    pub at: SystemTime,
    /// The endpoint that answered.
    pub endpoint: Option<String>,
    /// The model that it was asked for.
    pub model: Option<String>,
    /// Tokens and searches.
    pub usage: Usage,
    /// The tier of service that the answer named.
    pub service_tier: Option<String>,
    /// What it cost, as far as that is known.
    pub cost: Option<Pico>,
    /// By which prices.
    pub price_version: Option<String>,
}

const READ: &str = "SELECT seq, id, at_millis, endpoint, model, input, cache_read, cache_write_5m, cache_write_1h, output, \
                    reasoning, audio_input, audio_output, image, web_searches, service_tier, cost_pico, price_version \
                    FROM entries WHERE seq > ?1 AND input IS NOT NULL AND at_millis >= ?2 AND at_millis < ?3 \
                    AND (?4 IS NULL OR model = ?4) ORDER BY seq LIMIT ?5";

impl Reader {
    /// The next entries after `after` of those that used anything in the period, in the order of their writing.
    /// [`Archive::used`](super::archive::Archive::used) asks wherever the ledger is.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn used(
        &self,
        period: Period,
        model: Option<&str>,
        after: Option<&Used>,
        most: usize,
    ) -> Result<Vec<Used>, LedgerError> {
        let (since, until) = bounds(period);
        let after = after.map_or(0, |used| used.seq);
        let mut statement = self.connection().prepare_cached(READ)?;
        let wanted: [&dyn ToSql; 5] = [&after, &since, &until, &model, &(most as i64)];
        let rows = statement.query_map(wanted, used)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

pub(super) fn bounds(period: Period) -> (i64, i64) {
    (period.since_millis.unwrap_or(0), period.until_millis.unwrap_or(i64::MAX))
}

/// Day by day, in the order of the primary key: a page is read from where the last one ended, and days outside the period
/// are not looked at.
const READ_DATABASE: &str = "SELECT id, at_millis, endpoint, model, input, cache_read, cache_write_5m, cache_write_1h, \
                             output, reasoning, audio_input, audio_output, image, web_searches, service_tier, cost_pico, \
                             price_version FROM entries WHERE (day, id) > (DATE '1970-01-01' + $1::int, $2) AND \
                             day BETWEEN DATE '1970-01-01' + $1::int AND DATE '1970-01-01' + $7::int AND \
                             input IS NOT NULL AND at_millis >= $3 AND at_millis < $4 AND \
                             ($5::text IS NULL OR model = $5) ORDER BY day, id LIMIT $6";

/// As [`Reader::used`], of what was shipped to PostgreSQL.
pub(super) async fn in_database(
    pool: &Pool,
    period: Period,
    model: Option<&str>,
    after: Option<&Used>,
    most: usize,
) -> Result<Vec<Used>, LedgerError> {
    let (since, until) = bounds(period);
    let last = after.map_or((day(since), Uuid::nil()), |used| {
        let at = used.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        (day(i64::try_from(at.as_millis()).unwrap_or(i64::MAX)), Uuid::from_bytes(*used.id.as_bytes()))
    });
    let connection = postgres::connection(pool).await?;
    let wanted: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
        [&last.0, &last.1, &since, &until, &model, &(most as i64), &day(until)];
    let rows = connection.query(READ_DATABASE, &wanted).await?;
    rows.iter().map(shipped).collect::<Result<_, tokio_postgres::Error>>().map_err(LedgerError::from)
}

/// The day of a moment, since 1970, within what PostgreSQL's calendar is used for.
pub(super) fn day(at_millis: i64) -> i32 {
    i32::try_from(at_millis.div_euclid(cell::DAY)).unwrap_or(ship::LAST_DAY).clamp(0, ship::LAST_DAY)
}

fn shipped(row: &tokio_postgres::Row) -> Result<Used, tokio_postgres::Error> {
    let whole = |place: usize| row.try_get::<_, Option<i64>>(place).map(|whole| whole.unwrap_or(0).unsigned_abs());
    Ok(Used {
        seq: 0,
        id: RequestId::from_bytes(*row.try_get::<_, Uuid>(0)?.as_bytes()),
        at: UNIX_EPOCH + Duration::from_millis(whole(1)?),
        endpoint: row.try_get(2)?,
        model: row.try_get(3)?,
        usage: Usage {
            input: whole(4)?,
            cache_read: whole(5)?,
            cache_write_5m: whole(6)?,
            cache_write_1h: whole(7)?,
            output: whole(8)?,
            reasoning: whole(9)?,
            audio_input: whole(10)?,
            audio_output: whole(11)?,
            image: whole(12)?,
            web_searches: whole(13)?,
        },
        service_tier: row.try_get(14)?,
        cost: row.try_get::<_, Option<i64>>(15)?.map(|pico| Pico::new(pico.into())),
        price_version: row.try_get(16)?,
    })
}

fn used(row: &Row<'_>) -> rusqlite::Result<Used> {
    let whole = |place: usize| row.get::<_, Option<i64>>(place).map(|whole| whole.unwrap_or(0).unsigned_abs());
    let id: [u8; 16] = row.get(1)?;
    Ok(Used {
        seq: row.get(0)?,
        id: RequestId::from_bytes(id),
        at: UNIX_EPOCH + Duration::from_millis(whole(2)?),
        endpoint: row.get(3)?,
        model: row.get(4)?,
        usage: Usage {
            input: whole(5)?,
            cache_read: whole(6)?,
            cache_write_5m: whole(7)?,
            cache_write_1h: whole(8)?,
            output: whole(9)?,
            reasoning: whole(10)?,
            audio_input: whole(11)?,
            audio_output: whole(12)?,
            image: whole(13)?,
            web_searches: whole(14)?,
        },
        service_tier: row.get(15)?,
        cost: row.get::<_, Option<i64>>(16)?.map(|pico| Pico::new(pico.into())),
        price_version: row.get(17)?,
    })
}
