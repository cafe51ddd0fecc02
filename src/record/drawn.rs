//! Requests that an experiment drew an arm for: by the order of their writing, to add them up while it runs, and by their
//! time, to compare its arms.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::archive::Archive;
use super::fields::Fields;
use super::file::LedgerError;
use super::meta;
use super::query::Reader;
use super::used::day;
use crate::domain::{ExperimentName, Pico, RequestId, Usage};
use crate::store::postgres;

/// Entries that are read at once: a transaction that is open for long keeps SQLite's log from being emptied.
const PAGE: usize = 4000;

/// What begins the reason of a decision by an experiment. No `why` of a rule can hold it: JSON escapes its quotes.
const REASON: &str = r#"{"reason":"experiment","experiment":""#;

/// A request that an experiment drew an arm for.
#[derive(Clone, PartialEq, Debug)]
pub struct Drawn {
    /// Its id.
    pub id: RequestId,
    /// When it arrived.
    pub at: SystemTime,
    /// Which experiment.
    pub experiment: Box<str>,
    /// Which arm.
    pub arm: Box<str>,
    /// The session; `None`: none could be told.
    pub session: Option<Box<str>>,
    /// What was used; `None`: nothing.
    pub usage: Option<Usage>,
    /// The service tier that the answer named.
    pub service_tier: Option<Box<str>>,
    /// What it cost; `None`: unpriced, or nothing was used.
    pub cost: Option<Pico>,
    /// Whether another tier answered than the arm's.
    pub escalated: bool,
    /// Whether it failed upstream.
    pub failed: bool,
    /// How long it took, to the end of the answer.
    pub total: Duration,
}

/// What is read after the decision, in the order of [`drawn`]. `->>` is the same in both databases.
const COLUMNS: &str = "at_millis, facts ->> 'session', input, cache_read, cache_write_5m, cache_write_1h, output, \
                       reasoning, audio_input, audio_output, image, web_searches, service_tier, cost_pico, tier, ending, \
                       fault, total_us";

/// Where [`COLUMNS`] begin, in both databases: two columns say where the entry stands, then comes the decision.
const FIRST: usize = 3;

/// Counting tokens asks no model for an answer.
const ASKED: &str = "door NOT IN ('/v1/messages/count_tokens', '/v1/responses/input_tokens')";

/// The text between this and the next quote. Names have no character that JSON escapes.
fn after<'t>(text: &'t str, begin: &str) -> Option<&'t str> {
    let rest = &text[text.find(begin)? + begin.len()..];
    rest.split('"').next()
}

/// An entry; `None`: no arm was drawn for it.
fn drawn(row: &impl Fields, id: RequestId) -> Result<Option<Drawn>, LedgerError> {
    let decision = row.text(FIRST - 1)?.unwrap_or_default();
    let Some(at) = decision.find(REASON) else { return Ok(None) };
    let reason = &decision[at..];
    let (Some(experiment), Some(arm)) = (after(reason, REASON), after(reason, r#""arm":""#)) else { return Ok(None) };
    let whole = |place: usize| row.whole(FIRST + place).map(|whole| whole.unwrap_or(0).max(0).unsigned_abs());
    let text = |place: usize| row.text(FIRST + place);
    let usage = Usage {
        input: whole(2)?,
        cache_read: whole(3)?,
        cache_write_5m: whole(4)?,
        cache_write_1h: whole(5)?,
        output: whole(6)?,
        reasoning: whole(7)?,
        audio_input: whole(8)?,
        audio_output: whole(9)?,
        image: whole(10)?,
        web_searches: whole(11)?,
    };
    // A decision's own tier stands before those of its candidates; it is null where a rule names an endpoint.
    let tier = decision.find(r#","tier":"#).map(|place| &decision[place + r#","tier":"#.len()..]);
    let tier = tier.and_then(|rest| rest.strip_prefix('"')?.split('"').next());
    let handed_on = decision.contains(r#"{"reason":"escalated""#);
    let ending = text(15)?;
    Ok(Some(Drawn {
        id,
        at: UNIX_EPOCH + Duration::from_millis(whole(0)?),
        experiment: experiment.into(),
        arm: arm.into(),
        session: text(1)?.map(Into::into),
        usage: row.whole(FIRST + 2)?.is_some().then_some(usage),
        service_tier: text(12)?.map(Into::into),
        cost: row.whole(FIRST + 13)?.map(|pico| Pico::new(pico.into())),
        escalated: handed_on || text(14)? != tier,
        failed: text(16)? == Some("upstream") || matches!(ending, Some("upstream_cut" | "stopped")),
        total: Duration::from_micros(whole(17)?),
    }))
}

/// What was written since it was last looked, on this replica.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Since {
    /// The last entry that was looked at.
    pub last_seq: i64,
    /// Those of them that arms were drawn for.
    pub drawn: Vec<Drawn>,
}

impl Archive {
    /// The requests that arms were drawn for, of those that this replica wrote after `seq`; at most a page of them.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn drawn_since(&self, seq: i64) -> Result<Since, LedgerError> {
        self.in_the_file(move |reader| reader.drawn_since(seq)).await
    }

    /// The name of this replica.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn replica(&self) -> Result<String, LedgerError> {
        self.in_the_file(|reader| Ok(meta::replica(reader.connection())?)).await
    }

    /// Every request that an experiment drew an arm for, of those that arrived from the first moment to before the second,
    /// one after the other. With PostgreSQL, of what was shipped.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn drawn_in<T: Send + 'static>(
        &self,
        experiment: &ExperimentName,
        (since, until): (i64, i64),
        mut into: T,
        take: impl Fn(&mut T, Drawn) + Send + 'static,
    ) -> Result<T, LedgerError> {
        let needle = format!("{REASON}{experiment}\"");
        let Some(pool) = self.database() else {
            let each = move |reader: &Reader| {
                reader.drawn_in(&needle, (since, until), &mut |one| take(&mut into, one)).map(|()| into)
            };
            return self.in_the_file(each).await;
        };
        let page = format!(
            "SELECT day - DATE '1970-01-01', id, decision::text, {COLUMNS} FROM entries \
             WHERE (day, id) > (DATE '1970-01-01' + $1::int, $2) \
             AND day BETWEEN DATE '1970-01-01' + $1::int AND DATE '1970-01-01' + $5::int \
             AND at_millis >= $3 AND at_millis < $4 AND position($6 IN decision::text) > 0 AND {ASKED} \
             ORDER BY day, id LIMIT {PAGE}"
        );
        let connection = postgres::connection(pool).await?;
        let statement = connection.prepare_cached(&page).await?;
        let mut last = (day(since), Uuid::nil());
        loop {
            let wanted: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&last.0, &last.1, &since, &until, &day(until), &needle];
            let rows = connection.query(&statement, &wanted).await?;
            for row in &rows {
                last = (row.try_get(0)?, row.try_get(1)?);
                if let Some(one) = drawn(row, RequestId::from_bytes(*last.1.as_bytes()))? {
                    take(&mut into, one);
                }
            }
            if rows.len() < PAGE {
                return Ok(into);
            }
        }
    }
}

impl Reader {
    fn drawn_since(&self, seq: i64) -> Result<Since, LedgerError> {
        let newest =
            self.connection().query_row("SELECT max(seq) FROM entries", [], |row| row.get::<_, Option<i64>>(0))?;
        // A file that was begun anew counts from the beginning.
        let newest = newest.unwrap_or(0);
        let seq = if seq > newest { 0 } else { seq };
        let page = format!(
            "SELECT seq, id, decision, {COLUMNS} FROM entries WHERE seq > ?1 AND seq <= ?2 \
             AND instr(decision, ?3) > 0 AND {ASKED} ORDER BY seq LIMIT {PAGE}"
        );
        let mut statement = self.connection().prepare_cached(&page)?;
        let mut rows = statement.query((seq, newest, REASON))?;
        let mut since = Since { last_seq: newest, drawn: Vec::new() };
        while let Some(row) = rows.next()? {
            since.drawn.extend(drawn(row, RequestId::from_bytes(row.get(1)?))?);
            if since.drawn.len() == PAGE {
                since.last_seq = row.get(0)?;
            }
        }
        Ok(since)
    }

    fn drawn_in(
        &self,
        needle: &str,
        (since, until): (i64, i64),
        take: &mut dyn FnMut(Drawn),
    ) -> Result<(), LedgerError> {
        let page = format!(
            "SELECT seq, id, decision, {COLUMNS} FROM entries WHERE seq > ?1 AND +at_millis >= ?2 AND +at_millis < ?3 \
             AND instr(decision, ?4) > 0 AND {ASKED} ORDER BY seq LIMIT {PAGE}"
        );
        let mut statement = self.connection().prepare(&page)?;
        let mut last: i64 = 0;
        loop {
            let mut rows = statement.query((last, since, until, needle))?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                (last, count) = (row.get(0)?, count + 1);
                drawn(row, RequestId::from_bytes(row.get(1)?))?.into_iter().for_each(&mut *take);
            }
            if count < PAGE {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::entry::Entry;
    use super::super::insert::{Scratch, insert};
    use super::super::{file, sample, settings::Settings};
    use super::*;
    use crate::domain::{ArmName, Decision, Facts, Mark, Over, Reason, Session};

    fn entry(number: u64, reason: Option<Reason>) -> Entry {
        let full = sample::full(number);
        let mut decision = Decision::clone(full.decision.as_ref().unwrap());
        decision.reasons.extend(reason);
        let session = Some(Session(Mark::from_u64(number % 2)));
        let facts = Facts { session, ..Facts::clone(full.facts.as_ref().unwrap()) };
        Entry { decision: Some(Arc::new(decision)), facts: Some(Arc::new(facts)), ..full }
    }

    fn drawn_for(experiment: &str, arm: &str) -> Option<Reason> {
        let (experiment, arm) = (ExperimentName::parse(experiment).unwrap(), ArmName::parse(arm).unwrap());
        Some(Reason::Experiment { experiment, arm, to: "cheap".into() })
    }

    #[tokio::test]
    async fn arms_are_found_by_their_reason_and_by_nothing_that_looks_like_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::at(folder.path().join("ledger.db"));
        file::create(&settings.path).unwrap();
        let connection = file::connect(&settings).unwrap();
        let over = Reason::ExperimentOver {
            experiment: ExperimentName::parse("try").unwrap(),
            why: Over::Date,
            to: "large".into(),
        };
        let quoted = Reason::RequestedByName { name: format!("{REASON}try\",\"arm\":\"evil\"}}") };
        let escalated =
            Entry { tier: crate::domain::TierName::parse("large").ok(), ..entry(3, drawn_for("try", "small")) };
        let counting = Entry { door: "/v1/messages/count_tokens", ..entry(6, drawn_for("try", "small")) };
        let entries = [
            entry(1, drawn_for("try", "small")),
            entry(2, drawn_for("try-again", "small")),
            escalated,
            entry(4, Some(over)),
            entry(5, Some(quoted)),
            counting,
            entry(7, None),
        ];
        for entry in &entries {
            assert!(insert(&connection, entry, &mut Scratch::default()).unwrap());
        }
        let archive = Archive::in_file(&settings.path);
        let name = ExperimentName::parse("try").unwrap();
        let found: Vec<Drawn> = archive
            .drawn_in(&name, (0, i64::MAX), Vec::new(), |all: &mut Vec<Drawn>, one| all.push(one))
            .await
            .unwrap();
        let told: Vec<_> = found.iter().map(|one| (one.id, &*one.arm, one.escalated)).collect();
        assert_eq!(told, [(sample::id(1), "small", false), (sample::id(3), "small", true)]);
        assert_eq!((found[0].cost, found[0].usage), (entries[0].cost, entries[0].usage));
        assert_eq!(found[0].session.as_deref(), Some("0000000000000001"));
        let since = archive.drawn_since(1).await.unwrap();
        let names: Vec<_> = since.drawn.iter().map(|one| &*one.experiment).collect();
        assert_eq!((names, since.last_seq), (vec!["try-again", "try"], 7));
        assert_eq!(archive.drawn_since(7).await.unwrap(), Since { last_seq: 7, drawn: Vec::new() });
    }
}
