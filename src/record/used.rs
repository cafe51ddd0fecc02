//! What past answers used: for pricing them again, and for comparing them with a provider's bill.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Row, ToSql};

use super::file::LedgerError;
use super::period::Period;
use super::query::Reader;
use crate::domain::{Pico, RequestId, Usage};

/// What one answer used and cost.
#[derive(Clone, PartialEq, Debug)]
pub struct Used {
    /// Where its entry stands: later entries have larger ones.
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

/// What was spent on a day by one model of one endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DaySpent {
    /// The day in UTC.
    pub day: String,
    /// The model.
    pub model: String,
    /// The endpoint.
    pub endpoint: String,
    /// What is known of the cost.
    pub cost: Pico,
    /// Answers, and how many of them have no known cost.
    pub answers: (u64, u64),
}

const READ: &str = "SELECT seq, id, at_millis, endpoint, model, input, cache_read, cache_write_5m, cache_write_1h, output, \
                    reasoning, audio_input, audio_output, image, web_searches, service_tier, cost_pico, price_version \
                    FROM entries WHERE seq > ?1 AND input IS NOT NULL AND at_millis >= ?2 AND at_millis < ?3 \
                    AND (?4 IS NULL OR model = ?4) ORDER BY seq LIMIT ?5";

const SPENT: &str = "SELECT day, model, endpoint, cost_pico FROM entries WHERE input IS NOT NULL AND at_millis >= ?1 AND \
                     at_millis < ?2 AND model IS NOT NULL AND endpoint IS NOT NULL";

impl Reader {
    /// The next entries after `after` of those that used anything in the period, in the order of their writing.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn used(&self, period: Period, model: Option<&str>, after: i64, most: usize) -> Result<Vec<Used>, LedgerError> {
        let (since, until) = bounds(period);
        let mut statement = self.connection().prepare_cached(READ)?;
        let wanted: [&dyn ToSql; 5] = [&after, &since, &until, &model, &(most as i64)];
        let rows = statement.query_map(wanted, used)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What was spent in the period, by day, model and endpoint.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn spent_by_day(&self, period: Period) -> Result<Vec<DaySpent>, LedgerError> {
        let (since, until) = bounds(period);
        let mut statement = self.connection().prepare_cached(SPENT)?;
        let mut rows = statement.query([since, until])?;
        let mut sums: HashMap<(String, String, String), (Pico, u64, u64)> = HashMap::new();
        // Added here, for SQLite's sum of whole numbers ends at 9.2 million USD.
        while let Some(row) = rows.next()? {
            let sum = sums.entry((row.get(0)?, row.get(1)?, row.get(2)?)).or_default();
            let cost: Option<i64> = row.get(3)?;
            sum.0 = sum.0 + Pico::new(cost.unwrap_or(0).into());
            (sum.1, sum.2) = (sum.1 + 1, sum.2 + u64::from(cost.is_none()));
        }
        let line = |((day, model, endpoint), (cost, answers, unpriced))| DaySpent {
            day,
            model,
            endpoint,
            cost,
            answers: (answers, unpriced),
        };
        Ok(sums.into_iter().map(line).collect())
    }
}

fn bounds(period: Period) -> (i64, i64) {
    (period.since_millis.unwrap_or(0), period.until_millis.unwrap_or(i64::MAX))
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
