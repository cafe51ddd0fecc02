//! Past requests, for the commands that try rules on them: one thread reads the ledger, another decides.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::budget::Budget;
use crate::config::{Config, Problems};
use crate::domain::{Dimension, Pico};
use crate::record::LedgerError;
use crate::record::archive::Archive;
use crate::record::period::{NoMoment, Period};
use crate::record::recorded::Recorded;
use crate::record::report::{Filter, GroupBy};
use crate::replay::changed::lot;

/// Pages that wait between the two threads: what is in memory at once.
const PAGES: usize = 4;

/// Why rules cannot be tried on past requests.
#[derive(Debug, thiserror::Error)]
pub(super) enum PastError {
    #[error(transparent)]
    Config(#[from] Problems),
    #[error(transparent)]
    Time(#[from] NoMoment),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("nothing can be printed: {0}")]
    Output(#[from] io::Error),
    #[error("the ledger `{place}` has nothing in the period that rules can be tried on: {entries} entries{left_out}")]
    Nothing { place: String, entries: u64, left_out: String },
}

impl PastError {
    /// Nothing was replayed, for these reasons.
    pub fn nothing(archive: &Archive, entries: u64, left_out: &BTreeMap<String, u64>) -> Self {
        let left_out = left_out.iter().map(|(reason, count)| format!("; {count} {reason}")).collect();
        PastError::Nothing { place: archive.place(), entries, left_out }
    }
}

/// Reads a file of rules.
pub(super) fn load(path: &Path) -> Result<Config, Problems> {
    super::check::load(path)
}

/// The ledger that is named, or that the configuration names.
pub(super) fn archive(config: &Path, ledger: Option<&Path>) -> Result<Archive, PastError> {
    match ledger {
        Some(path) => Ok(Archive::in_file(path)),
        None => archive_of(&load(config)?, None),
    }
}

/// The ledger that is named, or that of a configuration.
pub(super) fn archive_of(config: &Config, ledger: Option<&Path>) -> Result<Archive, PastError> {
    ledger.map_or_else(|| Ok(Archive::of(&config.ledger)?), |path| Ok(Archive::in_file(path)))
}

/// A share such as `10%`, in hundredths of a percent.
pub(super) fn share(text: &str) -> Result<u32, String> {
    crate::config::percentage(text).ok_or_else(|| "one percentage, such as 5%".to_owned())
}

/// A moment as people read it.
pub(super) fn moment(millis: Option<i64>) -> Option<String> {
    Some(Timestamp::from_millisecond(millis?).ok()?.to_string())
}

/// A share as people read it.
pub(super) fn percent(hundredths: Option<i64>) -> String {
    let Some(hundredths) = hundredths else { return "-".to_owned() };
    let sign = if hundredths < 0 { "-" } else { "" };
    let whole = hundredths.unsigned_abs();
    match (whole / 100, whole % 100) {
        (whole, 0) => format!("{sign}{whole}%"),
        (whole, part) => format!("{sign}{whole}.{part:02}%"),
    }
}

/// How much of the ledger is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quota {
    /// At most so many entries.
    pub limit: Option<u64>,
    /// Such a share of them, in hundredths of a percent.
    pub sample: Option<u32>,
}

/// Past requests of a period.
pub(super) struct Past<'a> {
    pub archive: &'a Archive,
    pub period: Period,
    pub quota: Quota,
}

impl Past<'_> {
    /// Hands over each of them. The ledger is read on a thread of its own.
    pub fn each(&self, take: &mut dyn FnMut(Recorded)) -> Result<(), LedgerError> {
        let (send, receive) = sync_channel::<Vec<Recorded>>(PAGES);
        let mut progress = Progress::begin(self.period);
        let mut left = self.quota.limit.unwrap_or(u64::MAX);
        thread::scope(|scope| {
            let reading = scope.spawn(move || {
                // An error means that whoever decides has enough.
                self.archive.each_recorded(self.period, &mut |page| send.send(page).is_ok())
            });
            'pages: for page in &receive {
                progress.advance(&page);
                for recorded in page {
                    if !self.is_drawn(&recorded) {
                        continue;
                    }
                    if left == 0 {
                        break 'pages;
                    }
                    left -= 1;
                    take(recorded);
                }
            }
            drop(receive);
            progress.end();
            reading.join().map_err(|_| LedgerError::BrokenOff)?
        })
    }

    /// Whether an entry is part of the sample: always the same ones, whoever asks.
    fn is_drawn(&self, recorded: &Recorded) -> bool {
        self.quota.sample.is_none_or(|share| lot(recorded.id) % 10_000 < u64::from(share))
    }
}

/// What was spent of a budget in the window of `since` before that moment, by holder.
pub(super) fn spent_before(archive: &Archive, budget: &Budget, since: u64) -> Result<Vec<(String, Pico)>, LedgerError> {
    let from = budget.window.at(&budget.zone, since).from_millis;
    if from == since {
        return Ok(Vec::new());
    }
    let millis = |moment: u64| i64::try_from(moment).ok();
    let period = Period { since_millis: millis(from), until_millis: millis(since) };
    let by = match budget.scope.dimension {
        Dimension::All | Dimension::Endpoint => None,
        Dimension::Key => Some(GroupBy::Key),
        Dimension::Engineer => Some(GroupBy::Engineer),
        Dimension::Team => Some(GroupBy::Team),
        Dimension::Feature => Some(GroupBy::Feature),
    };
    let report = archive.report_blocking(&Filter { period, equal: Vec::new() }, by.as_slice())?;
    let lines = report.lines.into_iter().filter_map(|mut line| {
        let holder = if by.is_some() { line.keys.pop()?? } else { String::new() };
        Some((holder, line.totals.cost?))
    });
    Ok(lines.collect())
}

/// How far it is, on a terminal: by the time of arrival, for that needs no counting beforehand.
struct Progress {
    until_millis: i64,
    first_millis: Option<i64>,
    entries: u64,
    began: Instant,
    told: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    const EVERY: Duration = Duration::from_millis(100);
    const WIDTH: usize = 30;

    fn begin(period: Period) -> Self {
        let now = Timestamp::now().as_millisecond();
        Self {
            until_millis: period.until_millis.unwrap_or(now).min(now),
            first_millis: None,
            entries: 0,
            began: Instant::now(),
            told: None,
            is_shown: io::stderr().is_terminal(),
        }
    }

    fn advance(&mut self, page: &[Recorded]) {
        self.entries += page.len() as u64;
        let Some(last) = page.last().filter(|_| self.is_shown) else { return };
        if self.told.is_some_and(|told| told.elapsed() < Self::EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let at = i64::try_from(last.at_millis).unwrap_or(i64::MAX);
        let first = *self.first_millis.get_or_insert_with(|| page.first().map_or(at, |first| first.at_millis as i64));
        let percent = (at - first).clamp(0, i64::MAX) * 100 / (self.until_millis - first).max(1);
        let percent = usize::try_from(percent.clamp(0, 100)).unwrap_or(100);
        let done = percent * Self::WIDTH / 100;
        let bar = format!("{}{}", "#".repeat(done), ".".repeat(Self::WIDTH - done));
        let pace = self.entries as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        // A terminal that takes no more is no reason to stop.
        let _ = write!(io::stderr(), "\r[{bar}] {percent:3} %  {} entries, {pace:.0}/s ", self.entries);
    }

    fn end(&mut self) {
        if self.told.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
