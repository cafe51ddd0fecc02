//! `weighbridge prices show`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::pricing;
use crate::config::Config;
use crate::domain::{CataloguePrice, Price, UnitPrice};

/// What `prices show` is called with.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// An endpoint of the file or a model; without one, every endpoint.
    name: Option<String>,
    /// Print JSON; prices are exact decimal text.
    #[arg(long)]
    json: bool,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// Prompt lengths at which published prices step up, and one token.
const LENGTHS: [u64; 6] = [1, 32_001, 100_001, 128_001, 200_001, 272_001];
const TIERS: [Option<&str>; 4] = [None, Some("batch"), Some("flex"), Some("priority")];

#[derive(Serialize)]
struct Shown {
    name: String,
    model: String,
    from: String,
    prices: Vec<Line>,
}

#[derive(Serialize, PartialEq)]
struct Line {
    key: String,
    per: u32,
    usd: String,
    service_tier: Option<&'static str>,
    above_prompt_tokens: u64,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let config = match crate::cli::check::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return crate::cli::cannot_run(&problems),
    };
    let shown = shown(&config, args.name.as_deref(), SystemTime::now());
    if shown.is_empty() {
        let name = args.name.as_deref().unwrap_or_default();
        let told =
            format!("no endpoint is called `{name}`, and the catalogue {} has no such model", config.price_version);
        return match writeln!(io::stderr(), "{told}") {
            Ok(()) => crate::cli::FOUND.into(),
            Err(_) => crate::cli::FAILED.into(),
        };
    }
    let printed = if args.json { crate::cli::print_json(&shown) } else { print(&config, &shown) };
    printed.map_or(crate::cli::FAILED, |()| crate::cli::OK).into()
}

fn print(config: &Config, shown: &[Shown]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let file = config.catalogue_path.as_ref().map_or("built in".to_owned(), |path| path.display().to_string());
    writeln!(out, "catalogue: {} ({file})", config.catalogue.version())?;
    for one in shown {
        writeln!(out, "\n{}: {}, {}", one.name, one.model, one.from)?;
        let row = |line: &Line| {
            let unit = if line.per == 1_000_000 { "for a million" } else { "for a thousand" };
            let above = match line.above_prompt_tokens {
                0 => String::new(),
                tokens => format!("prompts above {tokens}"),
            };
            vec![
                format!("  {}", line.key),
                line.usd.clone(),
                unit.into(),
                line.service_tier.unwrap_or("").into(),
                above,
            ]
        };
        write!(out, "{}", pricing::aligned(&one.prices.iter().map(row).collect::<Vec<_>>()))?;
    }
    Ok(())
}

fn shown(config: &Config, name: Option<&str>, now: SystemTime) -> Vec<Shown> {
    let endpoints = config.rules.endpoints().iter();
    let wanted =
        endpoints.filter(|target| name.is_none_or(|name| target.name.as_str() == name || *target.model == *name));
    let mut shown: Vec<Shown> = wanted
        .map(|target| {
            let (from, prices) = told(config, &target.price, now);
            Shown { name: format!("endpoint {}", target.name), model: target.model.to_string(), from, prices }
        })
        .collect();
    if let (Some(name), true) = (name, shown.is_empty()) {
        for provider in config.catalogue.provider_ids() {
            let Some(price) = config.catalogue.find(provider, name, now) else { continue };
            let (from, prices) = (of_catalogue(config, &price), lines(&price, now));
            shown.push(Shown { name: format!("provider {provider}"), model: price.model().to_owned(), from, prices });
        }
    }
    shown
}

fn of_catalogue(config: &Config, price: &CataloguePrice) -> String {
    let listed = format!("{}/{} in the catalogue {}", price.provider(), price.model(), config.catalogue.version());
    match price.discount().millionths() {
        0 => listed,
        off => format!("{listed}, less {} % by [[prices.overrides]]", f64::from(off) / 10_000.0),
    }
}

fn told(config: &Config, price: &Price, now: SystemTime) -> (String, Vec<Line>) {
    match price {
        Price::Unpriced => {
            ("unpriced: the catalogue does not know it and the file sets no price".to_owned(), Vec::new())
        }
        Price::Catalogue(price) => (of_catalogue(config, price), lines(price, now)),
        Price::Fixed(rates) => {
            let figures = [
                ("input", rates.input),
                ("cache_read", rates.cache_read),
                ("cache_write", rates.cache_write),
                ("output", rates.output),
            ];
            let line = |(key, pico): (&str, u64)| Line {
                key: key.to_owned(),
                per: 1_000_000,
                usd: UnitPrice::from_pico(pico).to_string(),
                service_tier: None,
                above_prompt_tokens: 0,
            };
            ("set in the file".to_owned(), figures.map(line).into())
        }
        Price::Temporary(temporary) => {
            let until = Timestamp::try_from(temporary.until).map(|until| until.to_string()).unwrap_or_default();
            let (from, lines) = told(config, price.at(now), now);
            match now < temporary.until {
                true => (format!("{from}, until {until}"), lines),
                false => (format!("{from}; what the file agreed ended on {until}"), lines),
            }
        }
    }
}

/// What differs with tier and length, as listed: a discount is not taken off here.
fn lines(price: &CataloguePrice, now: SystemTime) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for service_tier in TIERS {
        for length in LENGTHS {
            for listed in price.listed(now, service_tier, length) {
                let line = Line {
                    key: listed.key.to_owned(),
                    per: listed.per,
                    usd: in_unit(listed.price, listed.per),
                    service_tier,
                    above_prompt_tokens: length - 1,
                };
                let same = |known: &&Line| known.key == line.key && known.service_tier == service_tier;
                let before = lines.iter().rev().find(same);
                let plain = lines.iter().rev().find(|known| {
                    known.key == line.key && known.service_tier.is_none() && known.above_prompt_tokens <= length
                });
                if before.or(plain).is_none_or(|known| known.usd != line.usd) {
                    lines.push(line);
                }
            }
        }
    }
    lines
}

/// A price for as many units as providers print it for.
fn in_unit(price: UnitPrice, per: u32) -> String {
    price.scaled_down(1_000_000 / per).to_string()
}
