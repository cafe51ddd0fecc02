//! `weighbridge explain`: why a request goes where it goes, without sending it; or why a past one went where it went.

mod past;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::admit::Key;
use crate::config::{Config, Trial};
use crate::dialect::{self, Limits};
use crate::domain::{
    App, Assessment, Caller, Content, Door, Evidence, Facts, HeaderFacts, Label, Prompt, RequestId, Signal,
};
use crate::route::{Explanation, explain};

/// What `explain` is called with.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The request's body, as a client sends it; `-` reads standard input.
    #[arg(long, value_name = "FILE|-", required_unless_present = "id")]
    request: Option<PathBuf>,
    /// A past request, by its id (the header x-weighbridge-request-id): what was decided then, and whether it would be today.
    #[arg(long, value_name = "REQUEST_ID", conflicts_with = "request", value_parser = request_id)]
    id: Option<RequestId>,
    /// With --id: the ledger's file, whatever the configuration names.
    #[arg(long, value_name = "FILE", requires = "id")]
    ledger: Option<PathBuf>,
    /// What the body is asked of, such as `messages` [default: what the body looks like].
    #[arg(long, value_parser = door)]
    door: Option<Door>,
    /// The configuration.
    #[arg(long, default_value = "routes.toml")]
    config: PathBuf,
    /// Print JSON. It holds no text of the request.
    #[arg(long)]
    json: bool,
    /// Ask with this key, by its name in the configuration.
    #[arg(long)]
    key: Option<String>,
    /// The person who asks, where the key leaves that open.
    #[arg(long)]
    engineer: Option<String>,
    /// Their team, where the key leaves that open.
    #[arg(long)]
    team: Option<String>,
    /// What the work is for.
    #[arg(long)]
    feature: Option<String>,
    /// The tier that is wished for.
    #[arg(long)]
    tier: Option<String>,
    /// How much of a budget is taken as used, such as `85%` [default: there is no budget].
    #[arg(long, value_name = "SHARE", value_parser = budget_used)]
    budget_used: Option<u32>,
    /// A header of the request; may be given several times.
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// When it is asked, such as 2027-01-04T09:30:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
}

#[derive(Serialize)]
struct Report<'a> {
    assessment: &'a Assessment,
    facts: &'a Facts,
    #[serde(flatten)]
    explanation: &'a Explanation,
}

/// Explains the request.
pub fn run(args: &Args) -> ExitCode {
    let config = match super::check::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return super::cannot_run(&problems),
    };
    let Some(request) = &args.request else { return past::run(args, &config) };
    let trial = match trial(args, request, &config) {
        Ok(trial) => trial,
        Err(reason) => return super::cannot_run(&reason),
    };
    let at_millis = args.at.map_or_else(super::now_millis, |at| u64::try_from(at.as_millisecond()).unwrap_or(0));
    let (facts, assessment) = trial.facts(&config.rules, &|prompt| config.assessor.assess(prompt), at_millis);
    let explanation = explain(&config.rules, &facts, &trial.situation());
    let report = Report { assessment: &assessment, facts: &facts, explanation: &explanation };
    let printed = if args.json { super::print_json(&report) } else { print(&trial.prompt, &report) };
    match printed {
        Ok(()) => super::OK.into(),
        Err(_) => super::FAILED.into(),
    }
}

fn trial(args: &Args, request: &Path, config: &Config) -> Result<Trial, String> {
    let body = read(request).map_err(|error| format!("{}: {error}", request.display()))?;
    let limits = Limits { max_depth: config.bounds.max_depth };
    let door = args.door.unwrap_or_else(|| dialect::likely_door(&body));
    let prompt = dialect::parse(door, Bytes::from(body), &limits).map_err(|failure| failure.message)?;
    let key = args.key.as_deref().map(|name| find(name, config)).transpose()?;
    let headers = headers(&args.headers)?;
    let user_agent = headers.get("user-agent").map(String::as_str).unwrap_or_default();
    let caller = Caller {
        key: key.as_ref().map(|key| key.name.clone()),
        engineer: fixed_or(&key, |key| &key.engineer, args.engineer.as_deref())?,
        team: fixed_or(&key, |key| &key.team, args.team.as_deref())?,
        feature: label(args.feature.as_deref())?.or(key.as_ref().and_then(|key| key.feature.clone())),
        branch: None,
        pull_request: None,
        app: App::from_user_agent(user_agent),
        is_by_token: false,
        tiers: key.as_ref().and_then(|key| key.tiers.clone()),
    };
    let may_choose = key.is_none_or(|key| key.may_choose);
    let (requested_tier, budget_used) = (args.tier.clone(), args.budget_used);
    Ok(Trial { prompt, caller, may_choose, requested_tier, headers, budget_used })
}

fn request_id(text: &str) -> Result<RequestId, String> {
    RequestId::parse(text.trim()).ok_or_else(|| "the id of a request is a UUID".to_owned())
}

/// Hundredths of a percent.
fn budget_used(text: &str) -> Result<u32, String> {
    crate::config::percentage(text).ok_or_else(|| "one percentage, such as 85%".to_owned())
}

/// The door of this name.
fn door(name: &str) -> Result<Door, String> {
    let known = || Door::ALL.iter().filter(|door| !matches!(door, Door::Files | Door::Batches));
    known().find(|door| door.as_str() == name).copied().ok_or_else(|| {
        let names: Vec<&str> = known().map(|door| door.as_str()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut body = Vec::new();
    io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}

fn find(name: &str, config: &Config) -> Result<Arc<Key>, String> {
    let found = config.keys.iter().find(|key| key.name.as_str() == name);
    found.cloned().ok_or_else(|| format!("there is no key `{name}` under [keys]"))
}

/// What the key fixes, or else what was given.
fn fixed_or(
    key: &Option<Arc<Key>>,
    part: fn(&Key) -> &Option<Label>,
    given: Option<&str>,
) -> Result<Option<Label>, String> {
    let fixed = key.as_ref().and_then(|key| part(key).clone());
    Ok(fixed.or(label(given)?))
}

fn label(text: Option<&str>) -> Result<Option<Label>, String> {
    let Some(text) = text else { return Ok(None) };
    let label = Label::parse(text);
    label.map(Some).ok_or_else(|| format!("`{text}` is not 1 to 96 printable ASCII characters without spaces"))
}

fn headers(given: &[String]) -> Result<HeaderFacts, String> {
    let parsed = given.iter().map(|header| {
        let (name, value) = header.split_once('=').ok_or_else(|| format!("`{header}` is not NAME=VALUE"))?;
        Ok((Arc::from(name.trim().to_ascii_lowercase()), value.trim().to_owned()))
    });
    parsed.collect()
}

fn print(prompt: &Prompt, report: &Report<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    print_facts(report.facts, &mut out)?;
    if !report.assessment.evidence.is_empty() {
        writeln!(out, "evidence")?;
    }
    for evidence in &report.assessment.evidence {
        let signal = signal_text(&evidence.signal);
        writeln!(
            out,
            "  {:+5.1}  {signal:26}  turn {}: {}",
            evidence.weight,
            evidence.turn,
            excerpt(prompt, evidence)
        )?;
    }
    write!(out, "{}", report.explanation)
}

fn print_facts(facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    let or_none = |words: String| if words.is_empty() { "none".to_owned() } else { words };
    writeln!(out, "assessment")?;
    let tokens = facts.tokens;
    match tokens.is_exact() {
        true => writeln!(out, "  tokens   {}", tokens.expected)?,
        false => writeln!(out, "  tokens   about {} ({} to {})", tokens.expected, tokens.low, tokens.high)?,
    }
    writeln!(out, "  tags     {}", or_none(facts.tags.to_string()))?;
    writeln!(out, "  risk     {}, {} sure", facts.risk, facts.confidence)?;
    writeln!(out, "  kind     {}", facts.kind)?;
    writeln!(out, "  difficulty {}", facts.difficulty)?;
    writeln!(out, "  content  {}", or_none(facts.content.to_string()))
}

fn signal_text(signal: &Signal) -> String {
    match signal {
        Signal::Tag(tag) => format!("tag {tag}"),
        Signal::Risk(risk) => format!("risk {risk}"),
        Signal::Kind(kind) => format!("kind {kind}"),
        Signal::Content(content) => format!("content {content}"),
    }
}

/// The words that count, on one line. A secret is not repeated on a screen that others may see.
fn excerpt(prompt: &Prompt, evidence: &Evidence) -> String {
    if evidence.signal == Signal::Content(Content::HasSecret) {
        return format!("({} bytes, not shown)", evidence.length);
    }
    let turn = prompt.turns.get(evidence.turn as usize);
    let text = turn.map(|turn| prompt.turn_text(turn)).unwrap_or_default();
    let (start, length) = (evidence.offset as usize, evidence.length as usize);
    let words = text.get(start..start.saturating_add(length)).unwrap_or_default();
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect();
    format!("{line:?}")
}
