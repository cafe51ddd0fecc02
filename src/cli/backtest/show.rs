//! The report for people: as text, and as Markdown for a pull request. Both print the same sections.

use std::io::{self, Write};
use std::sync::Arc;

use super::Tried;
use crate::cli::past::{moment, percent};
use crate::cli::report::table::{NOTHING, decimals_of, dollars, grouped, print_row, widths};
use crate::domain::Pico;
use crate::replay::changed::Shown;
use crate::replay::report::{Report, share_of};

/// Budgets that are listed at most.
const MOST_BURSTS: usize = 20;

/// A table with a title, and what has to be said of it.
struct Section {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// So many columns are words, the others numbers.
    words: usize,
    notes: Vec<String>,
}

/// Prints it.
pub(super) fn print(tried: &Tried<'_>, markdown: bool, out: &mut impl Write) -> io::Result<()> {
    let report = tried.report;
    if markdown {
        writeln!(out, "### Backtest of `{}`\n", tried.rules.display())?;
    }
    writeln!(out, "{}\n", opening(tried))?;
    for section in sections(report) {
        if markdown { section.markdown(out)? } else { section.text(out)? }
    }
    if !report.shown.is_empty() {
        shown(&report.shown, markdown, out)?;
    }
    verdict(tried, markdown, out)?;
    assumptions(markdown, out)
}

fn opening(tried: &Tried<'_>) -> String {
    let report = tried.report;
    let against = tried.against.map_or("what was decided then".to_owned(), |file| format!("`{}`", file.display()));
    let until = tried.until.as_ref().map_or(String::new(), |until| format!(" before {until}"));
    let sample = tried.sample.map_or(String::new(), |share| format!(", a sample of {}", percent(Some(share.into()))));
    format!(
        "`{}` (version {}) against {against}, on requests from {}{until}: {} entries{sample}, {} of them replayed.",
        tried.rules.display(),
        tried.version,
        tried.since.as_deref().unwrap_or("the beginning"),
        count(report.entries),
        count(report.replayed),
    )
}

fn sections(report: &Report) -> Vec<Section> {
    [summary(report), moves(report), rules(report), bursts(report), left_out(report)].into_iter().flatten().collect()
}

fn count(number: u64) -> String {
    grouped(number.into())
}

fn row<const N: usize>(cells: [String; N]) -> Vec<String> {
    cells.to_vec()
}

fn summary(report: &Report) -> Option<Section> {
    let costs = &report.costs;
    let amounts = [costs.old, costs.new, costs.difference, costs.by_prices, costs.cold.cost, costs.no_longer_answered];
    let decimals = decimals_of(amounts.into_iter());
    let usd = |amount: Pico| dollars(Some(amount), decimals);
    let high = &report.high_risk;
    let mut rows = vec![
        row(["requests that go elsewhere".into(), count(report.changed), percent(report.changed_share)]),
        row(["  with another model in the same tier".into(), count(report.other_model), String::new()]),
        row(["  by another rule, to the same effect".into(), count(report.other_rule), String::new()]),
        row(["high-risk requests to a cheaper model".into(), count(high.to_cheap), percent(high.to_cheap_share)]),
        row(["newly refused".into(), count(report.unanswered.newly), String::new()]),
        row(["no longer refused".into(), count(report.unanswered.no_longer), String::new()]),
        row(["cost before, USD".into(), usd(costs.old), String::new()]),
        row(["cost then, USD".into(), usd(costs.new), String::new()]),
        row(["difference, USD".into(), usd(costs.difference), percent(costs.difference_share)]),
        row(["  of it for prompts no longer in a cache".into(), usd(costs.cold.cost), String::new()]),
    ];
    if costs.by_prices != Pico::ZERO {
        rows.push(row(["  of it by other prices for the same model".into(), usd(costs.by_prices), String::new()]));
    }
    if costs.no_longer_answered != Pico::ZERO {
        let cells = ["cost of what is no longer answered, USD".into(), usd(costs.no_longer_answered), String::new()];
        rows.push(row(cells));
    }
    let mut notes = Vec::new();
    if costs.unpriced > 0 {
        notes.push(format!("Of {} requests the cost is not known on one of the sides.", count(costs.unpriced)));
    }
    if report.drawn_anew > 0 {
        let anew = count(report.drawn_anew);
        notes.push(format!(
            "{anew} go elsewhere because a split drew them anew: --against compares two files that draw alike."
        ));
    }
    Some(Section { title: "What changes", head: vec!["", "", "share"], rows, words: 1, notes })
}

fn moves(report: &Report) -> Option<Section> {
    let amounts = report.moves.iter().flat_map(|one| [one.sums.old, one.sums.new, one.sums.new - one.sums.old]);
    let decimals = decimals_of(amounts);
    let mut moves: Vec<_> = report.moves.iter().collect();
    // What goes elsewhere first, the most first.
    moves.sort_by_key(|one| (one.from == one.to, std::cmp::Reverse(one.sums.requests)));
    let rows = moves.into_iter().map(|one| {
        let amount = |amount| dollars((one.sums.priced > 0).then_some(amount), decimals);
        row([
            one.from.to_string(),
            if one.from == one.to { "stays".to_owned() } else { one.to.to_string() },
            count(one.sums.requests),
            percent(share_of(one.sums.requests.into(), report.replayed.into())),
            count(one.sums.high_risk),
            amount(one.sums.old),
            amount(one.sums.new),
            amount(one.sums.new - one.sums.old),
        ])
    });
    let head = vec!["from", "to", "requests", "share", "high risk", "old USD", "new USD", "difference"];
    Some(Section { title: "From where to where", head, rows: rows.collect(), words: 2, notes: Vec::new() })
}

fn rules(report: &Report) -> Option<Section> {
    let decimals = decimals_of(report.rules.iter().map(|rule| rule.cost));
    let rows = report.rules.iter().map(|rule| {
        let share = percent(share_of(rule.requests.into(), report.replayed.into()));
        let cells = [rule.rule.to_string(), count(rule.requests), share, count(rule.before)];
        cells.into_iter().chain([dollars(Some(rule.cost), decimals)]).collect()
    });
    let mut notes = Vec::new();
    if report.by_no_rule > 0 {
        notes.push(format!(
            "{} requests are decided by no rule: by the model that they name, or by who holds the \
                            conversation.",
            count(report.by_no_rule)
        ));
    }
    if !report.never_hit.is_empty() {
        let names: Vec<&str> = report.never_hit.iter().map(Arc::as_ref).collect();
        notes.push(format!("Never hit: {}.", names.join(", ")));
    }
    let head = vec!["rule", "requests", "share", "before", "USD"];
    Some(Section { title: "The rules", head, rows: rows.collect(), words: 1, notes })
}

fn bursts(report: &Report) -> Option<Section> {
    let bursts = report.bursts.as_ref().filter(|bursts| !bursts.is_empty())?;
    let decimals = decimals_of(bursts.iter().flat_map(|burst| [burst.limit, burst.spent]));
    let time = |millis: u64| moment(i64::try_from(millis).ok()).unwrap_or_else(|| NOTHING.to_owned());
    let rows = bursts.iter().take(MOST_BURSTS).map(|burst| {
        let holder = if burst.holder.is_empty() { "everybody".to_owned() } else { burst.holder.to_string() };
        row([
            burst.budget.to_string(),
            holder,
            time(burst.window_millis),
            time(burst.at_millis),
            dollars(Some(burst.limit), decimals),
            dollars(Some(burst.spent), decimals),
            count(burst.requests_after),
        ])
    });
    let more = bursts.len().saturating_sub(MOST_BURSTS);
    let notes = if more > 0 { vec![format!("And {more} more.")] } else { Vec::new() };
    let head = vec!["budget", "whose", "window from", "burst at", "limit USD", "spent USD", "requests after"];
    Some(Section { title: "Budgets that would have burst", head, rows: rows.collect(), words: 4, notes })
}

fn left_out(report: &Report) -> Option<Section> {
    let rows: Vec<_> = report.left_out.iter().map(|(reason, number)| row([reason.clone(), count(*number)])).collect();
    let head = vec!["not replayed", "entries"];
    (!rows.is_empty()).then(|| Section { title: "What could not be replayed", head, rows, words: 1, notes: Vec::new() })
}

impl Section {
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.title)?;
        let head = self.head.iter().map(|cell| (*cell).to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(self.rows.iter().cloned()).collect();
        let widths = widths(&rows);
        // A head without words is none.
        let first = usize::from(self.head[0].is_empty());
        rows[first..].iter().try_for_each(|row| {
            write!(out, "  ")?;
            print_row(row, &widths, self.words, &mut *out)
        })?;
        self.notes.iter().try_for_each(|note| writeln!(out, "  {note}"))?;
        writeln!(out)
    }

    fn markdown(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "**{}**\n", self.title)?;
        let line = |cells: &mut dyn Iterator<Item = String>| format!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        writeln!(out, "{}", line(&mut self.head.iter().map(|cell| (*cell).to_owned())))?;
        let sides = (0..self.head.len()).map(|place| if place < self.words { "---" } else { "---:" }.to_owned());
        writeln!(out, "{}", line(&mut { sides }))?;
        for row in &self.rows {
            let indented = |cell: &String| match cell.strip_prefix("  ") {
                Some(part) => format!("… {}", escaped(part)),
                None => escaped(cell),
            };
            writeln!(out, "{}", line(&mut row.iter().map(indented)))?;
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "\n{}", escaped(note)))?;
        writeln!(out)
    }
}

/// Labels come from callers: in Markdown they stay text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '@' | '#' | '!' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn shown(all: &[Shown], markdown: bool, out: &mut impl Write) -> io::Result<()> {
    let text = |text: &str| if markdown { escaped(text) } else { text.to_owned() };
    if markdown {
        writeln!(out, "<details><summary>{} requests that go elsewhere</summary>\n", all.len())?;
    } else {
        writeln!(out, "Requests that go elsewhere")?;
    }
    for (place, one) in all.iter().enumerate() {
        let or_none = |name: &Option<Arc<str>>| name.as_deref().unwrap_or(NOTHING).to_owned();
        let cost = |cost: Option<Pico>| cost.map_or(NOTHING.to_owned(), |cost| cost.to_string());
        writeln!(out, "{}. {}", place + 1, one.id)?;
        let lines = [
            one.facts.clone(),
            format!(
                "was {} by {}, {}, {} USD",
                one.from,
                or_none(&one.old_rule),
                or_none(&one.old_model),
                cost(one.old_cost)
            ),
            format!(
                "is  {} by {}, {}, {} USD",
                one.to,
                or_none(&one.new_rule),
                or_none(&one.new_model),
                cost(one.new_cost)
            ),
        ];
        let bullet = if markdown { "   - " } else { "     " };
        for line in lines.iter().chain(&one.why) {
            writeln!(out, "{bullet}{}", text(line))?;
        }
    }
    writeln!(out, "{}", if markdown { "\n</details>\n" } else { "" })
}

fn verdict(tried: &Tried<'_>, markdown: bool, out: &mut impl Write) -> io::Result<()> {
    if tried.limits.is_empty() {
        return Ok(());
    }
    let over = tried.limits.iter().filter(|limit| limit.is_over).count();
    let title = match over {
        0 => "Every limit holds.".to_owned(),
        over => format!("{over} of {} limits exceeded.", tried.limits.len()),
    };
    let (bold, bullet) = if markdown { ("**", "- ") } else { ("", "  ") };
    writeln!(out, "{bold}{title}{bold}")?;
    if markdown {
        writeln!(out)?;
    }
    for limit in tried.limits {
        let (word, name) = (if limit.is_over { "EXCEEDED" } else { "ok" }, limit.limit);
        let name = if markdown { format!("`{name}`") } else { name.to_owned() };
        writeln!(out, "{bullet}{word}: {name} allows {}, found {}", limit.allowed, limit.found)?;
    }
    writeln!(out)
}

/// What the figures rest on.
fn assumptions(markdown: bool, out: &mut impl Write) -> io::Result<()> {
    let text = "Assumed: an answer is as long as it was, and a conversation goes on as it did; tokens that were read from a \
                cache are written anew where a conversation is not at the same endpoint as before; chance (splits, weights) \
                is drawn by the request's id; keys that are not in the file may use every tier; `budget_used` is what the \
                replayed costs come to.";
    if markdown { writeln!(out, "<sub>{text}</sub>") } else { writeln!(out, "{text}") }
}
