//! Reads what came of prompts: outcomes of several models, or a team's own labels.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::assess::difficulty::excerpt;
use crate::assess::difficulty::train::Example;

/// A line of a file.
#[derive(Deserialize)]
struct Line {
    id: Option<Value>,
    source: Option<String>,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    tools: Option<Value>,
    cluster: Option<String>,
    outcomes: Option<BTreeMap<String, Outcome>>,
    label: Option<Label>,
    #[serde(default)]
    flags: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Value>,
}

#[derive(Deserialize)]
struct Outcome {
    score: Option<f64>,
    cost_usd: Option<f64>,
}

/// Which model such a prompt should have had.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Label {
    Small,
    Large,
}

/// Which models of a source are compared. Several with `+` between them stand for their kind: their mean counts.
#[derive(Clone, PartialEq, Debug)]
pub struct Pair {
    /// The source it is for; `None`: for every source that has both models.
    pub source: Option<String>,
    small: Vec<String>,
    large: Vec<String>,
    /// How many times as dear the large one is, where no costs are recorded.
    ratio: Option<f64>,
}

impl Pair {
    /// `[SOURCE=]SMALL:LARGE[:RATIO]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (source, models) = text.split_once('=').map_or((None, text), |(source, rest)| (Some(source), rest));
        let mut parts = models.split(':');
        let names = |part: Option<&str>| -> Vec<String> {
            part.unwrap_or_default()
                .split('+')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let (small, large) = (names(parts.next()), names(parts.next()));
        let ratio = parts.next().map(|ratio| ratio.parse::<f64>().ok().filter(|ratio| *ratio > 0.0).ok_or(ratio));
        let ratio = ratio.transpose().map_err(|ratio| format!("`{ratio}` is no ratio of prices, such as 12"))?;
        if small.is_empty() || large.is_empty() || parts.next().is_some() {
            return Err("expected [SOURCE=]SMALL:LARGE[:RATIO]".to_owned());
        }
        Ok(Self { source: source.map(str::to_owned), small, large, ratio })
    }
}

/// What is read.
#[derive(Default, Debug)]
pub struct Found {
    /// What can be learnt from, each with its id.
    pub examples: Vec<(String, Example)>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// What a large model costs more where nobody says how much.
const USUAL_RATIO: f64 = 10.0;

/// Reads files, or all `.jsonl` and `.jsonl.gz` of folders, in the order of their names.
///
/// # Errors
/// If one cannot be read, or a line is neither outcome nor label; the text has file and line.
pub fn read(paths: &[PathBuf], pairs: &[Pair], sources: &[String]) -> Result<Found, String> {
    let mut read = Found::default();
    let mut without_pair: BTreeMap<String, (usize, BTreeSet<String>)> = BTreeMap::new();
    let mut contaminated = 0;
    for file in files(paths)? {
        let text = text_of(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = || format!("{}, line {}", file.display(), number + 1);
            let line: Line = serde_json::from_str(line).map_err(|error| format!("{}: {error}", place()))?;
            let group = line.source.clone().unwrap_or_else(|| "labels".to_owned());
            if !sources.is_empty() && !sources.contains(&group) {
                continue;
            }
            if line
                .flags
                .values()
                .zip(line.flags.keys())
                .any(|(value, flag)| flag.ends_with("contaminated") && *value == true)
            {
                contaminated += 1;
                continue;
            }
            let id = match &line.id {
                Some(Value::String(id)) => id.clone(),
                Some(id) => id.to_string(),
                None => place(),
            };
            match example(&line, &group, &id, pairs) {
                Ok(example) => read.examples.push((id, example)),
                Err(Missing::Pair) => {
                    let missed = without_pair.entry(group).or_default();
                    missed.0 += 1;
                    missed.1.extend(line.outcomes.into_iter().flatten().map(|(model, _)| model));
                }
                Err(Missing::Verdict) => {
                    return Err(format!("{}: neither `outcomes` nor `label` (`small` or `large`)", place()));
                }
                Err(Missing::Text) => {
                    return Err(format!("{}: neither `prompt` nor a user's turn in `messages`", place()));
                }
            }
        }
    }
    if contaminated > 0 {
        read.notes.push(format!("{contaminated} prompts are left out: they are flagged as contaminated"));
    }
    read.notes.extend(without_pair.iter().map(|(source, (count, models))| {
        let names: Vec<&str> = models.iter().map(String::as_str).take(8).collect();
        let more = if models.len() > names.len() { ", …" } else { "" };
        format!("{source}: {count} prompts are left out, no pair names two of its models ({}{more})", names.join(", "))
    }));
    even_out(&mut read.examples);
    Ok(read)
}

/// Why a line gives no example.
enum Missing {
    Pair,
    Verdict,
    Text,
}

fn example(line: &Line, group: &str, id: &str, pairs: &[Pair]) -> Result<Example, Missing> {
    let text = line.prompt.clone().or_else(|| wish(line.messages.as_deref()?)).ok_or(Missing::Text)?;
    let tools = match &line.tools {
        Some(Value::String(tools)) => tools.clone(),
        Some(Value::Null) | None => String::new(),
        Some(tools) => tools.to_string(),
    };
    let asked = Example {
        text: excerpt(&text).into_owned(),
        tools,
        group: group.to_owned(),
        cluster: line.cluster.clone().unwrap_or_else(|| id.to_owned()),
        ..Example::default()
    };
    let Some(outcomes) = &line.outcomes else {
        let need = match line.label.ok_or(Missing::Verdict)? {
            Label::Small => 0.0,
            Label::Large => 1.0,
        };
        let (small_cost, large_cost) = (1.0 / USUAL_RATIO as f32, 1.0);
        return Ok(Example { small: 1.0 - need, large: 1.0, need, small_cost, large_cost, ..asked });
    };
    let own = pairs.iter().filter(|pair| pair.source.as_deref() == Some(group));
    let general = pairs.iter().filter(|pair| pair.source.is_none());
    let told = own.chain(general).find_map(|pair| compared(pair, outcomes));
    told.map(|told| Example {
        text: asked.text,
        tools: asked.tools,
        group: asked.group,
        cluster: asked.cluster,
        ..told
    })
    .ok_or(Missing::Pair)
}

/// What the two did, or the two kinds.
fn compared(pair: &Pair, outcomes: &BTreeMap<String, Outcome>) -> Option<Example> {
    let scores = |names: &[String]| -> Option<Vec<f64>> {
        let scores: Vec<f64> = names.iter().filter_map(|name| outcomes.get(name)?.score).collect();
        (!scores.is_empty()).then_some(scores)
    };
    let (small, large) = (scores(&pair.small)?, scores(&pair.large)?);
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let better = small.iter().flat_map(|small| large.iter().map(move |large| large > small));
    let need = better.filter(|better| *better).count() as f64 / (small.len() * large.len()) as f64;
    let cost = |names: &[String]| names.iter().find_map(|name| outcomes.get(name)?.cost_usd);
    let (small_cost, large_cost) = match (cost(&pair.small), cost(&pair.large)) {
        (Some(small), Some(large)) => (small, large),
        _ => (1.0 / pair.ratio.unwrap_or(USUAL_RATIO), 1.0),
    };
    let is_of_pair = |name: &String| pair.small.contains(name) || pair.large.contains(name);
    let others = outcomes.iter().filter(|(name, _)| !is_of_pair(name)).filter_map(|(_, outcome)| outcome.score);
    Some(Example {
        small: mean(&small) as f32,
        large: mean(&large) as f32,
        need: need as f32,
        small_cost: small_cost as f32,
        large_cost: large_cost as f32,
        others: others.map(|score| score as f32).collect(),
        ..Example::default()
    })
}

/// Other models are compared by their place, so a prompt that not all of its group's were asked tells nothing of them.
/// Costs are made comparable between groups, whatever they are in.
fn even_out(examples: &mut [(String, Example)]) {
    let mut groups: HashMap<String, (usize, f64, usize)> = HashMap::new();
    for (_, example) in examples.iter() {
        let group = groups.entry(example.group.clone()).or_default();
        group.0 = group.0.max(example.others.len());
        group.1 += f64::from(example.large_cost);
        group.2 += 1;
    }
    for (_, example) in examples {
        let (models, cost, count) = groups[&example.group];
        if example.others.len() != models {
            example.others.clear();
        }
        let mean = (cost / count as f64).max(f64::MIN_POSITIVE);
        example.small_cost = (f64::from(example.small_cost) / mean) as f32;
        example.large_cost = (f64::from(example.large_cost) / mean) as f32;
    }
}

/// What the user asked last.
fn wish(messages: &[Message]) -> Option<String> {
    let said = messages.iter().rev().filter(|message| message.role == "user");
    said.filter_map(|message| match message.content.as_ref()? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        _ => None,
    })
    .next()
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let listed = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut found: Vec<PathBuf> =
            listed.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_data(path)).collect();
        found.sort();
        if found.is_empty() {
            return Err(format!("{} holds no .jsonl or .jsonl.gz", path.display()));
        }
        all.extend(found);
    }
    Ok(all)
}

fn is_data(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
}

fn text_of(path: &Path) -> std::io::Result<String> {
    let bytes = fs::read(path)?;
    let mut text = String::new();
    match bytes.starts_with(&[0x1f, 0x8b]) {
        true => MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?,
        false => bytes.as_slice().read_to_string(&mut text)?,
    };
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lines(lines: &[&str], pairs: &[&str]) -> Result<Found, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), lines.join("\n")).unwrap();
        let pairs: Vec<Pair> = pairs.iter().map(|pair| Pair::parse(pair).unwrap()).collect();
        read(&[file.path().to_owned()], &pairs, &[])
    }

    #[test]
    fn a_pair_names_two_models_or_two_kinds() {
        let line = r#"{"id":"1","source":"s","prompt":"p","outcomes":{"a":{"score":0},"b":{"score":1},"c":{"score":1},"d":{"score":0.5}}}"#;
        let one = |pair: &str| {
            of_lines(&[line], &[pair]).unwrap().examples.first().map(|(_, one)| (one.small, one.large, one.need))
        };
        assert_eq!(one("a:b"), Some((0.0, 1.0, 1.0)));
        assert_eq!(one("a+b:b+c:7"), Some((0.5, 1.0, 0.5)));
        assert_eq!(one("other=a:b"), None);
        assert!(Pair::parse("a").is_err() && Pair::parse("a:b:c").is_err());
        let notes = of_lines(&[line], &["x:y"]).unwrap().notes;
        assert!(notes[0].contains("no pair names two of its models (a, b, c, d)"), "{notes:?}");
    }

    #[test]
    fn a_teams_labels_are_read_from_prompts_and_messages() {
        let lines = [
            r#"{"prompt":"rename it","label":"small"}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"why does it hang"}]},{"role":"assistant","content":"so"}],"label":"large"}"#,
        ];
        let found = of_lines(&lines, &[]).unwrap();
        let told: Vec<(&str, f32)> = found.examples.iter().map(|(_, one)| (one.text.as_str(), one.need)).collect();
        assert_eq!(told, [("rename it", 0.0), ("why does it hang", 1.0)]);
        let error = of_lines(&[r#"{"prompt":"x"}"#], &[]).unwrap_err();
        assert!(error.contains("line 1: neither `outcomes` nor `label`"), "{error}");
    }
}
