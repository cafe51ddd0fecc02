//! Fills a ledger with synthetic requests and the facts that rules saw of them, for trying rules on them:
//! `cargo run --release --example fill_past -- LEDGER.db ENTRIES DAYS RULES.toml [POSTGRES]`, or `make backtest-bench`.
//!
//! 300 engineers of 30 teams hold conversations of up to 60 requests, most of them an agent's tool loop with a growing
//! prompt. RULES.toml decides each of them, what a conversation sent before is in its endpoint's cache, and the catalogue
//! says what it costs. Entries go through the ledger's own writer; with an address they are shipped to PostgreSQL too.

#![expect(clippy::print_stdout, reason = "an example is read on the terminal")]
#![expect(clippy::unwrap_used, reason = "an example that cannot go on panics")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use weighbridge::config::{self, Config, Strictness};
use weighbridge::domain::{
    App, Content, Conversation, Decision, Dialect, Door, EndpointName, Facts, Fault, KeyName, Kind, Label, Outcome,
    OutputFormat, Pico, RequestId, Risk, Tag, TokenCount, TurnKind, Usage, UsageSource,
};
use weighbridge::record::entry::{Attempt, Ending, Entry};
use weighbridge::record::{Ledger, Settings, Ship};
use weighbridge::route::{Situation, decide};

/// Conversations that go on at the same time.
const AT_ONCE: usize = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (ledger, entries, days, rules, address) = match arguments.as_slice() {
        [ledger, entries, days, rules] => (ledger, entries, days, rules, None),
        [ledger, entries, days, rules, address] => (ledger, entries, days, rules, Some(address)),
        _ => panic!("fill_past LEDGER.db ENTRIES DAYS RULES.toml [POSTGRES]"),
    };
    let (entries, days): (u64, u64) = (entries.parse().unwrap(), days.parse().unwrap());
    let config = config::load(Path::new(rules), SystemTime::now(), &|_| None, Strictness::Check).unwrap();
    let ship = address.map(|address| Ship::to(address.as_str()));
    let began = Instant::now();
    let ledger = Ledger::open(&Settings { ship, ..Settings::at(ledger) }).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let mut traffic = Traffic::new(&config, now - days * 86_400_000);
    for number in 0..entries {
        while ledger.is_accepting().is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        traffic.at_millis = now - days * 86_400_000 + number * days * 86_400_000 / entries;
        drop(ledger.append(traffic.entry()));
    }
    while ledger.stats().shipping.is_some_and(|shipping| shipping.unshipped > 0) {
        std::thread::sleep(Duration::from_millis(50));
    }
    ledger.close(Duration::from_secs(60)).unwrap();
    println!("{entries} entries of {days} days in {:.1} s", began.elapsed().as_secs_f64());
}

/// SplitMix64: the same traffic each time.
struct Chance(u64);

impl Chance {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// A conversation.
#[derive(Clone)]
struct Talk {
    facts: Facts,
    left: u64,
    agent: bool,
    branch: Option<Label>,
    /// Where its prompt is cached, and how much of it.
    warm: Option<(EndpointName, u64)>,
}

struct Traffic<'c> {
    config: &'c Config,
    chance: Chance,
    talks: Vec<Option<Talk>>,
    at_millis: u64,
}

impl<'c> Traffic<'c> {
    fn new(config: &'c Config, at_millis: u64) -> Self {
        Self { config, chance: Chance(7), talks: vec![None; AT_ONCE], at_millis }
    }

    fn entry(&mut self) -> Entry {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.chance.number().to_be_bytes());
        let id = RequestId::new(self.at_millis, random);
        if self.chance.percent(1) {
            return self.turned_away(id);
        }
        let place = self.chance.below(AT_ONCE as u64) as usize;
        let talk = self.talks[place].take();
        let mut talk = talk.filter(|talk| talk.left > 0).unwrap_or_else(|| self.begin());
        talk.left -= 1;
        let entry = self.ask(id, &mut talk);
        self.talks[place] = Some(talk);
        entry
    }

    fn begin(&mut self) -> Talk {
        let person = self.chance.below(300);
        let agent = self.chance.percent(60);
        let user_agent = *self.chance.one_of(if agent {
            &["claude-cli/2", "codex_cli_rs/1", "opencode/1"]
        } else {
            &["cursor/1", "aider/1", "openai/python 2", "curl/8"]
        });
        let team = person % 30;
        let facts = Facts {
            dialect: if agent { Dialect::AnthropicMessages } else { Dialect::OpenaiChat },
            door: if agent { Door::Messages } else { Door::Chat },
            requested_model: if self.chance.percent(2) { "sonnet" } else { "auto" }.to_owned(),
            key: KeyName::parse(&format!("key-{person}")).ok(),
            engineer: Label::parse(&format!("engineer-{person}")),
            team: Label::parse(&format!("team-{team}")),
            feature: Label::parse(&format!("feature-{}", team * 3 + person / 30 % 3)),
            app: App::from_user_agent(user_agent),
            max_output: agent.then_some(8_192),
            tools: if agent { 14 } else { 0 },
            stream: self.chance.percent(80),
            output: if self.chance.percent(3) { OutputFormat::JsonSchema } else { OutputFormat::Text },
            ..Facts::default()
        };
        let first = if agent { 14_000 + self.chance.below(6_000) } else { 100 + self.chance.below(3_000) };
        let week = self.at_millis / 604_800_000;
        let branch = format!("work/{person}-{week}-{}", self.chance.below(3));
        let left = if agent { 4 + self.chance.below(57) } else { 1 + self.chance.below(8) };
        let facts = Facts { tokens: TokenCount::exact(first), ..facts };
        let mut talk = Talk { facts, left, agent, branch: Label::parse(&branch), warm: None };
        self.wish(&mut talk.facts);
        talk
    }

    /// What the human wants: this is what tags, risk and kind come from.
    fn wish(&mut self, facts: &mut Facts) {
        facts.kind = *self.chance.one_of(Kind::ALL);
        facts.risk = match self.chance.below(100) {
            0..62 => Risk::Low,
            62..88 => Risk::Medium,
            _ => Risk::High,
        };
        let tags = if facts.risk == Risk::Low { self.chance.below(5) / 4 } else { 1 + self.chance.below(2) };
        facts.tags = (0..tags).map(|_| *self.chance.one_of(Tag::ALL)).collect();
        let content = *self.chance.one_of(Content::ALL);
        facts.content = self.chance.percent(2).then_some(content).into_iter().collect();
    }

    fn ask(&mut self, id: RequestId, talk: &mut Talk) -> Entry {
        let is_first = talk.warm.is_none();
        let facts = &mut talk.facts;
        facts.at_millis = self.at_millis;
        if !is_first {
            facts.conversation = Conversation::Ongoing;
            let in_loop = talk.agent && self.chance.percent(85);
            facts.turn = if in_loop { TurnKind::Tool } else { TurnKind::Human };
            if !in_loop {
                let mut wished = facts.clone();
                self.wish(&mut wished);
                *facts = wished;
            }
            let more = if talk.agent { 200 + self.chance.below(3_500) } else { 50 + self.chance.below(800) };
            facts.tokens = TokenCount::exact((facts.tokens.expected + more).min(190_000));
        }
        let situation = Situation { draw: self.chance.number(), may_choose: true, ..Situation::default() };
        let decision = decide(&self.config.rules, facts, &situation).unwrap();
        let endpoint = decision.candidates.first().map(|first| first.endpoint.clone());
        match endpoint.filter(|_| decision.outcome == Outcome::Forward) {
            Some(endpoint) => self.answered(id, talk, decision, endpoint),
            None => {
                let facts = Some(Arc::new(talk.facts.clone()));
                let status = if matches!(decision.outcome, Outcome::Deny(_)) { 403 } else { 400 };
                let decision = Some(Arc::new(decision));
                Entry { facts, decision, status, failure: Some("denied"), ..self.plain(id, talk) }
            }
        }
    }

    fn answered(&mut self, id: RequestId, talk: &mut Talk, decision: Decision, name: EndpointName) -> Entry {
        let endpoint = &self.config.endpoints[&name];
        let tokens = talk.facts.tokens.expected;
        let warm = talk.warm.as_ref().filter(|(where_it_is, _)| *where_it_is == name).map_or(0, |(_, tokens)| *tokens);
        let writes = endpoint.dialect == Dialect::AnthropicMessages && talk.agent;
        let rest = tokens - warm.min(tokens);
        let usage = Usage {
            input: if writes { 0 } else { rest },
            cache_read: warm.min(tokens),
            cache_write_5m: if writes { rest } else { 0 },
            output: 20 + self.chance.below(900),
            ..Usage::default()
        };
        talk.warm = Some((name.clone(), if talk.agent { tokens } else { 0 }));
        let at = UNIX_EPOCH + Duration::from_millis(self.at_millis);
        let cost = endpoint.price.cost(&usage, at, None);
        let baseline = self.config.baseline.as_ref().and_then(|name| self.config.endpoints.get(name));
        let baseline = baseline.and_then(|baseline| baseline.price.cost(&usage, at, None));
        let total_us = 400_000 + self.chance.below(9_000_000);
        let (model, tier) = (Arc::clone(&endpoint.model), decision.tier.clone());
        let attempt = Attempt {
            endpoint: name.clone(),
            tier: tier.clone(),
            model: Arc::clone(&model),
            started_us: 210,
            duration_us: total_us - 210,
            status: Some(200),
            outcome: "ok",
            provider_request_id: Some(format!("req_{:016x}", self.chance.number())),
            verdict: None,
            charge: None,
        };
        Entry {
            reserved: decision.ceiling,
            facts: Some(Arc::new(talk.facts.clone())),
            decision: Some(Arc::new(decision)),
            attempts: vec![attempt],
            endpoint: Some(name),
            tier,
            model: Some(model),
            usage: Some(usage),
            usage_source: Some(UsageSource::Provider),
            price_version: Some(Arc::clone(&self.config.price_version)),
            cost,
            baseline,
            straight: None,
            status: 200,
            ending: Ending::Complete,
            failure: None,
            fault: None,
            total_us,
            first_byte_us: Some(total_us / 4),
            ..self.plain(id, talk)
        }
    }

    /// A key that nobody knows: refused before the rules are asked.
    fn turned_away(&self, id: RequestId) -> Entry {
        let nobody = Talk { facts: Facts::default(), left: 0, agent: false, branch: None, warm: None };
        Entry { status: 401, failure: Some("unauthenticated"), ..self.plain(id, &nobody) }
    }

    fn plain(&self, id: RequestId, talk: &Talk) -> Entry {
        let facts = &talk.facts;
        Entry {
            id,
            at_millis: self.at_millis,
            door: facts.door.path(),
            dialect: Some(facts.dialect),
            key: facts.key.clone(),
            engineer: facts.engineer.clone(),
            team: facts.team.clone(),
            feature: facts.feature.clone(),
            branch: talk.branch.clone(),
            pull_request: None,
            app: facts.app,
            facts: None,
            evidence: Vec::new(),
            decision: None,
            rules_version: self.config.version.clone(),
            attempts: Vec::new(),
            endpoint: None,
            tier: None,
            model: None,
            usage: None,
            usage_source: None,
            service_tier: None,
            price_version: None,
            cost: None::<Pico>,
            reserved: None,
            provider_cost: None,
            baseline: None,
            straight: None,
            status: 200,
            ending: Ending::Refused,
            failure: None,
            fault: Some(Fault::Caller),
            streamed: facts.stream,
            total_us: 900,
            first_byte_us: None,
            overhead_us: 180,
            request_bytes: facts.tokens.expected * 4,
            response_bytes: 2_048,
            held: Vec::new(),
            closes: None,
        }
    }
}
