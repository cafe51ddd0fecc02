//! `weighbridge report --experiment NAME`: its arms beside each other, and which was best.

use std::io::{self, Write};

use serde::Serialize;

use super::{Args, ReportError};
use crate::app::experiments::{LookError, observed};
use crate::cli::experiments::{self, Standing};
use crate::cli::feedback;
use crate::config::Config;
use crate::experiments::stats::Interval;
use crate::experiments::verdict::{ArmFigures, Word, figures, verdict};
use crate::record::archive::Archive;
use crate::route::Experiment;

/// Why there is no such report.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// It is not there.
    #[error(
        "no rule of the configuration has an experiment `{0}`: for one that was taken out, name the file that had it with \
         --config"
    )]
    Unknown(String),
    /// Its file is needed.
    #[error("a report of an experiment needs the configuration that has it: name it with --config")]
    NoConfig,
    /// Its book cannot be opened.
    #[error("{0}")]
    Book(String),
    /// It cannot be read.
    #[error(transparent)]
    Look(#[from] LookError),
}

/// The report as JSON.
#[derive(Serialize)]
struct Printed<'r> {
    #[serde(flatten)]
    standing: &'r Standing,
    figures: &'r [ArmFigures],
    verdicts: Vec<Told<'r>>,
}

#[derive(Serialize)]
struct Told<'r> {
    arm: &'r str,
    verdict: Word,
    sentence: String,
    hint: String,
}

/// Prints the report.
pub(super) fn print(
    args: &Args,
    name: &str,
    config: Option<&Config>,
    archive: &Archive,
    mut out: impl Write,
) -> Result<(), ReportError> {
    let config = config.ok_or(ExperimentError::NoConfig)?;
    let found = config.rules.experiments().find(|(_, experiment)| experiment.name().as_str() == name);
    let (rule, experiment) = found.ok_or_else(|| ExperimentError::Unknown(name.to_owned()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (standing, observed) = runtime.block_on(async {
        let book = experiments::book(config).await.map_err(ExperimentError::Book)?;
        let standings = experiments::standings(config, &book, crate::cli::now_millis()).await;
        let standings = standings.map_err(ExperimentError::Book)?;
        let standing = standings.into_iter().find(|one| one.name == name);
        let standing = standing.ok_or_else(|| ExperimentError::Unknown(name.to_owned()))?;
        let feedback = feedback::book(config).await.map_err(ExperimentError::Book)?;
        Ok::<_, ExperimentError>((standing, observed(archive, &feedback, experiment).await?))
    })?;
    let to = |arm: &str| destination(experiment, arm);
    let figures = figures(&observed, experiment.control().name.as_str(), to);
    let told = |arm| {
        let (verdict, sentence) = verdict(arm)?;
        Some(Told { arm: &arm.arm, verdict, hint: hint(verdict, arm, rule.name.as_str(), &standing), sentence })
    };
    let verdicts: Vec<Told<'_>> = figures.iter().filter_map(told).collect();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &Printed { standing: &standing, figures: &figures, verdicts })
            .map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        table(&standing, &figures, &verdicts, &mut out)?;
    }
    Ok(out.flush()?)
}

fn destination(experiment: &Experiment, arm: &str) -> String {
    let found = experiment.arms().iter().find(|one| one.name.as_str() == arm);
    found.map_or(String::new(), |arm| arm.destination.name().to_owned())
}

/// What to change in the file.
fn hint(word: Word, arm: &ArmFigures, rule: &str, standing: &Standing) -> String {
    let control = standing.arms.iter().find(|one| one.arm == standing.control).map_or("", |one| one.to.as_str());
    let instead = |to: &str| format!("in rule `{rule}` put `route = \"{to}\"` in the place of `experiment`");
    match word {
        Word::Converge => format!("converge on {} by {}: {}", arm.arm, standing.until, instead(&arm.to)),
        Word::Keep | Word::Dearer => format!("stay with {}: {}", standing.control, instead(control)),
        Word::Better => format!("decide whether better is worth the price: {}, if it is", instead(&arm.to)),
        Word::Open => "let it run, or ask for more feedback: nothing can be told yet".to_owned(),
    }
}

fn table(standing: &Standing, figures: &[ArmFigures], verdicts: &[Told<'_>], mut out: impl Write) -> io::Result<()> {
    writeln!(
        out,
        "Experiment {} of rule {}, from {} to {}: {}",
        standing.name, standing.rule, standing.from, standing.until, standing.state
    )?;
    if let Some(detail) = &standing.detail {
        writeln!(out, "{detail}")?;
    }
    writeln!(out)?;
    let heads = figures.iter().map(|one| format!("{} ({})", one.arm, one.to));
    let mut rows: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(heads).collect()];
    let mut row = |name: &str, of: &dyn Fn(&ArmFigures) -> String| {
        rows.push(std::iter::once(name.to_owned()).chain(figures.iter().map(of)).collect());
    };
    row("requests", &|one| one.requests.to_string());
    row("sessions", &|one| one.sessions.to_string());
    row("cost, USD", &|one| format!("{:.6}", one.cost_usd));
    row("USD a request", &|one| shown(one.cost_per_request, 1.0, 6));
    row("USD a session", &|one| shown(one.cost_per_session, 1.0, 6));
    row("rated answers", &|one| one.rated.to_string());
    row("bad feedback, %", &|one| shown(one.bad_feedback, 100.0, 1));
    row("escalations, %", &|one| shown(one.escalations, 100.0, 1));
    row("failures, %", &|one| shown(one.failures, 100.0, 1));
    row("seconds", &|one| shown(one.seconds, 1.0, 2));
    let columns = rows[0].len();
    let widths: Vec<usize> =
        (0..columns).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    writeln!(out, "\n95 % intervals; requests of a session count together (docs/experiments.md has the formulas).")?;
    if figures.iter().any(|one| one.unpriced > 0) {
        writeln!(out, "Requests without a known cost are missing from what is said of cost.")?;
    }
    for told in verdicts {
        writeln!(out, "\n{}.\n{}.", told.sentence, told.hint)?;
    }
    Ok(())
}

fn shown(interval: Option<Interval>, times: f64, decimals: usize) -> String {
    let Some(Interval { value, low, high }) = interval else { return "-".to_owned() };
    format!("{:.decimals$} [{:.decimals$}, {:.decimals$}]", value * times, low * times, high * times)
}
