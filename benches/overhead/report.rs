//! The figures as a Markdown table for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::measure::{Memory, Results, Turn};
use crate::options::Options;
use crate::target::Kind;

/// A figure that is told for each target.
struct Figure {
    title: &'static str,
    decimals: usize,
    /// The figure of a turn, beside the direct calls of the same round.
    of: fn(&Turn, &Turn) -> Option<f64>,
}

const FIGURES: [Figure; 8] = [
    Figure { title: "adds, median µs", decimals: 0, of: |turn, direct| Some(turn.median - direct.median) },
    Figure { title: "adds, p99 µs", decimals: 0, of: |turn, direct| Some(turn.p99 - direct.p99) },
    Figure {
        title: "adds to first streamed byte, median µs",
        decimals: 0,
        of: |turn, direct| Some(turn.first_byte - direct.first_byte),
    },
    Figure {
        title: "the same, p99 µs",
        decimals: 0,
        of: |turn, direct| Some(turn.first_byte_p99 - direct.first_byte_p99),
    },
    Figure { title: "requests/s at most", decimals: 0, of: |turn, _| Some(turn.throughput) },
    Figure { title: "CPU s per 1,000 at most", decimals: 4, of: |turn, _| turn.cpu_at_full },
    Figure { title: "CPU s per 1,000 at the open loop's rate", decimals: 4, of: |turn, _| turn.cpu_at_rate },
    Figure { title: "the same, streamed", decimals: 4, of: |turn, _| turn.cpu_streamed },
];

/// The tables, with what one must know to read them.
pub fn markdown(results: &Results, options: &Options) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, results, options);
    text
}

fn write_all(text: &mut String, results: &Results, options: &Options) -> std::fmt::Result {
    let Options { rounds, rate, seconds, connections, tokens, .. } = options;
    writeln!(
        text,
        "Prompts of {tokens} tokens ({} bytes of JSON). {rounds} rounds, in each of which every target has {seconds} s of open \
         loop at {rate} requests/s with whole answers, {seconds} s of the same with streams, and {seconds} s of closed loop \
         on {connections} connections. The proxy has one core. Figures are medians over the rounds.\n",
        results.body_bytes
    )?;
    write_figures(text, results)?;
    write_ratios(text, results)?;
    write_memory(text, results)?;
    write_notes(text, results)
}

fn write_figures(text: &mut String, results: &Results) -> std::fmt::Result {
    let titles: Vec<&str> = FIGURES.iter().map(|figure| figure.title).collect();
    writeln!(text, "| | {} |\n|---|{}", titles.join(" | "), "---:|".repeat(FIGURES.len()))?;
    for kind in kinds(results) {
        let cells: Vec<String> = FIGURES
            .iter()
            .map(|figure| {
                let mut values: Vec<f64> = by_round(results, kind, figure).flatten().collect();
                spread(&mut values).map_or("–".into(), |(_, median, _)| format!("{median:.*}", figure.decimals))
            })
            .collect();
        writeln!(text, "| {} | {} |", kind.name(), cells.join(" | "))?;
    }
    if let Some(direct) = results.rounds.first().and_then(|turns| turns.first()) {
        writeln!(
            text,
            "\nDirect calls took {:.0} µs (median) and {:.0} µs (p99) in the first round, {:.0} µs to the first streamed byte.\n",
            direct.median, direct.p99, direct.first_byte
        )?;
    }
    Ok(())
}

fn write_ratios(text: &mut String, results: &Results) -> std::fmt::Result {
    let others: Vec<Kind> = kinds(results).filter(|kind| !matches!(kind, Kind::Direct | Kind::Haproxy)).collect();
    if !kinds(results).any(|kind| kind == Kind::Haproxy) || others.is_empty() {
        return Ok(());
    }
    writeln!(text, "As a multiple of HAProxy in the same round: least / median / greatest.\n")?;
    let names: Vec<&str> = others.iter().map(|kind| kind.name()).collect();
    writeln!(text, "| | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len()))?;
    for figure in &FIGURES {
        let cells: Vec<String> = others
            .iter()
            .map(|&kind| {
                spread(&mut ratios(results, kind, figure)).map_or("–".into(), |(least, median, greatest)| {
                    format!("{least:.2} / {median:.2} / {greatest:.2}")
                })
            })
            .collect();
        writeln!(text, "| {} | {} |", figure.title, cells.join(" | "))?;
    }
    writeln!(text)
}

fn write_memory(text: &mut String, results: &Results) -> std::fmt::Result {
    if results.memory.is_empty() {
        return Ok(());
    }
    writeln!(text, "| | resident after warm-up, MB | with idle streams, MB | streams | KB for each idle stream |")?;
    writeln!(text, "|---|---:|---:|---:|---:|")?;
    for memory in &results.memory {
        let Memory { kind, before, with_streams, streams } = memory;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let (name, each) = (kind.name(), per_stream(memory) / 1e3);
        writeln!(
            text,
            "| {name} | {:.1} | {:.1} | {streams} | {each:.1} |",
            megabytes(*before),
            megabytes(*with_streams)
        )?;
    }
    writeln!(text)
}

/// With less than so many cores' worth of other work, the machine counts as quiet.
const QUIET: f64 = 0.1;

/// What would make a figure mean less than it seems to.
fn write_notes(text: &mut String, results: &Results) -> std::fmt::Result {
    for kind in kinds(results) {
        let turns = || results.rounds.iter().flatten().filter(move |turn| turn.kind == kind);
        let failed: u64 = turns().map(|turn| turn.failed).sum();
        if failed > 0 {
            let first = turns().find_map(|turn| turn.first_failure.as_deref()).unwrap_or("no answer in time");
            writeln!(text, "- {}: {failed} requests failed, the first one thus: {first}.", kind.name())?;
        }
        let mut busy: Vec<f64> = turns().filter_map(|turn| turn.busy).collect();
        if let Some((_, busy, _)) = spread(&mut busy).filter(|(_, busy, _)| *busy < 0.9) {
            let share = busy * 100.0;
            writeln!(
                text,
                "- {} used {share:.0} % of its core at most: the load was the limit, and it can do more requests/s.",
                kind.name()
            )?;
        }
    }
    if results.foreign_cores > QUIET {
        writeln!(
            text,
            "- Other programs used {:.2} cores meanwhile: p99 figures, and greatest throughput, tell of them as well.",
            results.foreign_cores
        )?;
    }
    for (kind, why) in &results.left_out {
        writeln!(text, "- {} was left out: {why}.", kind.name())?;
    }
    Ok(())
}

/// Every figure of every round, and the ratios to HAProxy.
pub fn json(results: &Results, options: &Options) -> Value {
    let ratios: Value = kinds(results)
        .filter(|kind| !matches!(kind, Kind::Direct | Kind::Haproxy))
        .map(|kind| {
            let of_figure = |figure: &Figure| (figure.title.to_owned(), json!(ratios(results, kind, figure)));
            (kind.name().to_owned(), Value::Object(FIGURES.iter().map(of_figure).collect()))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    json!({
        "tokens": options.tokens,
        "rate": options.rate,
        "seconds": options.seconds,
        "connections": options.connections,
        "results": results,
        "ratios_to_haproxy": ratios,
        "bytes_per_idle_stream": results.memory.iter().map(|memory| (memory.kind.name().to_owned(), json!(per_stream(memory))))
            .collect::<serde_json::Map<_, _>>(),
    })
}

fn kinds(results: &Results) -> impl Iterator<Item = Kind> {
    results.rounds.first().into_iter().flatten().map(|turn| turn.kind)
}

/// One figure of one target, round by round; `None` where it has none.
fn by_round(results: &Results, kind: Kind, figure: &Figure) -> impl Iterator<Item = Option<f64>> {
    results.rounds.iter().map(move |turns| {
        let of = |kind| turns.iter().find(|turn| turn.kind == kind);
        (figure.of)(of(kind)?, of(Kind::Direct)?)
    })
}

/// One target's figure by HAProxy's, round by round, where HAProxy's is above the noise.
fn ratios(results: &Results, kind: Kind, figure: &Figure) -> Vec<f64> {
    let pairs = by_round(results, kind, figure).zip(by_round(results, Kind::Haproxy, figure));
    pairs
        .filter_map(|(own, haproxy)| own.zip(haproxy))
        .filter(|(_, haproxy)| *haproxy > 0.0)
        .map(|(own, haproxy)| own.max(0.0) / haproxy)
        .collect()
}

/// The least, the median and the greatest.
fn spread(values: &mut [f64]) -> Option<(f64, f64, f64)> {
    values.sort_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
    Some((first, median, last))
}

fn per_stream(memory: &Memory) -> f64 {
    memory.with_streams.saturating_sub(memory.before) as f64 / f64::from(memory.streams.max(1))
}
