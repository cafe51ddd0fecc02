//! Fits the weights of the risk level (`src/assess/level.txt`) to labelled prompts, and says how well they do on prompts
//! from sources that were left out.
//!
//! `cargo run --release --example train_risk -- [--write src/assess/level.txt] FILE…`
//!
//! The files hold lines of `{"id", "prompt" | "messages", "risk", "source"}`. The first word of `source` names where a
//! prompt comes from; without one it is the file's name. Sources with few prompts are taken together.

#![expect(clippy::print_stdout, reason = "an example is read on the terminal")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use weighbridge::assess::{Assessor, feature_names};
use weighbridge::cli::assess::labelled::labelled;
use weighbridge::domain::Risk;

/// How strongly weights are drawn to zero.
const PENALTY: f64 = 4.0;
/// Steps of the fit; it has long settled by then.
const STEPS: usize = 1500;
/// Sources with fewer prompts are one.
const FEW: usize = 12;

struct Example {
    features: Vec<f64>,
    risk: Risk,
    source: String,
}

type Weights = Vec<f64>;

fn main() -> Result<(), String> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut write = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--write" => write = Some(arguments.next().ok_or("--write needs a file")?),
            _ => files.push(argument.into()),
        }
    }
    let examples = examples(&files)?;
    cross_validate(&examples);
    if let Some(path) = write {
        let all: Vec<&Example> = examples.iter().collect();
        let (medium, high) = (fit(&all, Risk::Medium), fit(&all, Risk::High));
        let mut text = String::from("# feature\tmedium\thigh\n");
        for ((name, medium), high) in feature_names().iter().zip(medium).zip(high) {
            text += &format!("{name}\t{medium:.3}\t{high:.3}\n");
        }
        std::fs::write(&path, text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

fn examples(files: &[PathBuf]) -> Result<Vec<Example>, String> {
    let assessor = Assessor::default();
    let mut examples = Vec::new();
    for file in files {
        let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for prompt in labelled(&text).map_err(|errors| errors.join("\n"))? {
            let source = prompt.source.as_deref().and_then(|source| source.split([' ', ',']).next());
            examples.push(Example {
                features: assessor.features(&prompt.prompt).into_iter().map(f64::from).collect(),
                risk: prompt.risk,
                source: source.unwrap_or(&name).to_owned(),
            });
        }
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    examples.iter().for_each(|example| *counts.entry(example.source.clone()).or_default() += 1);
    for example in &mut examples {
        if counts[&example.source] < FEW {
            example.source = "others".to_owned();
        }
    }
    Ok(examples)
}

/// Logistic regression by accelerated gradient descent; the constant is not drawn to zero.
fn fit(examples: &[&Example], least: Risk) -> Weights {
    let width = feature_names().len();
    let (mut weights, mut ahead) = (vec![0.0; width], vec![0.0; width]);
    let longest = examples.iter().map(|one| one.features.iter().map(|x| x * x).sum::<f64>()).fold(0.0, f64::max);
    let rate = 1.0 / (0.25 * longest * examples.len() as f64 + PENALTY);
    for step in 0..STEPS {
        let mut slope: Weights = ahead.iter().map(|weight| PENALTY * weight).collect();
        slope[0] = 0.0;
        for example in examples {
            let error = likelihood(&ahead, &example.features) - f64::from(u8::from(example.risk >= least));
            slope.iter_mut().zip(&example.features).for_each(|(slope, feature)| *slope += error * feature);
        }
        let next: Weights = ahead.iter().zip(&slope).map(|(weight, slope)| weight - rate * slope).collect();
        let push = step as f64 / (step as f64 + 3.0);
        ahead = next.iter().zip(&weights).map(|(new, old)| new + push * (new - old)).collect();
        weights = next;
    }
    weights
}

fn likelihood(weights: &[f64], features: &[f64]) -> f64 {
    let sum: f64 = weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
    1.0 / (1.0 + (-sum).exp())
}

/// What was foretold of a prompt by weights that never saw its source.
struct Foretold<'e> {
    example: &'e Example,
    at_least_medium: f64,
    high: f64,
}

fn cross_validate(examples: &[Example]) {
    let mut sources: Vec<&str> = examples.iter().map(|example| example.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut foretold = Vec::new();
    for source in &sources {
        let (out, rest): (Vec<&Example>, Vec<&Example>) = examples.iter().partition(|one| one.source == *source);
        let (medium, high) = (fit(&rest, Risk::Medium), fit(&rest, Risk::High));
        for example in out {
            let at_least_medium = likelihood(&medium, &example.features);
            let high = likelihood(&high, &example.features).min(at_least_medium);
            foretold.push(Foretold { example, at_least_medium, high });
        }
    }
    println!("{} prompts of {} sources, each foretold without its source", examples.len(), sources.len());
    println!("\nhigh from  medium from   missed   wasted    right   high called medium   low called medium");
    for (high_from, medium_from) in
        [(0.25, 0.15), (0.33, 0.25), (0.38, 0.3), (0.42, 0.35), (0.46, 0.4), (0.5, 0.45), (0.55, 0.5), (0.7, 0.6)]
    {
        told(&foretold, high_from, medium_from);
    }
    reliability(&foretold, 0.42, 0.35);
    println!("\n{:<16}{:>8}{:>9}{:>9}{:>9}", "source", "prompts", "missed", "wasted", "right");
    for source in sources {
        let of: Vec<&Foretold<'_>> = foretold.iter().filter(|one| one.example.source == source).collect();
        let share = |from: Risk, called: Risk| percent(&of, from, |one| level(one, 0.42, 0.35) == called);
        let right = of.iter().filter(|one| level(one, 0.42, 0.35) == one.example.risk).count();
        let right = 100.0 * right as f64 / of.len() as f64;
        let (missed, wasted) = (share(Risk::High, Risk::Low), share(Risk::Low, Risk::High));
        println!("{source:<16}{:>8}{missed:>9.1}{wasted:>9.1}{right:>9.1}", of.len());
    }
}

fn level(one: &Foretold<'_>, high_from: f64, medium_from: f64) -> Risk {
    match () {
        () if one.high >= high_from => Risk::High,
        () if one.at_least_medium >= medium_from => Risk::Medium,
        () => Risk::Low,
    }
}

fn percent(of: &[&Foretold<'_>], from: Risk, holds: impl Fn(&Foretold<'_>) -> bool) -> f64 {
    let there: Vec<_> = of.iter().filter(|one| one.example.risk == from).collect();
    100.0 * there.iter().filter(|one| holds(one)).count() as f64 / there.len() as f64
}

fn told(foretold: &[Foretold<'_>], high_from: f64, medium_from: f64) {
    let all: Vec<&Foretold<'_>> = foretold.iter().collect();
    let called = |from, to| percent(&all, from, |one| level(one, high_from, medium_from) == to);
    let right = all.iter().filter(|one| level(one, high_from, medium_from) == one.example.risk).count();
    println!(
        "{high_from:>9}{medium_from:>13}{:>9.1}{:>9.1}{:>9.1}{:>21.1}{:>20.1}",
        called(Risk::High, Risk::Low),
        called(Risk::Low, Risk::High),
        100.0 * right as f64 / all.len() as f64,
        called(Risk::High, Risk::Medium),
        called(Risk::Low, Risk::Medium),
    );
}

/// How often the level is right where it is said to be so sure.
fn reliability(foretold: &[Foretold<'_>], high_from: f64, medium_from: f64) {
    let judged: Vec<(f64, bool)> = foretold
        .iter()
        .map(|one| {
            let called = level(one, high_from, medium_from);
            let sure = match called {
                Risk::High => one.high,
                Risk::Medium => one.at_least_medium - one.high,
                Risk::Low => 1.0 - one.at_least_medium,
            };
            (sure, called == one.example.risk)
        })
        .collect();
    println!("\n{:<16}{:>8}{:>12}{:>9}", "confidence", "prompts", "mean of it", "right");
    for (from, to) in [(0.0, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.1)] {
        let group: Vec<&(f64, bool)> = judged.iter().filter(|(sure, _)| (from..to).contains(sure)).collect();
        if !group.is_empty() {
            let mean = group.iter().map(|(sure, _)| sure).sum::<f64>() / group.len() as f64;
            let right = group.iter().filter(|(_, right)| *right).count() as f64 / group.len() as f64;
            println!("{:<16}{:>8}{:>12.1}{:>9.1}", format!("{from} to {to}"), group.len(), 100.0 * mean, 100.0 * right);
        }
    }
}
