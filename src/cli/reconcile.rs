//! `weighbridge reconcile`: the ledger beside a provider's bill, by day and model.

mod invoice;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use serde::Serialize;

use super::pricing::{self, Pages};
use crate::config::Config;
use crate::domain::{EndpointName, Pico, Price};
use crate::record::LedgerError;
use crate::record::period::{NoMoment, Period};
use invoice::{Invoice, Names};

/// What `reconcile` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bill as CSV: OpenAI's or Anthropic's export of costs, or columns `date`, `model` and `cost_usd`.
    #[arg(value_name = "INVOICE.csv")]
    invoice: PathBuf,
    /// Only endpoints of this provider, by its id in the catalogue.
    #[arg(long)]
    provider: Option<String>,
    /// By how much of the bill the sums of a day and model may differ, such as `1%`, without being found.
    #[arg(long, default_value = "1%", value_parser = percent)]
    tolerance: f64,
    /// The bill's name for a model and ours, such as `gpt-4o-batch=gpt-4o`; may be given several times.
    #[arg(long, value_name = "THEIRS=OURS", value_parser = pair)]
    alias: Vec<(String, String)>,
    /// Take names as they are: dated ones are not put together with their alias.
    #[arg(long)]
    exact_names: bool,
    /// Print JSON; amounts are exact decimal text.
    #[arg(long)]
    json: bool,
    /// The configuration, which names the ledger and the endpoints' providers.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
    /// The ledger's file, whatever the configuration names.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim().parse::<f64>();
    number.ok().filter(|percent| (0.0..=100.0).contains(percent)).ok_or("expected 0% to 100%".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (theirs, ours) = text.split_once('=').ok_or("expected THEIRS=OURS")?;
    Ok((theirs.trim().to_owned(), ours.trim().to_owned()))
}

#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error(transparent)]
    Invoice(#[from] invoice::InvoiceError),
    #[error(transparent)]
    Time(#[from] NoMoment),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("nothing can be printed: {0}")]
    Output(#[from] io::Error),
}

/// A day and a model, on both sides.
#[derive(Clone, Debug, Default, Serialize)]
struct Line {
    #[serde(rename = "ours_usd")]
    ours: Option<Pico>,
    #[serde(rename = "theirs_usd")]
    theirs: Option<Pico>,
    #[serde(rename = "difference_usd")]
    difference: Pico,
    answers: u64,
    unpriced: u64,
    within: bool,
}

#[derive(Serialize)]
struct Comparison {
    lines: Vec<Named>,
    total: Line,
    bad_lines: Vec<invoice::BadLine>,
}

#[derive(Serialize)]
struct Named {
    day: String,
    model: String,
    #[serde(flatten)]
    line: Line,
}

impl Line {
    /// Sums it up: whether it lies within so many percent of the bill.
    fn judged(mut self, tolerance: f64) -> Self {
        let (ours, theirs) = (self.ours.unwrap_or_default(), self.theirs.unwrap_or_default());
        self.difference = ours - theirs;
        // Tolerance is for people; the amounts beside it are exact.
        let allowed = theirs.get().unsigned_abs() as f64 * tolerance / 100.0;
        let is_one_sided = self.ours.is_none() != self.theirs.is_none() && self.difference != Pico::ZERO;
        self.within = !is_one_sided && self.difference.get().unsigned_abs() as f64 <= allowed;
        self
    }
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let config = match super::check::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    if let Some(provider) = args.provider.as_deref().filter(|id| config.catalogue.provider_named(id).is_none()) {
        return super::cannot_run(&format!("error: the catalogue has no provider `{provider}`"));
    }
    let compared = compare(args, &config).and_then(|comparison| {
        if args.json {
            super::print_json(&comparison)?;
        } else {
            print(&comparison, args)?;
        };
        Ok(comparison)
    });
    match compared {
        Ok(comparison) => {
            let good = comparison.bad_lines.is_empty() && comparison.lines.iter().all(|one| one.line.within);
            if good { super::OK.into() } else { super::FOUND.into() }
        }
        Err(error) => super::cannot_run(&format!("error: {error}")),
    }
}

fn compare(args: &Args, config: &Config) -> Result<Comparison, ReconcileError> {
    let names = Names::new(&args.alias, args.exact_names);
    let Invoice { costs, bad_lines } = invoice::read(&args.invoice, &names)?;
    let days: Vec<&str> = costs.keys().map(|(day, _)| day.as_str()).collect();
    let mut lines: BTreeMap<(String, String), Line> = BTreeMap::new();
    for (key, cost) in &costs {
        lines.entry(key.clone()).or_default().theirs = Some(*cost);
    }
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        let period = Period::parse(Some(first), Some(last), jiff::Timestamp::now())?;
        Pages::open(config, args.ledger.as_deref())?.each(period, None, |page| {
            for used in page {
                let (Some(endpoint), Some(model)) = (&used.endpoint, &used.model) else { continue };
                if is_of(config, endpoint, args.provider.as_deref()) {
                    let line = lines.entry((day_of(used.at), names.folded(model))).or_default();
                    line.ours = Some(line.ours.unwrap_or_default() + used.cost.unwrap_or_default());
                    (line.answers, line.unpriced) = (line.answers + 1, line.unpriced + u64::from(used.cost.is_none()));
                }
            }
            Ok::<(), ReconcileError>(())
        })?;
    }
    let mut total = Line::default();
    for line in lines.values() {
        let sum = |one: Option<Pico>, other: Option<Pico>| match (one, other) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or_default() + other.unwrap_or_default()),
        };
        (total.ours, total.theirs) = (sum(total.ours, line.ours), sum(total.theirs, line.theirs));
        (total.answers, total.unpriced) = (total.answers + line.answers, total.unpriced + line.unpriced);
    }
    let named = |((day, model), line): (_, Line)| Named { day, model, line: line.judged(args.tolerance) };
    let lines = lines.into_iter().map(named).collect();
    Ok(Comparison { lines, total: total.judged(args.tolerance), bad_lines })
}

/// The day in UTC.
fn day_of(at: SystemTime) -> String {
    let moment = jiff::Timestamp::try_from(at).unwrap_or_default();
    moment.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// Whether an endpoint's answers are on this provider's bill. What the catalogue does not know is on nobody's.
fn is_of(config: &Config, endpoint: &str, provider: Option<&str>) -> bool {
    let Some(wanted) = provider.and_then(|name| config.catalogue.provider_named(name)) else { return true };
    let endpoint = EndpointName::parse(endpoint).ok().and_then(|name| config.endpoints.get(&name));
    endpoint.is_some_and(|endpoint| {
        let by_price = match &endpoint.price {
            Price::Catalogue(price) => Some(price.provider()),
            _ => None,
        };
        by_price.or_else(|| config.catalogue.provider_at(&endpoint.url.to_string())) == Some(wanted)
    })
}

fn print(comparison: &Comparison, args: &Args) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let row = |day: &str, model: &str, line: &Line| {
        let amount = |amount: Option<Pico>| amount.map_or("-".to_owned(), |amount| amount.to_string());
        let note = match (line.ours, line.theirs) {
            _ if line.within => String::new(),
            (Some(_), None) => "only in the ledger".to_owned(),
            (None, Some(_)) => "only on the bill".to_owned(),
            _ => format!("beyond {}%", args.tolerance),
        };
        let unpriced = if line.unpriced > 0 { format!("{} unpriced", line.unpriced) } else { String::new() };
        vec![
            day.to_owned(),
            model.to_owned(),
            line.answers.to_string(),
            amount(line.ours),
            amount(line.theirs),
            line.difference.to_string(),
            note,
            unpriced,
        ]
    };
    let head = ["day", "model", "answers", "ours USD", "theirs USD", "difference", "", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(comparison.lines.iter().map(|one| row(&one.day, &one.model, &one.line)));
    rows.push(row("all", "", &comparison.total));
    write!(out, "{}", pricing::aligned(&rows))?;
    for bad in &comparison.bad_lines {
        writeln!(out, "line {} of the bill was left out: {}", bad.line, bad.why)?;
    }
    Ok(())
}
