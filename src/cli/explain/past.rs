//! A past request: what was decided then, and whether it would be decided the same today.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::{Args, print_facts};
use crate::cli::past::{PastError, archive_of, moment};
use crate::config::Config;
use crate::domain::{Decision, Facts, RequestId};
use crate::record::LedgerError;
use crate::record::recorded::{Decided, Recorded, Unseen};
use crate::replay::changed::{in_short, why};
use crate::replay::side::{Judged, Side};
use crate::route::{Explanation, InWords, explain};

/// A past request, then and now.
#[derive(Serialize)]
struct Past {
    /// The entry, as the ledger has it.
    entry: Value,
    /// What the present rules do; `None`: what the rules saw is not known.
    now: Option<Now>,
    #[serde(skip)]
    facts: Option<Facts>,
    #[serde(skip)]
    decision: Option<Decision>,
}

#[derive(Serialize)]
struct Now {
    version: String,
    /// Whether the same rule sends it to the same place.
    same: bool,
    from: String,
    to: String,
    old_rule: Option<String>,
    new_rule: Option<String>,
    why: Vec<String>,
    #[serde(flatten)]
    explanation: Explanation,
}

/// Explains the request of this id.
pub(super) fn run(args: &Args, config: &Config) -> ExitCode {
    let Some(id) = args.id else { return super::super::cannot_run(&"error: say --request or --id") };
    let entry = match find(args, config, id) {
        Ok(Some(entry)) => entry,
        Ok(None) => return super::super::cannot_run(&format!("error: the ledger has no request {id}")),
        Err(error) => return super::super::cannot_run(&format!("error: {error}")),
    };
    let past = past(entry, id, config);
    let printed = if args.json { super::super::print_json(&past) } else { print(&past, id, &mut io::stdout().lock()) };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => super::super::FAILED.into(),
        _ => super::super::OK.into(),
    }
}

fn find(args: &Args, config: &Config, id: RequestId) -> Result<Option<Value>, PastError> {
    let archive = archive_of(config, args.ledger.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(LedgerError::Thread)?.block_on(archive.by_id(id))?)
}

fn past(entry: Value, id: RequestId, config: &Config) -> Past {
    let part = |name: &str| entry.get(name).filter(|part| !part.is_null()).cloned();
    let facts: Option<Facts> = part("facts").and_then(|facts| serde_json::from_value(facts).ok());
    let decision: Option<Decision> = part("decision").and_then(|decision| serde_json::from_value(decision).ok());
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(Into::into);
    let now = facts.as_ref().map(|facts| {
        let recorded = Recorded {
            id,
            at_millis: facts.at_millis,
            facts: Err(Unseen::Missing),
            decided: decision.as_ref().map(Decided::from),
            branch: None,
            endpoint: text("endpoint"),
            model: text("model"),
            usage: None,
            service_tier: None,
            cost: None,
        };
        now(&recorded, facts.clone(), config)
    });
    Past { now, facts, decision, entry }
}

fn now(recorded: &Recorded, mut facts: Facts, config: &Config) -> Now {
    let mut side = Side::new(config, None);
    let was = Judged::recorded(recorded);
    let is = side.judge(recorded, &mut facts, &was.place);
    let same = was.place == is.place && was.rule == is.rule;
    let why = if same { Vec::new() } else { why(&side, None, (recorded, &facts), &was, &is) };
    let name = |rule: &Option<std::sync::Arc<str>>| rule.as_deref().map(str::to_owned);
    Now {
        version: config.version.to_string(),
        same,
        from: was.place.to_string(),
        to: is.place.to_string(),
        old_rule: name(&was.rule),
        new_rule: name(&is.rule),
        why,
        explanation: explain(&config.rules, &facts, &side.situation(recorded, &facts, is.standing.clone())),
    }
}

fn print(past: &Past, id: RequestId, out: &mut impl Write) -> io::Result<()> {
    let entry = &past.entry;
    let text = |name: &str| shown(entry.get(name));
    let at = moment(entry.get("at_millis").and_then(Value::as_i64)).unwrap_or_default();
    writeln!(out, "request {id}\n  at       {at}, {}, by the rules {}", text("door"), text("rules_version"))?;
    if let Some(facts) = &past.facts {
        writeln!(out, "  facts    {}", in_short(facts))?;
        print_facts(facts, out)?;
    }
    writeln!(out, "decision then")?;
    match (&past.decision, entry.get("decision").filter(|decision| !decision.is_null())) {
        (Some(decision), _) => {
            if let Some(rule) = &decision.rule {
                writeln!(out, "  rule {rule}")?;
            }
            write!(out, "{}", InWords(decision))?;
        }
        (None, Some(other)) => writeln!(out, "  in a form that this version does not read: {other}")?,
        (None, None) => writeln!(out, "  none: it was refused before ({})", text("failure"))?,
    }
    print_ending(entry, out)?;
    let Some(now) = &past.now else {
        return writeln!(out, "today\n  not known: the entry does not have what the rules saw");
    };
    writeln!(out, "with the present rules ({})", now.version)?;
    for rule in &now.explanation.rules {
        writeln!(out, "  {}: {}", rule.rule, rule.verdict)?;
    }
    let rule = |name: &Option<String>| name.as_ref().map_or("no rule".to_owned(), |name| format!("rule {name}"));
    match (now.same, now.from == now.to) {
        (true, _) => writeln!(out, "today\n  it would be decided the same: {} by {}", now.to, rule(&now.new_rule)),
        (false, true) => writeln!(
            out,
            "today\n  it would go to the same place, {}, by {} instead of {}",
            now.to,
            rule(&now.new_rule),
            rule(&now.old_rule)
        ),
        (false, false) => writeln!(
            out,
            "today\n  it would be decided otherwise: {} by {} instead of {} by {}",
            now.to,
            rule(&now.new_rule),
            now.from,
            rule(&now.old_rule)
        ),
    }?;
    now.why.iter().try_for_each(|why| writeln!(out, "  {why}"))
}

/// What came of it: each attempt, and what it used and cost.
fn print_ending(entry: &Value, out: &mut impl Write) -> io::Result<()> {
    let attempts = entry.get("attempts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !attempts.is_empty() {
        writeln!(out, "attempts")?;
    }
    for (place, attempt) in attempts.iter().enumerate() {
        let text = |name: &str| shown(attempt.get(name));
        let millis = attempt.get("duration_us").and_then(Value::as_i64).unwrap_or(0) / 1000;
        writeln!(
            out,
            "  {}. {} ({}): {}, status {}, {millis} ms",
            place + 1,
            text("endpoint"),
            text("model"),
            text("outcome"),
            text("status")
        )?;
    }
    let text = |name: &str| shown(entry.get(name));
    writeln!(out, "ended\n  {} with status {}", text("ending"), text("status"))?;
    if !entry.get("failure").is_none_or(Value::is_null) {
        writeln!(out, "  failure {}, the fault of {}", text("failure"), text("fault"))?;
    }
    if entry.get("input").is_none_or(Value::is_null) {
        return writeln!(out, "  used nothing");
    }
    let buckets = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning"];
    let some =
        buckets.into_iter().filter(|name| entry.get(*name).and_then(Value::as_i64).is_some_and(|tokens| tokens > 0));
    let used: Vec<String> = some.map(|name| format!("{name} {}", text(name))).collect();
    writeln!(out, "  used {} tokens", used.join(", "))?;
    let usd =
        |name: &str| entry.get(name).and_then(Value::as_str).map_or("not known".to_owned(), |usd| format!("${usd}"));
    writeln!(out, "  cost {}, on the baseline tier {}", usd("cost_usd"), usd("baseline_usd"))
}

/// A value as people read it.
fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
