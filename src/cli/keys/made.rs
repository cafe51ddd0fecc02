//! Keys made at run time: they need no change of routes.toml and no restart.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Common, key_name, label};
use crate::cli::print_json;
use crate::cli::store::{print_columns, with};
use crate::domain::{KeyName, Label, Secret, TierName};
use crate::registry::{DoorWord, Grants, Moment, StoredKey, Subject, length};
use crate::route::Pattern;

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// Its name, which no other key has or had.
    #[arg(long, value_parser = key_name)]
    name: KeyName,
    /// The person who will use it.
    #[arg(long, value_parser = label)]
    engineer: Option<Label>,
    /// Their team.
    #[arg(long, value_parser = label)]
    team: Option<Label>,
    /// What the work is for, unless a header says otherwise.
    #[arg(long, value_parser = label)]
    feature: Option<Label>,
    /// The tiers it may use, with commas between them [default: all].
    #[arg(long, value_delimiter = ',', value_parser = tier)]
    tiers: Option<Vec<TierName>>,
    /// The names it may ask for as the model, such as `auto,gpt-*` [default: all].
    #[arg(long, value_delimiter = ',', value_parser = pattern)]
    models: Option<Vec<Pattern>>,
    /// What it may ask for, such as `chat,embeddings` [default: everything].
    #[arg(long, value_delimiter = ',', value_parser = DoorWord::parse)]
    doors: Option<Vec<DoorWord>>,
    /// It may not wish for a tier, nor name a tier or an endpoint as the model.
    #[arg(long)]
    may_not_choose: bool,
    /// Requests a minute [default: no limit].
    #[arg(long)]
    requests_per_minute: Option<NonZeroU32>,
    /// Tokens a minute, of prompts and answers [default: no limit].
    #[arg(long)]
    tokens_per_minute: Option<NonZeroU32>,
    /// Requests at once [default: no limit].
    #[arg(long)]
    concurrent: Option<NonZeroU32>,
    /// From this day or moment on it is refused.
    #[arg(long, value_name = "WHEN")]
    expires: Option<Moment>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args, Debug)]
pub(super) struct List {
    /// Also those that were revoked.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args, Debug)]
pub(super) struct Rotate {
    /// The key.
    #[arg(value_parser = key_name)]
    name: KeyName,
    /// How long the secret that it has now is good for beside the new one, such as `24h`.
    #[arg(long, value_parser = length, default_value = "0s")]
    grace: Duration,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args, Debug)]
pub(super) struct Revoke {
    /// The key.
    #[arg(value_parser = key_name)]
    name: KeyName,
    #[command(flatten)]
    common: Common,
}

fn tier(text: &str) -> Result<TierName, String> {
    TierName::parse(text).map_err(|error| error.to_string())
}

fn pattern(text: &str) -> Result<Pattern, &'static str> {
    Pattern::parse(text).ok_or("a name, with a star at its end or its beginning at most")
}

pub(super) fn create(args: &Create) -> ExitCode {
    let grants = Grants {
        engineer: args.engineer.clone(),
        team: args.team.clone(),
        feature: args.feature.clone(),
        tiers: args.tiers.clone(),
        models: args.models.clone(),
        doors: args.doors.clone(),
        may_choose: !args.may_not_choose,
        requests_per_minute: args.requests_per_minute,
        tokens_per_minute: args.tokens_per_minute,
        concurrent: args.concurrent,
        expires: args.expires,
    };
    let name = &args.name;
    with(
        &args.common.config,
        async |opened| opened.registry.create_key(&opened.who, &opened.known, name, &grants).await,
        |(key, secret)| shown_once(&args.common, key, secret, &format!("The key `{name}`")),
    )
}

pub(super) fn rotate(args: &Rotate) -> ExitCode {
    let name = &args.name;
    with(
        &args.common.config,
        async |opened| opened.registry.rotate_key(&opened.who, &opened.known, name, args.grace).await,
        |(key, secret)| {
            shown_once(&args.common, key, secret, &format!("The new secret of the key `{name}`"))?;
            match key.old_secret_until {
                Some(until) if !args.common.json && !args.grace.is_zero() => {
                    writeln!(io::stdout(), "The one before is good until {until}.")
                }
                _ => Ok(()),
            }
        },
    )
}

pub(super) fn revoke(args: &Revoke) -> ExitCode {
    let name = &args.name;
    with(
        &args.common.config,
        async |opened| opened.registry.revoke_key(&opened.who, &opened.known, name).await,
        |()| match args.common.json {
            true => print_json(&json!({"revoked": name})),
            false => writeln!(io::stdout(), "The key `{name}` is revoked: every proxy refuses it within a second."),
        },
    )
}

pub(super) fn list(args: &List) -> ExitCode {
    with(
        &args.common.config,
        async |opened| Ok((opened.registry.refresh().await?, opened.known.file_keys)),
        |(snapshot, file_keys)| {
            let file = snapshot.in_file(Subject::Key, file_keys);
            let keys: Vec<&StoredKey> = snapshot.keys.iter().filter(|key| args.all || key.revoked.is_none()).collect();
            if args.common.json {
                return print_json(&json!({"keys": keys, "file_keys": file}));
            }
            print(&keys, &file)
        },
    )
}

fn print(keys: &[&StoredKey], file: &[Value]) -> io::Result<()> {
    if keys.is_empty() && file.is_empty() {
        return writeln!(io::stdout(), "There are no keys. `weighbridge keys create --name ana` makes one.");
    }
    let heads = ["key", "begins", "engineer", "team", "feature", "expires", "made", "state"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let text = |label: &Option<Label>| label.as_ref().map_or_else(|| "-".to_owned(), Label::to_string);
    for key in keys {
        let grants = &key.grants;
        rows.push(vec![
            key.name.to_string(),
            key.prefix.clone(),
            text(&grants.engineer),
            text(&grants.team),
            text(&grants.feature),
            grants.expires.map_or_else(|| "-".to_owned(), |expires| expires.to_string()),
            format!("{} by {}", key.created.at, key.created.by),
            state(key, Moment::now()),
        ]);
    }
    for key in file {
        let name = key["name"].as_str().unwrap_or_default().to_owned();
        let by = key["revoked"]["by"].as_str().map(|by| format!("revoked by {by}"));
        let blank = || "-".to_owned();
        let state = by.unwrap_or_else(|| "good".to_owned());
        rows.push(vec![name, blank(), blank(), blank(), blank(), blank(), "routes.toml".to_owned(), state]);
    }
    print_columns(&rows)
}

fn state(key: &StoredKey, now: Moment) -> String {
    match (&key.revoked, key.grants.expires, key.old_secret_until) {
        (Some(revoked), _, _) => format!("revoked {} by {}", revoked.at, revoked.by),
        (None, Some(expires), _) if expires <= now => "expired".to_owned(),
        (None, _, Some(until)) if until > now => format!("good, the secret before until {until}"),
        _ => "good".to_owned(),
    }
}

fn shown_once(common: &Common, key: &StoredKey, secret: &Secret, what: &str) -> io::Result<()> {
    if common.json {
        return print_json(&json!({"secret": secret.expose(), "key": key}));
    }
    writeln!(io::stdout(), "{what}, shown only now:\n\n  {}\n", secret.expose())
}
