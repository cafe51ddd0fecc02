//! `weighbridge prices update`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::compare::{Difference, compare};
use super::fetch;
use crate::cli::pricing::{self, Changes, Pages};
use crate::config::{self, Config, Strictness};
use crate::record::LedgerError;
use crate::record::period::Period;

/// What `prices update` is called with.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A file, or an address: https, or http on this machine. Such as
    /// https://raw.githubusercontent.com/pydantic/genai-prices/main/prices/new_data/v2/data.json
    #[arg(long, value_name = "FILE|URL")]
    from: String,
    /// The SHA-256 that its bytes must have, in hex.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Replace it without asking.
    #[arg(long)]
    yes: bool,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON; amounts are exact decimal text.
    #[arg(long)]
    json: bool,
    /// The configuration, whose `[prices] catalogue` names the file.
    #[arg(long, value_name = "FILE", default_value = "routes.toml")]
    config: PathBuf,
}

/// Why the catalogue was not replaced: what came is wrong, or nothing could be done.
enum Failed {
    Refused(String),
    Unable(String),
}

#[derive(Serialize)]
struct Told<'a> {
    from: &'a str,
    to: &'a str,
    difference: &'a Difference,
    last_week: Option<&'a Changes>,
    replaced: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    match update(args) {
        Ok(code) => code.into(),
        Err(Failed::Unable(why)) => crate::cli::cannot_run(&format!("error: {why}")),
        Err(Failed::Refused(why)) => {
            // Nothing more can be said when standard error is gone as well.
            let _ = writeln!(io::stderr(), "refused: {why}");
            crate::cli::FOUND.into()
        }
    }
}

fn update(args: &Args) -> Result<u8, Failed> {
    let unable = |error: &dyn std::fmt::Display| Failed::Unable(error.to_string());
    let config = crate::cli::check::load(&args.config).map_err(|problems| unable(&problems))?;
    let Some(target) = config.catalogue_path.clone() else {
        let told =
            "the configuration names no file for the catalogue: add `catalogue = \"prices.json\"` under [prices]";
        return Err(Failed::Unable(told.to_owned()));
    };
    let bytes = fetch::bytes(&args.from).map_err(Failed::Unable)?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if args.sha256.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&digest)) {
        return Err(Failed::Refused(format!("its SHA-256 is {digest}, and not what --sha256 says")));
    }
    let new = config::catalogue_from(&bytes).map_err(|error| Failed::Refused(error.to_string()))?;
    let (new, now) = (Arc::new(new), SystemTime::now());
    let env = |name: &str| std::env::var(name).ok();
    let changed = config::load_with(Some(Arc::clone(&new)), &args.config, now, &env, Strictness::Check);
    let changed =
        changed.map_err(|problems| Failed::Refused(format!("the configuration does not fit it:\n{problems}")))?;
    let difference = compare(&config, &new, now);
    plausible(&difference)?;
    let last_week = last_week(&config, &changed).map_err(|error| unable(&error))?;
    let mut out = io::stdout().lock();
    if !args.json {
        print(&mut out, &config, &changed, &difference, last_week.as_ref()).map_err(|error| unable(&error))?;
    }
    let nothing = difference.is_none() && target.exists();
    let mut code = crate::cli::OK;
    let mut replaced = false;
    if args.dry_run {
        code = if nothing { crate::cli::OK } else { crate::cli::FOUND };
    } else if !nothing {
        match args.yes.then_some(true).or_else(|| pricing::confirmed("Replace the catalogue?")) {
            Some(true) => {
                swap(&target, &bytes)
                    .map_err(|error| Failed::Unable(format!("`{}` cannot be written: {error}", target.display())))?;
                replaced = true;
            }
            Some(false) => code = crate::cli::FOUND,
            None => return Err(Failed::Unable("nobody is here to be asked: say --yes, or --dry-run".to_owned())),
        }
    }
    let end = Told {
        from: config.catalogue.version(),
        to: new.version(),
        difference: &difference,
        last_week: last_week.as_ref(),
        replaced,
    };
    finish(&mut out, args, &end, &target).map_err(|error| unable(&error))?;
    Ok(code)
}

fn finish(out: &mut impl Write, args: &Args, told: &Told<'_>, target: &Path) -> io::Result<()> {
    if args.json {
        serde_json::to_writer_pretty(&mut *out, told)?;
        return writeln!(out);
    }
    match told.replaced {
        true => writeln!(
            out,
            "`{}` was replaced; the one before it is `{}`. A running proxy takes it up by itself, or on SIGHUP.",
            target.display(),
            backup(target).display()
        ),
        false if told.difference.is_none() => writeln!(out, "The catalogue is what it was."),
        false => writeln!(out, "Nothing was changed."),
    }
}

fn plausible(difference: &Difference) -> Result<(), Failed> {
    for one in &difference.in_use {
        if let Some(key) = one.implausible {
            let (old, new) = one.prices.get(key).cloned().unwrap_or_default();
            let of = |price: Option<String>| price.unwrap_or_default();
            let told = format!(
                "`{key}` of {} goes from {} to {}: no price changes a thousandfold",
                one.model,
                of(old),
                of(new)
            );
            return Err(Failed::Refused(told));
        }
    }
    Ok(())
}

/// What the answers of the last seven days cost by the old prices and by the new; `None` without a ledger.
fn last_week(old: &Config, new: &Config) -> Result<Option<Changes>, LedgerError> {
    let week = Timestamp::now().as_millisecond() - 7 * 86_400_000;
    let period = Period { since_millis: Some(week), until_millis: None };
    let mut changes = Changes::default();
    let read = Pages::open(old, None)?.each(period, None, |page| {
        for used in page {
            changes.add(used, pricing::cost(old, used), pricing::cost(new, used));
        }
        Ok(())
    });
    match read {
        Ok(()) => Ok(Some(changes)),
        Err(LedgerError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn print(
    out: &mut impl Write,
    old: &Config,
    new: &Config,
    difference: &Difference,
    last_week: Option<&Changes>,
) -> io::Result<()> {
    writeln!(out, "{} → {}", old.catalogue.version(), new.catalogue.version())?;
    for one in &difference.in_use {
        if one.removed {
            writeln!(out, "  {} ({}) is there no more: it would be unpriced", one.endpoint, one.model)?;
        }
        if one.others_change {
            writeln!(out, "  {} ({}): other times, lengths or tiers of service change", one.endpoint, one.model)?;
        }
        for (key, (before, after)) in &one.prices {
            let of = |price: &Option<String>| price.clone().unwrap_or("none".to_owned());
            writeln!(out, "  {} ({}): {key} {} → {}", one.endpoint, one.model, of(before), of(after))?;
        }
    }
    let Difference { added, removed, changed, providers_added, providers_removed, .. } = difference;
    writeln!(
        out,
        "{added} models added, {removed} removed, {changed} changed; of those that are in use: {}",
        difference.in_use.len()
    )?;
    for (word, providers) in [("new", providers_added), ("gone", providers_removed)] {
        if !providers.is_empty() {
            writeln!(out, "providers that are {word}: {}", providers.join(", "))?;
        }
    }
    if let Some(changes) = last_week {
        writeln!(out, "\nThe last seven days by the old prices and by the new:")?;
        write!(out, "{}", pricing::aligned(&changes.rows()))?;
    }
    Ok(())
}

fn backup(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".bak");
    target.with_file_name(name)
}

/// Puts the bytes in the file's place, whole or not at all, and keeps what was there.
fn swap(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = target.with_file_name(name);
    let written = write_whole(&fresh, bytes).and_then(|()| {
        if target.exists() {
            fs::copy(target, backup(target))?;
        }
        fs::rename(&fresh, target)
    });
    if written.is_err() {
        // It is in nobody's way if it cannot be taken away.
        let _ = fs::remove_file(&fresh);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
