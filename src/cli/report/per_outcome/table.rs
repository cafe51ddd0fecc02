//! What outcomes cost, as a table for people, with what a reader should know about it.

use std::io::{self, Write};

use super::super::moment;
use super::super::table::{NOTHING, decimals_of, dollars, grouped, print_row, widths};
use crate::domain::Pico;
use crate::record::report::{Filter, GroupBy};
use crate::value::cost::{Costs, Driver, Line, Question};
use crate::value::spend::Amount;

/// Prints the lines, their total, and the notes.
pub fn print(costs: &Costs, by: GroupBy, question: &Question, filter: &Filter, mut out: impl Write) -> io::Result<()> {
    let period = filter.period;
    let since = period.since_millis.and_then(moment).map(|since| format!("from {since}"));
    let until = period.until_millis.and_then(moment).map(|until| format!("before {until}"));
    let equal = filter.equal.iter().map(|(by, value)| format!("{} {value}", by.as_str()));
    let all: Vec<String> = since.into_iter().chain(until).chain(equal).collect();
    if !all.is_empty() {
        writeln!(out, "Spend and outcomes {}\n", all.join(", "))?;
    }
    if costs.lines.is_empty() {
        return writeln!(out, "There is neither spend nor an outcome. docs/value.md says how outcomes are told.");
    }
    let rows = rows(costs, by);
    let widths = widths(&rows);
    for (number, row) in rows.iter().enumerate() {
        if number + 1 == rows.len() {
            let rule: usize = widths.iter().map(|width| width + 2).sum();
            writeln!(out, "{}", "-".repeat(rule.saturating_sub(2)))?;
        }
        print_row(row, &widths, 1, &mut out)?;
    }
    print_notes(costs, question, &mut out)
}

type Show = Box<dyn Fn(&Line) -> String>;

fn columns(costs: &Costs) -> Vec<(&'static str, Show)> {
    let total = &costs.total;
    let mut columns: Vec<(&'static str, Show)> = Vec::new();
    let mut add = |title, wanted: bool, show: Show| {
        if wanted {
            columns.push((title, show));
        }
    };
    let money = |amount: fn(&Line) -> Option<Pico>| -> Show {
        let decimals = decimals_of(costs.lines.iter().filter_map(amount));
        Box::new(move |line| dollars(amount(line), decimals))
    };
    let has = |amount: &Amount| amount.requests > 0;
    add("outcomes", true, Box::new(|line| grouped(line.outcomes.into())));
    add("weight", total.weight != total.outcomes, Box::new(|line| grouped(line.weight.into())));
    add("spend USD", true, money(|line| line.account.total.cost));
    add("USD each", true, money(|line| line.cost_per_outcome));
    add("trend", total.trend.is_some(), Box::new(trend));
    add("direct USD each", total.direct.is_some(), money(|line| line.direct_per_outcome));
    add("joined USD", has(&total.account.joined), money(|line| line.account.joined.cost));
    add("ambiguous USD", has(&total.account.ambiguous), money(|line| line.account.ambiguous.cost));
    add("unjoined USD", has(&total.account.unjoined), money(|line| line.account.unjoined.cost));
    add("escalated USD", has(&total.escalated), money(|line| line.escalated.cost));
    add("USD each, net", has(&total.escalated), money(|line| line.net_of_escalations));
    add("saved USD", total.account.total.savings.is_some(), money(|line| line.account.total.savings));
    add("driven by", true, Box::new(|line| format!("{}, {}", driver(&line.rules), driver(&line.tiers))));
    columns
}

fn rows(costs: &Costs, by: GroupBy) -> Vec<Vec<String>> {
    let columns = columns(costs);
    let row = |first: String, line: &Line| -> Vec<String> {
        std::iter::once(first).chain(columns.iter().map(|(_, show)| show(line))).collect()
    };
    let titles = std::iter::once(by.as_str()).chain(columns.iter().map(|(title, _)| *title));
    let mut rows = vec![titles.map(str::to_owned).collect()];
    for line in &costs.lines {
        rows.push(row(line.key.clone().unwrap_or_else(|| NOTHING.to_owned()), line));
    }
    rows.push(row("total".to_owned(), &costs.total));
    rows
}

/// The change, and between how many outcomes.
fn trend(line: &Line) -> String {
    let Some(trend) = &line.trend else { return NOTHING.to_owned() };
    let change =
        trend.change_permille.map_or_else(|| NOTHING.to_owned(), |change| format!("{:+.1}%", change as f64 / 10.0));
    format!("{change} ({} → {})", trend.outcomes_before, line.outcomes)
}

fn driver(drivers: &[Driver]) -> String {
    let Some(first) = drivers.first() else { return NOTHING.to_owned() };
    let percent = (first.share_permille + 5).div_euclid(10);
    format!("{} {percent}%", first.name.as_deref().unwrap_or(NOTHING))
}

fn print_notes(costs: &Costs, question: &Question, mut out: impl Write) -> io::Result<()> {
    let total = &costs.total;
    writeln!(out, "\nUSD each is spend divided by what shipped, work that has not shipped included; docs/value.md.")?;
    if total.trend.is_some() {
        let least = question.min_outcomes;
        writeln!(out, "The trend is against the time of equal length before, with at least {least} outcomes in each.")?;
    }
    let account = &total.account;
    let notes = [
        ("Joined to none, because more than one outcome may be meant", account.ambiguous.requests),
        ("Joined to none, because no outcome is known that is meant", account.unjoined.requests),
        ("Answered by another tier than the rule's, and left out of net", total.escalated.requests),
        ("Without a known price, and missing above", account.total.unpriced),
        ("With tokens counted by us, because the provider did not tell", account.total.estimated),
    ];
    for (note, requests) in notes {
        if requests > 0 {
            writeln!(out, "{note}: {} request{}.", grouped(requests.into()), if requests == 1 { "" } else { "s" })?;
        }
    }
    Ok(())
}
