//! `weighbridge train`: a model of difficulty from what came of prompts.

mod outcomes;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::assess::difficulty::train::{Example, Interval, Plan, Report, train};
use crate::domain::hex;
use outcomes::Pair;

/// What `train` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Outcomes or labels: `.jsonl` or `.jsonl.gz` files, or folders of them; may be given several times.
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// Where the model goes; without it only the report is made.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which models are compared, for one source or for all; `a+b` stands for the mean of a kind. May be given several
    /// times; labels need none.
    #[arg(long, value_name = "[SOURCE=]SMALL:LARGE[:PRICE RATIO]", value_parser = Pair::parse)]
    pair: Vec<Pair>,
    /// The small model, with --large, as --pair SMALL:LARGE.
    #[arg(long, requires = "large")]
    small: Option<String>,
    /// The large model.
    #[arg(long, requires = "small")]
    large: Option<String>,
    /// Only these sources.
    #[arg(long, value_delimiter = ',')]
    sources: Vec<String>,
    /// Draws what is drawn; the same seed and data make the same file.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the cross-validated scores: `id,score` for each example.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Write the model although it is no better than chance.
    #[arg(long)]
    anyway: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Serialize)]
struct Printed<'r> {
    notes: &'r [String],
    #[serde(flatten)]
    report: &'r Report,
    /// Of the model's file.
    sha256: String,
    bytes: usize,
    written: bool,
}

/// Trains a model and says how good it is; exit code 1 if it should not be used.
pub fn run(args: &Args) -> ExitCode {
    match trained(args) {
        Ok(true) => super::OK.into(),
        Ok(false) => super::FOUND.into(),
        Err(reason) => super::cannot_run(&format!("error: {reason}")),
    }
}

fn trained(args: &Args) -> Result<bool, String> {
    let mut pairs = args.pair.clone();
    if let (Some(small), Some(large)) = (&args.small, &args.large) {
        pairs.push(Pair::parse(&format!("{small}:{large}"))?);
    }
    let found = outcomes::read(&args.data, &pairs, &args.sources)?;
    let (ids, examples): (Vec<String>, Vec<Example>) = found.examples.into_iter().unzip();
    let plan = Plan { seed: args.seed, summary: summary(&examples, args.seed) };
    let (model, report, scores) = match train(&examples, &plan) {
        Ok(learnt) => learnt,
        Err(reason) => {
            let notes = found.notes.iter().map(|note| format!("{note}\n")).collect::<String>();
            // Too little to learn from is a finding, not a failure.
            writeln!(io::stderr(), "{notes}{reason}; nothing is written").map_err(|error| error.to_string())?;
            return Ok(false);
        }
    };
    let bytes = model.to_bytes();
    let is_good = report.objections.is_empty();
    let written = args.out.as_ref().filter(|_| is_good || args.anyway);
    if let Some(path) = written {
        fs::write(path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(path) = &args.scores {
        let lines: String = ids.iter().zip(&scores).map(|(id, score)| format!("{id},{score:.6}\n")).collect();
        fs::write(path, format!("id,score\n{lines}")).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let sha256 = hex(&Sha256::digest(&bytes).into());
    let (notes, written, bytes) = (found.notes.as_slice(), written.is_some(), bytes.len());
    let printed = Printed { notes, report: &report, sha256, bytes, written };
    let told = if args.json { super::print_json(&printed) } else { print(&printed, args) };
    told.map_err(|error| format!("nothing can be printed: {error}"))?;
    Ok(is_good)
}

/// What the file says of its origin: nothing that differs from run to run.
fn summary(examples: &[Example], seed: u64) -> String {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for example in examples {
        match groups.iter_mut().find(|(group, _)| *group == example.group) {
            Some((_, count)) => *count += 1,
            None => groups.push((&example.group, 1)),
        }
    }
    let sources: Vec<String> = groups.iter().map(|(group, count)| format!("{group} {count}")).collect();
    format!("{} examples ({}), seed {seed}", examples.len(), sources.join(", "))
}

fn print(printed: &Printed<'_>, args: &Args) -> io::Result<()> {
    let (mut out, report) = (io::stdout().lock(), printed.report);
    printed.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
    writeln!(out, "{} examples, {:.1} % need the large model", report.examples, 100.0 * report.need_large)?;
    writeln!(out, "\nasked about prompts that it did not learn from (cross-validated by cluster)")?;
    let width = report.measured.iter().map(|one| one.group.len()).max().unwrap_or(0).max(8);
    writeln!(
        out,
        "  {:width$}  prompts  small  large  APGR                   AUROC  calibration error  Brier",
        "source"
    )?;
    for one in &report.measured {
        let apgr = one.apgr.map_or_else(|| "no gain".to_owned(), |apgr| interval(&apgr, 1.0, 3));
        writeln!(
            out,
            "  {:width$}  {:7}  {:.3}  {:.3}  {apgr:21}  {:.3}  {:17.3}  {:.3}",
            one.group, one.prompts, one.small, one.large, one.auroc, one.calibration_error, one.brier
        )?;
    }
    writeln!(out, "\nwith a threshold that was fixed on other prompts")?;
    for saving in &report.savings {
        writeln!(
            out,
            "  {:.0} % of the large model's quality: large from {:.3} on; small answers {:.0} %, saves {} %, keeps {} %",
            100.0 * saving.wanted,
            saving.threshold,
            100.0 * saving.small_share,
            interval(&saving.saved, 100.0, 1),
            interval(&saving.kept, 100.0, 1),
        )?;
    }
    if !report.strangers.is_empty() {
        writeln!(out, "\nsources that it would never have seen ({:.1} % of the like is known)", 100.0 * report.known)?;
    }
    for stranger in &report.strangers {
        let apgr = stranger.apgr.map_or_else(|| "no gain".to_owned(), |apgr| interval(&apgr, 1.0, 3));
        writeln!(out, "  {:width$}  {:5.1} % taken as known  APGR {apgr}", stranger.group, 100.0 * stranger.known)?;
    }
    report.objections.iter().try_for_each(|objection| writeln!(out, "\nshould not be used: {objection}"))?;
    match (&args.out, printed.written) {
        (Some(path), true) => {
            writeln!(out, "\n{}: {} bytes, sha256 {}", path.display(), printed.bytes, printed.sha256)
        }
        (Some(_), false) => writeln!(out, "nothing is written; --anyway writes it all the same"),
        (None, _) => Ok(()),
    }
}

fn interval(interval: &Interval, factor: f64, digits: usize) -> String {
    let Interval { value, low, high } = interval;
    format!("{:.digits$} [{:.digits$}, {:.digits$}]", factor * value, factor * low, factor * high)
}
