//! A provider's bill, as CSV.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::domain::Pico;

/// The names that columns have, the first that is there counts: the plain form's, OpenAI's, Anthropic's.
const DATES: [&str; 6] = ["date", "day", "usage_date_utc", "start_time_iso", "start_time", "usage_date"];
const MODELS: [&str; 4] = ["model", "line_item", "model_name", "snapshot_id"];
const COSTS: [&str; 5] = ["cost_usd", "amount_value", "cost", "amount", "total_cost"];
const CURRENCIES: [&str; 2] = ["amount_currency", "currency"];

/// Why there is no bill.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvoiceError {
    #[error("`{0}` cannot be read: {1}")]
    Read(String, io::Error),
    #[error("`{0}` is no CSV: {1}")]
    Csv(String, csv::Error),
    #[error("the bill has no column for the {what}: one of {names}")]
    Column { what: &'static str, names: String },
}

/// A line that says nothing that can be compared.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct BadLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// Why.
    pub why: String,
}

/// What was billed.
#[derive(Debug, Default)]
pub(super) struct Invoice {
    /// By day in UTC and model.
    pub costs: BTreeMap<(String, String), Pico>,
    /// What was left out.
    pub bad_lines: Vec<BadLine>,
}

/// How names of models are put together.
pub(super) struct Names {
    aliases: BTreeMap<String, String>,
    exact: bool,
}

impl Names {
    pub(super) fn new(aliases: &[(String, String)], exact: bool) -> Self {
        Self { aliases: aliases.iter().map(|(theirs, ours)| (theirs.to_lowercase(), ours.clone())).collect(), exact }
    }

    /// The name under which a model is compared: `gpt-4o-2024-08-06, input` and `GPT-4o` are `gpt-4o`, `Claude Sonnet 4.5`
    /// and `claude-sonnet-4-5-20250929` are `claude-sonnet-4-5`.
    pub(super) fn folded(&self, name: &str) -> String {
        if let Some(ours) = self.aliases.get(&name.trim().to_lowercase()) {
            return ours.clone();
        }
        // What is bought of the model stands after a comma.
        let name = name.split(',').next().unwrap_or(name).trim();
        if let Some(ours) = self.aliases.get(&name.to_lowercase()) {
            return ours.clone();
        }
        if self.exact {
            return name.to_owned();
        }
        let mut name = name.to_lowercase().replace([' ', '_'], "-");
        // Anthropic prints `Claude Sonnet 4.5` and calls it `claude-sonnet-4-5`; others have the point in the name itself.
        if name.starts_with("claude") {
            name = name.replace('.', "-");
        }
        without_date(&name).to_owned()
    }
}

/// A name without `-2024-08-06`, `-20240806` or `-latest` at its end.
fn without_date(name: &str) -> &str {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = name.rsplitn(4, '-').collect();
    let cut = match parts.as_slice() {
        [day, month, year, rest] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            [day, month, year].into_iter().all(|part| is_digits(part)).then_some(rest.len())
        }
        _ => None,
    };
    let last = name.rsplit_once('-').filter(|(_, last)| *last == "latest" || (last.len() == 8 && is_digits(last)));
    cut.or(last.map(|(rest, _)| rest.len())).map_or(name, |end| &name[..end])
}

/// Reads a bill.
pub(super) fn read(path: &Path, names: &Names) -> Result<Invoice, InvoiceError> {
    let file = path.display().to_string();
    let bytes = std::fs::File::open(path).map_err(|error| InvoiceError::Read(file.clone(), error))?;
    parse(bytes, names).map_err(|error| match error {
        InvoiceError::Csv(_, error) => InvoiceError::Csv(file, error),
        error => error,
    })
}

fn parse(bytes: impl Read, names: &Names) -> Result<Invoice, InvoiceError> {
    let failed = |error| InvoiceError::Csv(String::new(), error);
    let mut reader = ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let headers = reader.headers().map_err(failed)?.clone();
    let find = |wanted: &[&str]| {
        let clean = |name: &str| name.trim_start_matches('\u{feff}').to_lowercase().replace(' ', "_");
        wanted.iter().find_map(|wanted| headers.iter().position(|name| clean(name) == *wanted))
    };
    let column = |what, wanted: &[&str]| {
        find(wanted).ok_or_else(|| InvoiceError::Column { what, names: format!("`{}`", wanted.join("`, `")) })
    };
    let columns = Columns {
        date: column("date", &DATES)?,
        model: column("model", &MODELS)?,
        cost: column("cost", &COSTS)?,
        currency: find(&CURRENCIES),
    };
    let mut invoice = Invoice::default();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                invoice.bad_lines.push(BadLine { line, why: error.to_string() });
                continue;
            }
        };
        match columns.read(&record, names) {
            Ok((day, model, cost)) => {
                let sum = invoice.costs.entry((day, model)).or_default();
                *sum = *sum + cost;
            }
            Err(why) => {
                let line = record.position().map_or(0, csv::Position::line);
                invoice.bad_lines.push(BadLine { line, why });
            }
        }
    }
    Ok(invoice)
}

struct Columns {
    date: usize,
    model: usize,
    cost: usize,
    currency: Option<usize>,
}

impl Columns {
    fn read(&self, record: &StringRecord, names: &Names) -> Result<(String, String, Pico), String> {
        let field = |place: usize| record.get(place).unwrap_or_default();
        if let Some(currency) = self.currency.map(field).filter(|currency| !currency.eq_ignore_ascii_case("usd")) {
            return Err(format!("its currency is `{currency}`, not USD"));
        }
        let date = field(self.date);
        let day = day(date).ok_or_else(|| format!("`{date}` is no date"))?;
        let model = names.folded(field(self.model));
        if model.is_empty() {
            return Err("it names no model".to_owned());
        }
        let text = field(self.cost);
        let cost = usd(text).ok_or_else(|| format!("`{text}` is no amount in USD with a decimal point"))?;
        Ok((day, model, cost))
    }
}

/// An amount such as `$1,234.50`: commas stand in front of groups of three digits, so that a decimal comma is no amount
/// rather than a hundred times as much.
fn usd(text: &str) -> Option<Pico> {
    let text = text.trim().replacen('$', "", 1);
    let whole = text.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default().trim_start_matches('-');
    let is_grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if text.contains(',')
        && (!is_grouped || text.rsplit('.').next().is_some_and(|part| part.contains(',') && text.contains('.')))
    {
        return None;
    }
    Pico::parse_usd(&text.replace(',', ""))
}

/// The day in UTC of a date, a moment, or seconds since 1970.
fn day(text: &str) -> Option<String> {
    let moment = text.parse::<Timestamp>().ok();
    let moment = moment.or_else(|| Timestamp::from_second(text.parse().ok()?).ok());
    match moment {
        Some(moment) => Some(moment.to_zoned(TimeZone::UTC).date().to_string()),
        None => text.get(..10)?.parse::<Date>().ok().map(|day| day.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_comma_is_no_amount() {
        assert_eq!(usd("$1,234.50"), Some(Pico::new(1_234_500_000_000_000)));
        assert_eq!(usd("12,345,678"), Some(Pico::new(12_345_678_000_000_000_000)));
        for bad in ["0,25", "1234,567.00", "1,23", "1.234,50", "1,2345"] {
            assert_eq!(usd(bad), None, "{bad}");
        }
    }

    fn costs(text: &str) -> Vec<(String, String, String)> {
        let invoice = parse(text.as_bytes(), &Names::new(&[], false)).unwrap();
        assert_eq!(invoice.bad_lines, []);
        invoice.costs.into_iter().map(|((day, model), cost)| (day, model, cost.to_string())).collect()
    }

    fn line(day: &str, model: &str, cost: &str) -> (String, String, String) {
        (day.into(), model.into(), cost.into())
    }

    #[test]
    fn a_plain_bill_is_read_exactly() {
        let text =
            "\u{feff}Date,Model,Cost USD,note\n2026-11-01,gpt-4o,0.1,x\n2026-11-01,gpt-4o-2024-08-06,0.000000000001\n";
        assert_eq!(costs(text), [line("2026-11-01", "gpt-4o", "0.100000000001")]);
    }

    #[test]
    fn openais_export_is_read() {
        let text = "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id\n\
                    1761955200,1762041600,2025-11-01T00:00:00+00:00,2025-11-02T00:00:00+00:00,1.5e-3,usd,\"gpt-4o-mini-2024-07-18, input\",proj_1\n\
                    1761955200,1762041600,2025-11-01T00:00:00+00:00,2025-11-02T00:00:00+00:00,0.25,usd,\"gpt-4o-mini-2024-07-18, output\",proj_1\n";
        assert_eq!(costs(text), [line("2025-11-01", "gpt-4o-mini", "0.2515")]);
    }

    #[test]
    fn anthropics_export_is_read() {
        let text = "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,cost_type\n\
                    2026-11-03,Claude Sonnet 4.5,Default,key,message,≤ 200k,output_tokens,1.07,token\n\
                    2026-11-03,claude-sonnet-4-5-20250929,Default,key,message,≤ 200k,input_no_cache,2,token\n";
        assert_eq!(costs(text), [line("2026-11-03", "claude-sonnet-4-5", "3.07")]);
    }

    #[test]
    fn bad_lines_are_told_with_their_number() {
        let text = "date,model,cost_usd,currency\n2026-11-01,a,1,usd\nsoon,a,1,usd\n2026-11-01,a,much,usd\n\
                    2026-11-01,a,1,eur\n2026-11-01,,1,usd\n";
        let invoice = parse(text.as_bytes(), &Names::new(&[], false)).unwrap();
        assert_eq!(invoice.bad_lines.iter().map(|bad| bad.line).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(invoice.costs.len(), 1);
        let missing = parse("date,cost_usd\n".as_bytes(), &Names::new(&[], false));
        assert!(matches!(missing, Err(InvoiceError::Column { what: "model", .. })));
    }

    #[test]
    fn names_are_put_together_unless_told_otherwise() {
        let folding = Names::new(&[("GPT-4o-batch".into(), "gpt-4o".into())], false);
        let check = |name: &str, expected: &str| assert_eq!(folding.folded(name), expected, "{name}");
        check("gpt-4o-batch, input", "gpt-4o");
        check("gpt-4.1-2025-04-14", "gpt-4.1");
        check("claude-haiku-4-5-20251001", "claude-haiku-4-5");
        check("claude-3-5-haiku-latest", "claude-3-5-haiku");
        check("gemini-2.5-pro", "gemini-2.5-pro");
        check("o3", "o3");
        assert_eq!(Names::new(&[], true).folded("gpt-4o-2024-08-06"), "gpt-4o-2024-08-06");
    }
}
