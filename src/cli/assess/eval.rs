//! `weighbridge assess --eval FILE`: how good the assessments are on labelled prompts, and what the dial does to them.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::{fs, iter};

use serde::Serialize;

use super::figures::{Figure, Figures, Found, Intervals, Row, figures, intervals, measured_tags};
use super::labelled::{Labelled, labelled};
use crate::assess::{Assessor, Dial};
use crate::cli;
use crate::domain::{AnyTag, Risk};

/// So many groups of confidence are told of: each tenth from one half on, and all below.
const GROUPS: [u8; 6] = [0, 50, 60, 70, 80, 90];

/// All that is told.
#[derive(Serialize)]
struct Report {
    prompts: usize,
    /// The dial's position that the figures below are of.
    dial: f32,
    figures: Figures,
    /// Of the figures, by name: from where to where 95 of 100 lie when the prompts are drawn anew.
    intervals: Intervals,
    /// How often the kind is right, of the prompts that have one.
    kind: Figure,
    dial_positions: Vec<Position>,
    confidence: Vec<Reliability>,
}

/// What a position of the dial does.
#[derive(Serialize)]
struct Position {
    dial: f32,
    missed: Figure,
    missed_interval: Option<[f64; 2]>,
    wasted: Figure,
    wasted_interval: Option<[f64; 2]>,
    any_tag_f1: Figure,
    micro_f1: Figure,
    called_high: Figure,
    called_low: Figure,
}

/// How often the level is right where it is said to be so sure.
#[derive(Serialize)]
struct Reliability {
    from_percent: u8,
    prompts: usize,
    mean_confidence: Figure,
    right: Figure,
}

/// Measures and prints.
pub(super) fn run(assessor: &Assessor, file: &Path, times: usize, json: bool) -> ExitCode {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) => return cli::cannot_run(&format!("{}: {error}", file.display())),
    };
    let prompts = match labelled(&text) {
        Ok(prompts) if prompts.is_empty() => return cli::cannot_run(&format!("{} has no prompts", file.display())),
        Ok(prompts) => prompts,
        Err(reasons) => {
            let reasons: String = reasons.iter().map(|reason| format!("{}: {reason}\n", file.display())).collect();
            return cli::cannot_run(&reasons.trim_end());
        }
    };
    let report = report(assessor, &prompts, times);
    let printed = if json { cli::print_json(&report) } else { print(file, &report) };
    match printed {
        Ok(()) => cli::OK.into(),
        Err(_) => cli::FAILED.into(),
    }
}

fn report(assessor: &Assessor, prompts: &[Labelled], times: usize) -> Report {
    let dial = assessor.dial();
    let rows = |dial: Dial| -> Vec<Row> {
        let row = |labelled: &Labelled| {
            let assessed = assessor.assess_at(&labelled.prompt, dial);
            Row {
                tags: [labelled.tags.clone(), assessed.tags],
                risk: [labelled.risk, assessed.risk],
                content: [labelled.content, assessed.content],
            }
        };
        prompts.iter().map(row).collect()
    };
    let here = rows(dial);
    let tags = measured_tags(&here);
    let position = |dial: Dial| {
        let rows = rows(dial);
        let (all, intervals) = (figures(rows.iter(), &tags), intervals(&rows, &tags, times));
        Position {
            dial: dial.position(),
            missed: all.missed,
            missed_interval: intervals.get("missed").copied(),
            wasted: all.wasted,
            wasted_interval: intervals.get("wasted").copied(),
            any_tag_f1: all.any_tag.f1,
            micro_f1: all.micro.f1,
            called_high: all.called_high,
            called_low: all.called_low,
        }
    };
    Report {
        prompts: prompts.len(),
        dial: dial.position(),
        figures: figures(here.iter(), &tags),
        intervals: intervals(&here, &tags, times),
        kind: kind(assessor, prompts),
        dial_positions: Dial::POSITIONS.into_iter().map(position).collect(),
        confidence: reliability(assessor, prompts),
    }
}

fn kind(assessor: &Assessor, prompts: &[Labelled]) -> Figure {
    let right: Vec<bool> =
        prompts.iter().filter_map(|labelled| Some(assessor.assess(&labelled.prompt).kind == labelled.kind?)).collect();
    mean(right.iter().map(|right| f64::from(u8::from(*right))))
}

fn reliability(assessor: &Assessor, prompts: &[Labelled]) -> Vec<Reliability> {
    let judged: Vec<(u8, bool)> = prompts
        .iter()
        .map(|labelled| {
            let assessed = assessor.assess(&labelled.prompt);
            (assessed.confidence.percent(), assessed.risk == labelled.risk)
        })
        .collect();
    let ends = GROUPS.into_iter().skip(1).chain(iter::once(u8::MAX));
    let groups = GROUPS.into_iter().zip(ends).map(|(from, to)| {
        let group: Vec<&(u8, bool)> = judged.iter().filter(|(percent, _)| (from..to).contains(percent)).collect();
        Reliability {
            from_percent: from,
            prompts: group.len(),
            mean_confidence: mean(group.iter().map(|(percent, _)| f64::from(*percent) / 100.0)),
            right: mean(group.iter().map(|(_, right)| f64::from(u8::from(*right)))),
        }
    });
    groups.collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Figure {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

fn print(file: &Path, report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Report { figures, intervals, .. } = report;
    let with = |name: &str| intervals.get(name).map_or_else(String::new, |bounds| interval(*bounds));
    writeln!(out, "{}: {} prompts, dial at {}; per cent, 95 % intervals", file.display(), report.prompts, report.dial)?;
    writeln!(out)?;
    writeln!(out, "missed: high risk called low  {}  {}", percent(figures.missed), with("missed"))?;
    writeln!(out, "wasted: low risk called high  {}  {}", percent(figures.wasted), with("wasted"))?;
    writeln!(out, "risk level right              {}  {}", percent(figures.level), with("level"))?;
    writeln!(out, "kind right                    {}", percent(report.kind))?;
    writeln!(out)?;
    writeln!(out, "{:<18}{:>8}{:>8}{:>8}{:>7}", "tag", "P", "R", "F1", "there")?;
    for tag in measured_order(&figures.tags) {
        line(&mut out, tag, &figures.tags[tag], &with(tag))?;
    }
    let mean = percent(figures.macro_f1);
    writeln!(out, "{:<18}{:>24}{:>7}  {}", "macro", mean, "", with("macro"))?;
    line(&mut out, "micro", &figures.micro, &with("micro"))?;
    line(&mut out, "any tag", &figures.any_tag, &with("any_tag"))?;
    for (content, found) in &figures.content {
        line(&mut out, content, found, &with(content))?;
    }
    writeln!(out)?;
    writeln!(out, "{:<22}{:>8}{:>8}{:>8}", "is \\ was called", "low", "medium", "high")?;
    for (risk, called) in [Risk::Low, Risk::Medium, Risk::High].iter().zip(figures.levels) {
        writeln!(out, "{:<22}{:>8}{:>8}{:>8}", risk.as_str(), called[0], called[1], called[2])?;
    }
    writeln!(out)?;
    print_dial(&mut out, report)?;
    writeln!(out)?;
    writeln!(out, "{:<16}{:>8}{:>12}{:>8}", "confidence", "prompts", "mean of it", "right")?;
    for group in report.confidence.iter().filter(|group| group.prompts > 0) {
        let name = format!("{} % and more", group.from_percent);
        writeln!(
            out,
            "{name:<16}{:>8}{:>12}{:>8}",
            group.prompts,
            percent(group.mean_confidence),
            percent(group.right)
        )?;
    }
    Ok(())
}

fn print_dial(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let heads = ("dial", "missed", "wasted", "any tag F1", "micro F1", "called high", "called low");
    let (dial, missed, wasted, any, micro, high, low) = heads;
    writeln!(out, "{dial:<16}{missed:>7}{:16}{wasted:>7}{:16}{any:>11}{micro:>10}{high:>13}{low:>12}", "", "")?;
    for position in &report.dial_positions {
        let word = match position.dial {
            0.0 => " careful",
            1.0 => " thrifty",
            _ => "",
        };
        writeln!(
            out,
            "{:<16}{:>7}  {:14}{:>7}  {:14}{:>11}{:>10}{:>13}{:>12}",
            format!("{}{word}", position.dial),
            percent(position.missed),
            position.missed_interval.map(interval).unwrap_or_default(),
            percent(position.wasted),
            position.wasted_interval.map(interval).unwrap_or_default(),
            percent(position.any_tag_f1),
            percent(position.micro_f1),
            percent(position.called_high),
            percent(position.called_low),
        )?;
    }
    Ok(())
}

/// The tags' names, the built-in ones in the order of the documentation.
fn measured_order(tags: &std::collections::BTreeMap<String, Found>) -> Vec<&String> {
    let mut names: Vec<&String> = tags.keys().collect();
    names.sort_by_key(|name| AnyTag::parse(name).ok());
    names
}

fn line(out: &mut impl Write, name: &str, found: &Found, interval: &str) -> io::Result<()> {
    let [precision, recall, f1] = [found.precision, found.recall, found.f1].map(percent);
    writeln!(out, "{name:<18}{precision:>8}{recall:>8}{f1:>8}{:>7}  {interval}", found.there)
}

fn percent(figure: Figure) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{:.1}", 100.0 * figure))
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("[{:.1}, {:.1}]", 100.0 * low, 100.0 * high)
}
