//! The plan: targets take turns for so many rounds, then each is started afresh to see what an idle stream holds.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

use crate::Error;
use crate::load::{Client, Seen};
use crate::options::Options;
use crate::process::{cpu_of, machine_busy};
use crate::prompt::Prompts;
use crate::stub::{Manner, Stub};
use crate::target::{KEY, Kind, Target};

/// Everything that was measured.
#[derive(Serialize)]
pub struct Results {
    /// Bytes of a typical request body.
    pub body_bytes: usize,
    /// Who was left out, and why.
    pub left_out: Vec<(Kind, String)>,
    /// How many cores' worth of time went to programs that have nothing to do with this one, during the rounds.
    pub foreign_cores: f64,
    /// For each round, a turn of each target.
    pub rounds: Vec<Vec<Turn>>,
    /// What idle streams hold, by target.
    pub memory: Vec<Memory>,
}

/// One target's turn in one round. Times in microseconds.
#[derive(Serialize)]
pub struct Turn {
    /// Whose.
    pub kind: Kind,
    /// Open loop, whole answers: to the last byte, median.
    pub median: f64,
    /// Open loop, whole answers: to the last byte, 99th percentile.
    pub p99: f64,
    /// Open loop, streamed answers: to the first byte of the body, median.
    pub first_byte: f64,
    /// Open loop, streamed answers: to the first byte of the body, 99th percentile.
    pub first_byte_p99: f64,
    /// Open loop, whole answers: CPU seconds for 1,000 requests; `None` for direct calls.
    pub cpu_at_rate: Option<f64>,
    /// Open loop, streamed answers: CPU seconds for 1,000 requests; `None` for direct calls.
    pub cpu_streamed: Option<f64>,
    /// Closed loop: requests a second.
    pub throughput: f64,
    /// Closed loop: CPU seconds for 1,000 requests; `None` for direct calls.
    pub cpu_at_full: Option<f64>,
    /// Closed loop: which share of its core the proxy used; well under 1 means that the load was the limit.
    pub busy: Option<f64>,
    /// Requests that failed, all loads together.
    pub failed: u64,
    /// What happened to the first of those.
    pub first_failure: Option<String>,
}

/// What idle streams hold.
#[derive(Serialize)]
pub struct Memory {
    /// Whose.
    pub kind: Kind,
    /// Resident bytes after a short warm-up, before the streams.
    pub before: u64,
    /// Resident bytes with the streams open.
    pub with_streams: u64,
    /// How many streams.
    pub streams: u32,
}

/// Measures everyone.
pub async fn all(options: &Options) -> Result<Results, Error> {
    let tokenizer = tiktoken_rs::o200k_base()?;
    let prompts = Prompts::new(options.tokens, &tokenizer);
    drop(tokenizer);
    let stub = Stub::start().await?;
    let mut results = Results {
        body_bytes: prompts.body_bytes(),
        left_out: vec![],
        foreign_cores: 0.0,
        rounds: vec![],
        memory: vec![],
    };

    let mut targets = vec![Target::start(Kind::Direct, stub.address, options).await?];
    for &kind in &options.targets {
        match kind.program(options) {
            Ok(_) => targets.push(Target::start(kind, stub.address, options).await?),
            Err(why) => {
                eprintln!("{} is left out: {why}", kind.name());
                results.left_out.push((kind, why));
            }
        }
    }
    let (begin, foreign_before) = (Instant::now(), foreign_cpu(&targets)?);
    for round in 0..options.rounds {
        let mut turns = Vec::new();
        for place in 0..targets.len() {
            // Each round begins with another target, so that none always follows the same one.
            let target = &targets[(place + round as usize) % targets.len()];
            eprintln!("round {} of {}: {}", round + 1, options.rounds, target.kind.name());
            turns.push(turn(target, &stub, &prompts, options).await?);
        }
        turns.sort_by_key(|turn| targets.iter().position(|target| target.kind == turn.kind));
        results.rounds.push(turns);
    }
    let foreign = foreign_cpu(&targets)?.saturating_sub(foreign_before);
    results.foreign_cores = foreign.as_secs_f64() / begin.elapsed().as_secs_f64();
    let kinds: Vec<Kind> = targets.iter().map(|target| target.kind).filter(|&kind| kind != Kind::Direct).collect();
    drop(targets);
    if options.streams > 0 {
        for kind in kinds {
            eprintln!("{} idle streams: {}", options.streams, kind.name());
            results.memory.push(memory(kind, &stub, &prompts, options).await?);
        }
    }
    Ok(results)
}

/// CPU time of whatever is neither this program nor a target.
fn foreign_cpu(targets: &[Target]) -> Result<Duration, Error> {
    let mut known = cpu_of("self")?;
    for process in targets.iter().filter_map(|target| target.process.as_ref()) {
        known += process.cpu()?;
    }
    Ok(machine_busy()?.saturating_sub(known))
}

async fn turn(target: &Target, stub: &Stub, prompts: &Prompts, options: &Options) -> Result<Turn, Error> {
    let length = Duration::from_secs_f64(options.seconds);
    stub.answer(Manner::Whole);
    let whole = Client::new(target.address, prompts.requests(target.address, KEY, false));
    whole.closed_loop(options.connections, WARM_UP).await?;
    let (steady, cpu_steady) = watched(target, whole.open_loop(options.rate, length)).await?;
    let (full, cpu_full) = watched(target, whole.closed_loop(options.connections, length)).await?;

    stub.answer(Manner::Stream);
    let streamed = Client::new(target.address, prompts.requests(target.address, KEY, true));
    streamed.closed_loop(4, WARM_UP).await?;
    let (stream, cpu_stream) = watched(target, streamed.open_loop(options.rate, length)).await?;

    let loads = [&steady, &full, &stream];
    let failed = loads.iter().map(|load| load.failed).sum();
    let first_failure = loads.iter().find_map(|load| load.first_failure.clone());
    if loads.iter().any(|load| load.answered == 0) {
        let why = first_failure.as_deref().unwrap_or("no answer came in time");
        return Err(format!("{}: no request succeeded; the first one: {why}", target.kind.name()).into());
    }
    let for_a_thousand =
        |cpu: Option<Duration>, seen: &Seen| cpu.map(|cpu| cpu.as_secs_f64() * 1000.0 / seen.answered as f64);
    Ok(Turn {
        kind: target.kind,
        median: micros(steady.whole.value_at_quantile(0.5)),
        p99: micros(steady.whole.value_at_quantile(0.99)),
        first_byte: micros(stream.first_byte.value_at_quantile(0.5)),
        first_byte_p99: micros(stream.first_byte.value_at_quantile(0.99)),
        cpu_at_rate: for_a_thousand(cpu_steady, &steady),
        cpu_streamed: for_a_thousand(cpu_stream, &stream),
        throughput: full.throughput(),
        cpu_at_full: for_a_thousand(cpu_full, &full),
        busy: cpu_full.map(|cpu| cpu.as_secs_f64() / full.wall.as_secs_f64()),
        failed,
        first_failure,
    })
}

/// How long a target is asked before its turn counts.
const WARM_UP: Duration = Duration::from_millis(300);

/// What a load saw, and the CPU time that the target's program used meanwhile.
async fn watched(
    target: &Target,
    load: impl Future<Output = Result<Seen, Error>>,
) -> Result<(Seen, Option<Duration>), Error> {
    let cpu = || target.process.as_ref().map(|process| process.cpu()).transpose();
    let before = cpu()?;
    let seen = load.await?;
    let after = cpu()?;
    Ok((seen, after.zip(before).map(|(after, before)| after.saturating_sub(before))))
}

async fn memory(kind: Kind, stub: &Stub, prompts: &Prompts, options: &Options) -> Result<Memory, Error> {
    let target = Target::start(kind, stub.address, options).await?;
    let process = target.process.as_ref().ok_or("direct calls have no process")?;
    stub.answer(Manner::Stream);
    let client = Client::new(target.address, prompts.requests(target.address, KEY, true));
    client.closed_loop(4, WARM_UP).await?;
    let before = process.resident_bytes()?;
    stub.answer(Manner::Idle);
    let streams = client.open_streams(options.streams).await;
    let streams = streams.map_err(|error| format!("{}: {error}", kind.name()))?;
    sleep(SETTLING).await;
    let with_streams = process.resident_bytes()?;
    Ok(Memory { kind, before, with_streams, streams: u32::try_from(streams.len())? })
}

/// How long after the last stream began its memory is looked at.
const SETTLING: Duration = Duration::from_millis(500);

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}
