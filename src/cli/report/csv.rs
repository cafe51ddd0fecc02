//! A report as CSV (RFC 4180), for spreadsheets and scripts.

use std::io::{self, Write};

use crate::domain::Pico;
use crate::record::report::{GroupBy, Report, Totals};

const COLUMNS: &str = "requests,refused,failed,attempts,tokens_in,tokens_cached,tokens_out,\
                       cost_usd,baseline_usd,savings_usd,unpriced,estimated,median_ms,p95_ms,\
                       provider_cost_usd,drift_usd,discarded,discarded_usd,verified,verified_usd,straight_usd";

/// Prints the lines, without a total: a sum in a column that is added up again misleads.
pub fn print(report: &Report, by: &[GroupBy], mut out: impl Write) -> io::Result<()> {
    for by in by {
        write!(out, "{},", by.as_str())?;
    }
    write!(out, "{COLUMNS}\r\n")?;
    for line in &report.lines {
        for key in &line.keys {
            write!(out, "{},", cell(key.as_deref().unwrap_or_default()))?;
        }
        numbers(&line.totals, &mut out)?;
    }
    Ok(())
}

fn numbers(totals: &Totals, mut out: impl Write) -> io::Result<()> {
    let Totals { requests, refused, failed, attempts, tokens_in, tokens_cached, tokens_out, .. } = totals;
    write!(out, "{requests},{refused},{failed},{attempts},{tokens_in},{tokens_cached},{tokens_out},")?;
    let exact = |amount: Option<Pico>| amount.map_or_else(String::new, |amount| amount.to_string());
    write!(out, "{},{},{},", exact(totals.cost), exact(totals.baseline), exact(totals.savings))?;
    let Totals { unpriced, estimated, median_ms, p95_ms, .. } = totals;
    write!(out, "{unpriced},{estimated},{median_ms},{p95_ms},")?;
    write!(out, "{},{},", exact(totals.provider_cost), exact(totals.drift))?;
    write!(out, "{},{},{},", totals.discarded, exact(totals.discarded_cost), totals.verified)?;
    write!(out, "{},{}\r\n", exact(totals.verified_cost), exact(totals.straight))
}

/// A text as a cell. Labels come from clients, and a spreadsheet would run `=HYPERLINK(…)`: an apostrophe makes it text.
pub(super) fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n', '\'', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_neither_broken_nor_run() {
        let check = |text, expected| assert_eq!(cell(text), expected);
        check("payments", "payments");
        check("", "");
        check("a,b", r#""a,b""#);
        check(r#"say"hi""#, r#""say""hi""""#);
        check(r#"=HYPERLINK("http://x")"#, r#""'=HYPERLINK(""http://x"")""#);
        check("@SUM(1)", r#""'@SUM(1)""#);
        check("-2+3", r#""'-2+3""#);
        check("+1", r#""'+1""#);
    }
}
