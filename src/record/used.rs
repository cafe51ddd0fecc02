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
    /// Of a request that was charged for an answer that was thrown away: which part this is. The place of the attempt whose
    /// answer that was, or [`ANSWER`]; `None`: there is but one.
    pub place: Option<i64>,
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

/// The part of a request that the caller got. It comes after all others, whose costs are known by then.
pub const ANSWER: i64 = 1_000_000;

const READ: &str = "SELECT seq, id, at_millis, endpoint, model, input, cache_read, cache_write_5m, cache_write_1h, output, \
                    reasoning, audio_input, audio_output, image, web_searches, service_tier, cost_pico, price_version, \
                    NULL FROM entries WHERE seq > ?1 AND input IS NOT NULL AND at_millis >= ?2 AND at_millis < ?3 \
                    AND (?4 IS NULL OR model = ?4) \
                    AND NOT EXISTS (SELECT 1 FROM discarded d WHERE d.entry = entries.seq) ORDER BY seq LIMIT ?5";

/// What an answer used, column by column, and the same of what its request was charged for beside it.
const USAGE: [&str; 10] = [
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "audio_input",
    "audio_output",
    "image",
    "web_searches",
];

/// The parts of requests that were charged for an answer that was thrown away. `key` tells entries apart and orders them,
/// `seq` is their place in the file, `join` finds the entry.
fn parts(seq: &str, key: &str, join: &str) -> String {
    let rest: Vec<String> = USAGE.iter().map(|name| format!("max(e.{name}) - sum(d.{name}) AS {name}")).collect();
    let own: Vec<String> = USAGE.iter().map(|name| format!("d.{name}")).collect();
    let of_entry = ["at_millis", "endpoint", "model", "service_tier", "price_version"];
    let [at, endpoint, model, service_tier, version] = of_entry.map(|name| format!("max(e.{name}) AS {name}"));
    format!(
        "SELECT {seq} AS seq, e.{key}, {at}, {endpoint}, {model}, {}, {service_tier}, \
           CASE WHEN count(d.cost_pico) = count(*) THEN max(e.cost_pico) - sum(d.cost_pico) END AS cost_pico, {version}, \
           {ANSWER} AS place FROM discarded d JOIN entries e ON {join} WHERE e.endpoint IS NOT NULL GROUP BY 1, 2 \
         UNION ALL \
         SELECT {seq}, e.{key}, e.at_millis, d.of_endpoint, d.of_model, {}, d.service_tier, d.cost_pico, d.price_version, \
           d.place FROM discarded d JOIN entries e ON {join}",
        rest.join(", "),
        own.join(", ")
    )
}

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
        let part = after.and_then(|used| Some((used.seq, used.place?)));
        let most = most as i64;
        if part.is_none() {
            let after = after.map_or(0, |used| used.seq);
            let mut statement = self.connection().prepare_cached(READ)?;
            let wanted: [&dyn ToSql; 5] = [&after, &since, &until, &model, &most];
            let rows = statement.query_map(wanted, used)?.collect::<rusqlite::Result<Vec<_>>>()?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        // Those that were charged for more than one answer come last: they are few.
        let (seq, place) = part.unwrap_or((0, -1));
        let sql = format!(
            "SELECT * FROM ({}) WHERE (seq, place) > (?1, ?2) AND at_millis >= ?3 AND at_millis < ?4 \
             AND (?5 IS NULL OR model = ?5) ORDER BY seq, place LIMIT ?6",
            parts("e.seq", "id", "e.seq = d.entry")
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let wanted: [&dyn ToSql; 6] = [&seq, &place, &since, &until, &model, &most];
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
                             price_version, NULL::bigint FROM entries e WHERE (day, id) > (DATE '1970-01-01' + $1::int, $2) AND \
                             day BETWEEN DATE '1970-01-01' + $1::int AND DATE '1970-01-01' + $7::int AND \
                             input IS NOT NULL AND at_millis >= $3 AND at_millis < $4 AND \
                             ($5::text IS NULL OR model = $5) AND NOT EXISTS (SELECT 1 FROM discarded d \
                             WHERE d.entry_day = e.day AND d.entry = e.id) ORDER BY day, id LIMIT $6";

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
    let part = after.and_then(|used| Some((Uuid::from_bytes(*used.id.as_bytes()), used.place?)));
    if let Some(part) = part {
        return parts_in_database(&connection, part, (since, until), model, most).await;
    }
    let wanted: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
        [&last.0, &last.1, &since, &until, &model, &(most as i64), &day(until)];
    let rows = connection.query(READ_DATABASE, &wanted).await?;
    if rows.is_empty() {
        return parts_in_database(&connection, (Uuid::nil(), -1), (since, until), model, most).await;
    }
    rows.iter().map(shipped).collect::<Result<_, tokio_postgres::Error>>().map_err(LedgerError::from)
}

async fn parts_in_database(
    connection: &deadpool_postgres::Object,
    (id, place): (Uuid, i64),
    (since, until): (i64, i64),
    model: Option<&str>,
    most: usize,
) -> Result<Vec<Used>, LedgerError> {
    // Sums of 64 bits are wider there.
    let usage: Vec<String> = USAGE.iter().map(|name| format!("{name}::bigint")).collect();
    let sql = format!(
        "SELECT id, at_millis, endpoint, model, {}, service_tier, cost_pico::bigint, price_version, place FROM ({}) AS part \
         WHERE (id, place) > ($1, $2) AND at_millis >= $3 AND at_millis < $4 AND ($5::text IS NULL OR model = $5) \
         ORDER BY id, place LIMIT $6",
        usage.join(", "),
        parts("e.day", "id", "e.day = d.entry_day AND e.id = d.entry")
    );
    let rows = connection.query(&sql, &[&id, &place, &since, &until, &model, &(most as i64)]).await?;
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
        place: row.try_get(17)?,
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
        place: row.get(18)?,
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
