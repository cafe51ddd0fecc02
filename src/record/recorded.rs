//! Past requests with what the rules saw of them, so that other rules can be tried on them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, ToSql};
use serde::Deserialize;
use uuid::Uuid;

use super::archive::Archive;
use super::fields::Fields;
use super::file::LedgerError;
use super::period::Period;
use super::query::Reader;
use super::used::{bounds, day};
use crate::domain::{Decision, EndpointName, Facts, Outcome, Pico, Reason, RequestId, Usage};
use crate::store::postgres::{self, Pool};

/// Entries that are read at once: a transaction that is open for long keeps SQLite's log from being emptied.
const PAGE: usize = 4000;

/// A past request.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// Its id.
    pub id: RequestId,
    /// When it arrived, in milliseconds since 1970 UTC.
    pub at_millis: u64,
    /// What the rules saw.
    pub facts: Result<Box<Facts>, Unseen>,
    /// What was decided; `None`: it was refused before.
    pub decided: Option<Decided>,
    /// The branch that the work was done on.
    pub branch: Option<Arc<str>>,
    /// The endpoint that answered.
    pub endpoint: Option<Arc<str>>,
    /// The model that answered.
    pub model: Option<Arc<str>>,
    /// What was used; `None`: nothing.
    pub usage: Option<Usage>,
    /// The service tier that the answer named.
    pub service_tier: Option<Arc<str>>,
    /// What it cost; `None`: unpriced, or nothing was used.
    pub cost: Option<Pico>,
}

/// Why it is not known what the rules saw.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unseen {
    /// They were never asked: it was refused before, by the word of what went wrong.
    Refused(Arc<str>),
    /// The entry has no facts, though it was answered: they were not written, or not kept.
    Missing,
    /// The facts or the decision are not in a form that this version reads.
    Unreadable(Arc<str>),
}

/// What was decided then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// What was to be done.
    pub outcome: Outcome,
    /// The rule.
    pub rule: Option<Arc<str>>,
    /// The tier.
    pub tier: Option<Arc<str>>,
    /// The endpoint that came first.
    pub first: Option<Arc<str>>,
    /// The endpoint that held what the request went on from.
    pub held_by: Option<Arc<str>>,
    /// The endpoint that the conversation stayed with.
    pub stayed_with: Option<Arc<str>>,
    /// Whether a split sent it where it went.
    pub was_drawn: bool,
}

impl From<&Decision> for Decided {
    fn from(decision: &Decision) -> Self {
        let find = |pick: fn(&Reason) -> Option<&EndpointName>| decision.reasons.iter().find_map(pick);
        let held_by = find(|reason| if let Reason::HeldBy { endpoint } = reason { Some(endpoint) } else { None });
        let stayed = find(|reason| if let Reason::Stays { endpoint, .. } = reason { Some(endpoint) } else { None });
        Self {
            outcome: decision.outcome.clone(),
            rule: decision.rule.as_ref().map(|rule| rule.as_str().into()),
            tier: decision.tier.as_ref().map(|tier| tier.as_str().into()),
            first: decision.candidates.first().map(|first| first.endpoint.as_str().into()),
            held_by: held_by.map(|endpoint| endpoint.as_str().into()),
            stayed_with: stayed.map(|endpoint| endpoint.as_str().into()),
            was_drawn: decision
                .reasons
                .iter()
                .any(|reason| matches!(reason, Reason::Split { .. } | Reason::Experiment { .. })),
        }
    }
}

/// A decision as it is written, as far as it is read here: most of it is words for people.
#[derive(Deserialize)]
struct Written<'a> {
    outcome: Outcome,
    #[serde(borrow)]
    rule: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tier: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    candidates: Vec<Place<'a>>,
    #[serde(borrow, default)]
    reasons: Vec<Why<'a>>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    endpoint: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Why<'a> {
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    endpoint: Option<Cow<'a, str>>,
}

/// Texts that come again and again: each is kept once.
#[derive(Default)]
struct Texts(BTreeMap<Box<str>, Arc<str>>);

/// So many different texts are kept; there are not that many endpoints, rules and branches at a time.
const MOST_TEXTS: usize = 50_000;

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() >= MOST_TEXTS {
            self.0.clear();
        }
        let shared: Arc<str> = text.into();
        self.0.insert(text.into(), Arc::clone(&shared));
        shared
    }

    fn decided(&mut self, json: &str) -> serde_json::Result<Decided> {
        let written: Written<'_> = serde_json::from_str(json)?;
        let endpoint_of = |reason: &str| written.reasons.iter().find(|why| why.reason == reason)?.endpoint.as_ref();
        let (held, stayed) = (endpoint_of("held_by"), endpoint_of("stays"));
        Ok(Decided {
            rule: written.rule.map(|rule| self.shared(&rule)),
            tier: written.tier.map(|tier| self.shared(&tier)),
            first: written.candidates.first().map(|first| self.shared(&first.endpoint)),
            held_by: held.map(|endpoint| self.shared(endpoint)),
            stayed_with: stayed.map(|endpoint| self.shared(endpoint)),
            was_drawn: written.reasons.iter().any(|why| matches!(&*why.reason, "split" | "experiment")),
            outcome: written.outcome,
        })
    }
}

/// What is read, in the order of [`recorded`].
const COLUMNS: &str = "at_millis, branch, endpoint, model, input, cache_read, cache_write_5m, cache_write_1h, output, \
                       reasoning, audio_input, audio_output, image, web_searches, service_tier, cost_pico, failure";

fn recorded(
    row: &impl Fields,
    id: RequestId,
    (facts, decision): (Option<&str>, Option<&str>),
    first: usize,
    texts: &mut Texts,
) -> Result<Recorded, LedgerError> {
    let whole = |place: usize| row.whole(first + place).map(|whole| whole.unwrap_or(0).unsigned_abs());
    let mut text = |place: usize| Ok::<_, LedgerError>(row.text(first + place)?.map(|text| texts.shared(text)));
    let (branch, endpoint, model) = (text(1)?, text(2)?, text(3)?);
    let (service_tier, failure) = (text(14)?, text(16)?);
    let usage = Usage {
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
    };
    let decided = decision.map(|json| texts.decided(json)).transpose();
    let facts = match (facts, &decided, failure) {
        (Some(_), Err(error), _) => Err(unreadable("the decision", error)),
        (Some(json), Ok(_), _) => serde_json::from_str(json).map_err(|error| unreadable("the facts", &error)),
        (None, _, Some(failure)) => Err(Unseen::Refused(failure)),
        (None, _, None) => Err(Unseen::Missing),
    };
    Ok(Recorded {
        id,
        at_millis: whole(0)?,
        facts,
        decided: decided.ok().flatten(),
        branch,
        endpoint,
        model,
        usage: row.whole(first + 4)?.is_some().then_some(usage),
        service_tier,
        cost: row.whole(first + 15)?.map(|pico| Pico::new(pico.into())),
    })
}

fn unreadable(what: &str, error: &serde_json::Error) -> Unseen {
    // Where in a line of JSON it stands tells nobody anything.
    let words = error.to_string();
    Unseen::Unreadable(format!("{what}: {}", words.split(" at line ").next().unwrap_or_default()).into())
}

impl Archive {
    /// Hands over every entry of a period, a page at a time and about in the order of arrival, until `each` says that it
    /// has enough. With PostgreSQL, of what was shipped. Blocks; run it on a thread that may.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn each_recorded(
        &self,
        period: Period,
        each: &mut dyn FnMut(Vec<Recorded>) -> bool,
    ) -> Result<(), LedgerError> {
        match self.database() {
            None => Reader::open(self.path())?.each_recorded(period, each),
            Some(pool) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.map_err(LedgerError::Thread)?.block_on(each_in_database(pool, period, each))
            }
        }
    }
}

impl Reader {
    fn each_recorded(&self, period: Period, each: &mut dyn FnMut(Vec<Recorded>) -> bool) -> Result<(), LedgerError> {
        let (since, until) = bounds(period);
        // Entries are read in the order of the file. The index tells where the first one stands.
        let first = "SELECT min(seq) FROM entries WHERE at_millis >= ?1 AND at_millis < ?2";
        let found = self.connection().query_row(first, [since, until], |row| row.get::<_, Option<i64>>(0));
        let Some(first) = found.optional()?.flatten() else { return Ok(()) };
        let page = format!(
            "SELECT seq, id, facts, decision, {COLUMNS} FROM entries WHERE seq >= ?1 AND +at_millis >= ?2 \
             AND +at_millis < ?3 ORDER BY seq LIMIT ?4"
        );
        let mut statement = self.connection().prepare(&page)?;
        let (mut next, mut texts) = (first, Texts::default());
        loop {
            let wanted: [&dyn ToSql; 4] = [&next, &since, &until, &(PAGE as i64)];
            let mut rows = statement.query(wanted)?;
            let mut page = Vec::with_capacity(PAGE);
            while let Some(row) = rows.next()? {
                next = row.get::<_, i64>(0)? + 1;
                let id = RequestId::from_bytes(row.get(1)?);
                page.push(recorded(row, id, (row.text(2)?, row.text(3)?), 4, &mut texts)?);
            }
            let is_last = page.len() < PAGE;
            if !each(page) || is_last {
                return Ok(());
            }
        }
    }
}

async fn each_in_database(
    pool: &Pool,
    period: Period,
    each: &mut dyn FnMut(Vec<Recorded>) -> bool,
) -> Result<(), LedgerError> {
    let (since, until) = bounds(period);
    let page = format!(
        "SELECT day - DATE '1970-01-01', id, facts::text, decision::text, {COLUMNS} FROM entries \
         WHERE (day, id) > (DATE '1970-01-01' + $1::int, $2) \
         AND day BETWEEN DATE '1970-01-01' + $1::int AND DATE '1970-01-01' + $5::int \
         AND at_millis >= $3 AND at_millis < $4 ORDER BY day, id LIMIT {PAGE}"
    );
    let connection = postgres::connection(pool).await?;
    let statement = connection.prepare_cached(&page).await?;
    let (mut last, mut texts) = ((day(since), Uuid::nil()), Texts::default());
    loop {
        let wanted: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [&last.0, &last.1, &since, &until, &day(until)];
        let rows = connection.query(&statement, &wanted).await?;
        let mut page = Vec::with_capacity(rows.len());
        for row in &rows {
            last = (row.try_get(0)?, row.try_get(1)?);
            let id = RequestId::from_bytes(*last.1.as_bytes());
            page.push(recorded(row, id, (row.text(2)?, row.text(3)?), 4, &mut texts)?);
        }
        let is_last = page.len() < PAGE;
        if !each(page) || is_last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::super::insert::{Scratch, insert};
    use super::super::{file, sample, settings::Settings};
    use super::*;

    fn ledger(entries: &[Entry]) -> (tempfile::TempDir, Archive, rusqlite::Connection) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::at(folder.path().join("ledger.db"));
        file::create(&settings.path).unwrap();
        let connection = file::connect(&settings).unwrap();
        for entry in entries {
            assert!(insert(&connection, entry, &mut Scratch::default()).unwrap());
        }
        (folder, Archive::in_file(&settings.path), connection)
    }

    fn all(archive: &Archive, period: Period) -> Vec<Recorded> {
        let mut found = Vec::new();
        let mut take = |page: Vec<Recorded>| {
            found.extend(page);
            true
        };
        archive.each_recorded(period, &mut take).unwrap();
        found
    }

    #[test]
    fn what_the_rules_saw_and_decided_comes_back() {
        let full = sample::full(1);
        let (_folder, archive, _) = ledger(&[full.clone(), sample::refused(2)]);
        let found = all(&archive, Period::default());
        let facts = found[0].facts.as_ref().unwrap();
        assert_eq!(**facts, *full.facts.unwrap());
        assert_eq!((found[0].id, found[0].usage, found[0].cost), (full.id, full.usage, full.cost));
        let decided = found[0].decided.as_ref().unwrap();
        assert_eq!((decided.rule.as_deref(), decided.tier.as_deref()), (Some("everything-else"), Some("cheap")));
        assert_eq!((decided.first.as_deref(), decided.was_drawn), (Some("mini"), false));
        assert_eq!(found[1].facts, Err(Unseen::Refused("unauthenticated".into())));
        assert_eq!((found[1].decided.clone(), found[1].usage), (None, None));
    }

    #[test]
    fn facts_that_cannot_be_read_are_told_apart_from_none() {
        let (_folder, archive, connection) = ledger(&[sample::full(1), sample::full(2), sample::full(3)]);
        let spoil = "UPDATE entries SET facts = ? WHERE seq = ?";
        connection.execute(spoil, (r#"{"dialect":"morse"}"#, 1)).unwrap();
        connection.execute(spoil, (Option::<&str>::None, 2)).unwrap();
        connection.execute("UPDATE entries SET decision = '[]' WHERE seq = 3", []).unwrap();
        let found = all(&archive, Period::default());
        let Err(Unseen::Unreadable(words)) = &found[0].facts else { panic!("{:?}", found[0].facts) };
        assert!(words.contains("morse") && !words.contains("line"), "{words}");
        assert_eq!(found[1].facts, Err(Unseen::Missing));
        assert!(matches!(&found[2].facts, Err(Unseen::Unreadable(words)) if words.starts_with("the decision")));
    }

    #[test]
    fn pages_meet_and_a_period_is_half_open() {
        let entries: Vec<Entry> = (0..(2 * PAGE as u64 + 10)).map(sample::full).collect();
        let (_folder, archive, _) = ledger(&entries);
        let since_millis = Some(sample::MIDNIGHT as i64 + 5);
        let until_millis = Some(sample::MIDNIGHT as i64 + 2 * PAGE as i64 + 7);
        let found = all(&archive, Period { since_millis, until_millis });
        let expected: Vec<RequestId> = (5..2 * PAGE as u64 + 7).map(sample::id).collect();
        assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), expected);
        let mut pages = 0;
        let mut only_one = |_: Vec<Recorded>| {
            pages += 1;
            false
        };
        archive.each_recorded(Period::default(), &mut only_one).unwrap();
        assert_eq!(pages, 1, "whoever has enough is not given more");
    }

    #[test]
    fn a_held_conversation_and_a_drawn_one_are_told() {
        let json = r#"{"outcome":{"deny":"no"},"rule":null,"tier":null,"candidates":[],"ceiling":null,
            "reasons":[{"reason":"held_by","endpoint":"big"},{"reason":"split","to":"a \u00e9"},
                {"reason":"stays","endpoint":"big","why":"tool_loop"}],"human_review":false}"#;
        let decided = Texts::default().decided(json).unwrap();
        assert_eq!((decided.held_by.as_deref(), decided.was_drawn), (Some("big"), true));
        assert_eq!(decided.stayed_with.as_deref(), Some("big"));
        assert_eq!(decided.outcome, Outcome::Deny("no".into()));
    }
}
