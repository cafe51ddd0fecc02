//! A report as a table, for people.

use std::io::{self, Write};

use super::moment;
use crate::domain::Pico;
use crate::record::report::{Filter, GroupBy, Report, Totals};

/// The most decimals of an amount; what is smaller and not nothing is shown as less than the smallest amount.
const MAX_DECIMALS: usize = 6;

/// What stands where the entries say nothing.
pub(in crate::cli) const NOTHING: &str = "-";

/// Prints the lines, their total, and what a reader should know about them.
pub fn print(report: &Report, by: &[GroupBy], filter: &Filter, ledger: &str, mut out: impl Write) -> io::Result<()> {
    if report.lines.is_empty() {
        return print_empty(filter, ledger, out);
    }
    print_period(filter, &mut out)?;
    let rows = rows(report, by);
    let widths = widths(&rows);
    for (number, row) in rows.iter().enumerate() {
        if number + 1 == rows.len() {
            let rule: usize = widths.iter().map(|width| width + 2).sum();
            writeln!(out, "{}", "-".repeat(rule.saturating_sub(2)))?;
        }
        print_row(row, &widths, by.len(), &mut out)?;
    }
    print_notes(&report.total, &mut out)?;
    print_limits(report, &mut out)
}

/// What the period and the figures do not say by themselves.
fn print_limits(report: &Report, mut out: impl Write) -> io::Result<()> {
    if let Some(wide) = report.widened {
        let text = |millis: Option<i64>| millis.and_then(moment).unwrap_or_else(|| "the beginning".to_owned());
        let until = wide.until_millis.and_then(moment).map_or_else(String::new, |until| format!(" before {until}"));
        writeln!(
            out,
            "\nCounted from {}{until}: of the time whose entries were deleted only whole hours are known.",
            text(wide.since_millis)
        )?;
    }
    if report.unshipped > 0 {
        writeln!(out, "\n{} of these requests wait here to be shipped.", grouped(report.unshipped.into()))?;
    }
    Ok(())
}

fn print_empty(filter: &Filter, ledger: &str, mut out: impl Write) -> io::Result<()> {
    if *filter == Filter::default() {
        return writeln!(out, "The ledger `{ledger}` has no entries yet.");
    }
    print_period(filter, &mut out)?;
    writeln!(out, "No entry of the ledger `{ledger}` is what you asked for.")
}

fn print_period(filter: &Filter, mut out: impl Write) -> io::Result<()> {
    let period = filter.period;
    let since = period.since_millis.and_then(moment).map(|since| format!("from {since}"));
    let until = period.until_millis.and_then(moment).map(|until| format!("before {until}"));
    let equal = filter.equal.iter().map(|(by, value)| format!("{} {value}", by.as_str()));
    let all: Vec<String> = since.into_iter().chain(until).chain(equal).collect();
    if all.is_empty() { Ok(()) } else { writeln!(out, "Requests {}\n", all.join(", ")) }
}

fn print_notes(total: &Totals, mut out: impl Write) -> io::Result<()> {
    if total.unpriced > 0 {
        let (requests, their) = if total.unpriced == 1 { ("request", "its") } else { ("requests", "their") };
        writeln!(
            out,
            "\n{} {requests} used tokens without a known price: {their} cost is missing above. \
             Set `price` for the endpoint in routes.toml.",
            grouped(total.unpriced.into())
        )?;
    }
    if total.estimated > 0 {
        let requests = if total.estimated == 1 { "request" } else { "requests" };
        writeln!(
            out,
            "\nThe tokens of {} {requests} are counted by us: the provider did not tell.",
            grouped(total.estimated.into())
        )?;
    }
    if let Some((cost, straight)) = total.verified_cost.zip(total.straight).filter(|_| total.discarded > 0) {
        let (saved, direction) = if cost > straight { (cost - straight, "more") } else { (straight - cost, "less") };
        let requests = grouped(total.verified.into());
        let amount = dollars(Some(saved), MAX_DECIMALS);
        writeln!(
            out,
            "\n{requests} answers were verified. With those that were thrown away they cost {amount} USD {direction} than \
             they would have on the tier that they escalate to."
        )?;
    }
    if let Some(drift) = total.drift.filter(|drift| *drift != Pico::ZERO) {
        let (requests, direction) = (grouped(total.compared.into()), if drift > Pico::ZERO { "more" } else { "less" });
        let amount = dollars(Some(Pico::new(drift.get().abs())), MAX_DECIMALS);
        writeln!(
            out,
            "\nOf {requests} requests the provider told the cost as well: {amount} USD {direction} than ours. \
             See `weighbridge prices`."
        )?;
    }
    Ok(())
}

/// A column after the keys: its title, and how a line shows in it.
struct Column {
    title: &'static str,
    show: Box<dyn Fn(&Totals) -> String>,
}

/// A part in percent; more than 100 where an endpoint gave more answers that were thrown away than it answered requests.
fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) => "0%".to_owned(),
        (part, 0) => grouped(part.into()),
        (part, whole) => format!("{:.1}%", part as f64 * 100.0 / whole as f64),
    }
}

fn columns(report: &Report) -> Vec<Column> {
    let total = &report.total;
    let mut columns = Vec::new();
    let mut add = |title, wanted: bool, show: Box<dyn Fn(&Totals) -> String>| {
        if wanted {
            columns.push(Column { title, show });
        }
    };
    add("requests", true, Box::new(|t| grouped(t.requests.into())));
    add("refused", total.refused > 0, Box::new(|t| grouped(t.refused.into())));
    add("failed", total.failed > 0, Box::new(|t| grouped(t.failed.into())));
    add("attempts", true, Box::new(|t| grouped(t.attempts.into())));
    add("tokens in", true, Box::new(|t| grouped(t.tokens_in)));
    add("cached", total.tokens_cached > 0, Box::new(|t| grouped(t.tokens_cached)));
    add("tokens out", true, Box::new(|t| grouped(t.tokens_out)));
    let cost = decimals(report, |t| t.cost);
    add("cost USD", true, Box::new(move |t| dollars(t.cost, cost)));
    let baseline = decimals(report, |t| t.baseline);
    add("baseline USD", total.baseline.is_some(), Box::new(move |t| dollars(t.baseline, baseline)));
    let thrown = decimals(report, |t| t.discarded_cost);
    add("escalated", total.discarded > 0, Box::new(|t| share(t.discarded, t.requests)));
    add("thrown away USD", total.discarded > 0, Box::new(move |t| dollars(t.discarded_cost, thrown)));
    let saved = decimals(report, |t| t.savings);
    add("saved USD", total.baseline.is_some(), Box::new(move |t| dollars(t.savings, saved)));
    add("unpriced", total.unpriced > 0, Box::new(|t| grouped(t.unpriced.into())));
    add("estimated", total.estimated > 0, Box::new(|t| grouped(t.estimated.into())));
    let told = decimals(report, |t| t.provider_cost);
    add("provider USD", total.compared > 0, Box::new(move |t| dollars(t.provider_cost, told)));
    let drift = decimals(report, |t| t.drift);
    add("drift USD", total.compared > 0, Box::new(move |t| dollars(t.drift, drift)));
    add("median ms", true, Box::new(|t| grouped(t.median_ms.into())));
    add("p95 ms", true, Box::new(|t| grouped(t.p95_ms.into())));
    columns
}

/// The titles, the lines, the total.
fn rows(report: &Report, by: &[GroupBy]) -> Vec<Vec<String>> {
    let columns = columns(report);
    let titles = by.iter().map(|by| by.as_str()).chain(columns.iter().map(|column| column.title));
    let shown = |totals: &Totals| columns.iter().map(|column| (column.show)(totals)).collect::<Vec<_>>();
    let mut rows = vec![titles.map(str::to_owned).collect()];
    for line in &report.lines {
        let keys = line.keys.iter().map(|key| key.clone().unwrap_or_else(|| NOTHING.to_owned()));
        rows.push(keys.chain(shown(&line.totals)).collect());
    }
    let blank = (0..by.len()).map(|place| if place == 0 { "total".to_owned() } else { String::new() });
    rows.push(blank.chain(shown(&report.total)).collect());
    rows
}

pub(in crate::cli) fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let widest = |place: usize| rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max();
    (0..columns).map(|place| widest(place).unwrap_or(0)).collect()
}

/// Keys to the left, numbers to the right.
pub(in crate::cli) fn print_row(row: &[String], widths: &[usize], keys: usize, mut out: impl Write) -> io::Result<()> {
    let cells =
        row.iter().zip(widths).enumerate().map(|(place, (cell, width))| {
            if place < keys { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
    writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())
}

/// `1234567` as `1,234,567`.
pub(in crate::cli) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How many decimals a column needs so that its smallest amount shows two digits that are not leading zeros.
fn decimals(report: &Report, amount: impl Fn(&Totals) -> Option<Pico>) -> usize {
    decimals_of(report.lines.iter().filter_map(|line| amount(&line.totals)))
}

/// The same of a column's amounts.
pub(in crate::cli) fn decimals_of(amounts: impl Iterator<Item = Pico>) -> usize {
    let amounts = amounts.map(|amount| amount.get().unsigned_abs());
    let smallest = amounts.filter(|amount| *amount > 0).min().unwrap_or(u128::MAX);
    // An amount of n digits in pico-dollars begins at decimal place 13 - n.
    let digits = smallest.to_string().len();
    14_usize.saturating_sub(digits).clamp(2, MAX_DECIMALS)
}

/// The amount, rounded to so many decimals; never 0 where there is something, or where nobody knows.
pub(in crate::cli) fn dollars(amount: Option<Pico>, decimals: usize) -> String {
    let Some(amount) = amount else { return NOTHING.to_owned() };
    let unit = 10_u128.pow(12 - decimals as u32);
    let (sign, pico) = (if amount.get() < 0 { "-" } else { "" }, amount.get().unsigned_abs());
    let units = (pico + unit / 2) / unit;
    if units == 0 && pico > 0 {
        return format!("{sign}<0.{:0>decimals$}", 1);
    }
    let per_dollar = 10_u128.pow(decimals as u32);
    format!("{sign}{}.{:0>decimals$}", grouped(units / per_dollar), units % per_dollar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_and_never_shown_as_nothing() {
        let check = |pico, decimals, expected: &str| assert_eq!(dollars(Some(Pico::new(pico)), decimals), expected);
        assert_eq!(dollars(None, 2), "-");
        check(0, 2, "0.00");
        check(1_234_567_890_000_000_000, 2, "1,234,567.89");
        check(5_000_000_000, 2, "0.01");
        check(4_999_999_999, 2, "<0.01");
        check(-250_000_000_000, 2, "-0.25");
        check(910_000_001, 5, "0.00091");
        check(1, 6, "<0.000001");
    }

    #[test]
    fn numbers_have_a_comma_each_three_digits() {
        let check = |number, expected| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(1_234_567, "1,234,567");
    }
}
