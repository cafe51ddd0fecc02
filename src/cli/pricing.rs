//! What past answers would cost by a configuration's prices: for `reprice`, and for what `prices update` would change.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::domain::{CataloguePrice, EndpointName, Pico, Price};
use crate::record::LedgerError;
use crate::record::archive::Archive;
use crate::record::period::Period;
use crate::record::restate::Restated;
use crate::record::used::Used;

/// Entries that are read at once.
const PAGE: usize = 2000;

/// What an answer would cost by these prices; `None`: nobody knows, or its endpoint is there no more.
pub(super) fn cost(config: &Config, used: &Used) -> Option<Pico> {
    let name = EndpointName::parse(used.endpoint.as_deref()?).ok()?;
    let endpoint = config.endpoints.get(&name)?;
    let model = used.model.as_deref()?;
    let tier = used.service_tier.as_deref();
    if *endpoint.model == *model {
        return endpoint.price.cost(&used.usage, used.at, tier);
    }
    // The endpoint had another model then. Its provider's price of that one is known, what was agreed for it is not.
    let Price::Catalogue(price) = endpoint.price.at(used.at) else { return None };
    let price = config.catalogue.find(CataloguePrice::provider(price), model, used.at)?;
    Price::Catalogue(price).cost(&used.usage, used.at, tier)
}

/// How the costs of one model's answers differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(super) struct Change {
    /// Answers that were looked at.
    pub answers: u64,
    /// Those whose cost would be another.
    pub changed: u64,
    /// Those that had no cost and would have one.
    pub newly_priced: u64,
    /// Those that keep what they have, for no price is known today.
    pub kept: u64,
    /// What they cost, as far as that is known.
    #[serde(rename = "old_usd")]
    pub old: Pico,
    /// What they would cost.
    #[serde(rename = "new_usd")]
    pub new: Pico,
}

impl Change {
    /// Adds one answer. Its new cost, if that is another.
    pub(super) fn add(&mut self, old: Option<Pico>, new: Option<Pico>) -> Option<Pico> {
        self.answers += 1;
        self.old = self.old + old.unwrap_or_default();
        self.new = self.new + new.or(old).unwrap_or_default();
        self.kept += u64::from(new.is_none());
        let changed = new.filter(|new| Some(*new) != old)?;
        self.changed += 1;
        self.newly_priced += u64::from(old.is_none());
        Some(changed)
    }

    fn merge(&mut self, other: &Change) {
        self.answers += other.answers;
        self.changed += other.changed;
        self.newly_priced += other.newly_priced;
        self.kept += other.kept;
        (self.old, self.new) = (self.old + other.old, self.new + other.new);
    }
}

/// Changes by model.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Changes {
    /// Each model's.
    pub models: BTreeMap<String, Change>,
    /// Of all.
    pub total: Change,
}

impl Changes {
    /// Adds one answer of a model.
    pub(super) fn add(&mut self, used: &Used, old: Option<Pico>, new: Option<Pico>) -> Option<Pico> {
        let mut one = Change::default();
        let changed = one.add(old, new);
        self.total.merge(&one);
        self.models.entry(used.model.clone().unwrap_or_default()).or_default().merge(&one);
        changed
    }

    /// A table for people.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let row = |name: &str, change: &Change| {
            vec![
                name.to_owned(),
                change.answers.to_string(),
                change.changed.to_string(),
                change.kept.to_string(),
                change.old.to_string(),
                change.new.to_string(),
                (change.new - change.old).to_string(),
            ]
        };
        let head = ["model", "answers", "changed", "no price", "old USD", "new USD", "difference"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.models.iter().map(|(model, change)| row(model, change)));
        rows.push(row("all", &self.total));
        rows
    }
}

/// The ledger, for a command that reads all of it.
pub(super) struct Pages {
    archive: Archive,
    runtime: Runtime,
}

impl Pages {
    /// The ledger of a configuration, or the one in this file.
    pub(super) fn open(config: &Config, file: Option<&Path>) -> Result<Self, LedgerError> {
        let archive = match file {
            Some(path) => Archive::in_file(path),
            None => Archive::of(&config.ledger)?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { archive, runtime: runtime.map_err(LedgerError::Thread)? })
    }

    /// Calls `each` with the entries of a period that used anything, a page at a time.
    pub(super) fn each<E: From<LedgerError>>(
        &self,
        period: Period,
        model: Option<&str>,
        mut each: impl FnMut(&[Used]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last: Option<Used> = None;
        loop {
            let mut page = self.runtime.block_on(self.archive.used(period, model, last.as_ref(), PAGE))?;
            each(&page)?;
            last = page.pop();
            if last.is_none() {
                return Ok(());
            }
        }
    }

    /// Restates what entries cost. How many changed.
    pub(super) fn restate(&self, all: Vec<Restated>) -> Result<u64, LedgerError> {
        self.runtime.block_on(self.archive.restate(all))
    }
}

/// Columns as wide as what is in them; all but the first are numbers.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Asks a yes or no on the terminal; `None` if nobody sits there.
pub(super) fn confirmed(question: &str) -> Option<bool> {
    use std::io::{BufRead, IsTerminal, Write};
    let input = std::io::stdin();
    if !input.is_terminal() {
        return None;
    }
    let mut told = std::io::stderr();
    write!(told, "{question} [y/N] ").and_then(|()| told.flush()).ok()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}
