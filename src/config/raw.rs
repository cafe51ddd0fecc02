//! `routes.toml` as it is written: every key there is, with what it means. The JSON Schema for editors is made from
//! these types, and `shape` holds a file against that schema, so a key is described in one place only.
//!
//! Nothing is required here: `check` misses what is missing, and says so together with everything else.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

use super::located::Located;
use crate::domain::{Content, Kind, Risk, Tag};

/// Values by name, each name and each value with its place.
pub type Named<T> = BTreeMap<Located<String>, Located<T>>;

/// Weighbridge's configuration: where requests come from, where they go, and by which rules.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "routes.toml")]
pub struct RawFile {
    /// The doors: addresses, limits on connections and bodies.
    pub server: RawServer,
    /// One model behind one URL with one credential, by name.
    pub endpoints: Named<RawEndpoint>,
    /// Named, ordered groups of endpoints that rules route to.
    pub tiers: Named<RawTier>,
    /// Which requests the rules decide on, and what savings are measured against.
    pub routing: RawRouting,
    /// Who may ask. With no keys, everybody on this machine may (the listener must then be on loopback).
    pub keys: Named<RawKey>,
    /// Where the durable record of each request is kept.
    pub ledger: RawLedger,
    /// What is told on standard error.
    pub log: RawLog,
    /// The rules, in order: the first whose `when` holds decides. The last one has no `when`.
    pub rules: Vec<Located<RawRule>>,
    /// Requests and what the rules must do with them; run by `weighbridge test` and before a reload is accepted.
    pub tests: Vec<Located<RawTest>>,
}

/// The doors.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawServer {
    /// Where tools send requests: an address and a port. Default `127.0.0.1:8787`.
    pub listen: Option<Located<String>>,
    /// Where operators look: metrics, API, web page. Must be on loopback. Default `127.0.0.1:8788`.
    pub admin: Option<Located<String>>,
    /// Connections served at once on the data port. Default 8192.
    pub max_connections: Option<Located<u32>>,
    /// The longest time a request's head may take. Default `10s`.
    pub head_timeout: Option<Located<DurationText>>,
    /// How long a connection may stay without a request. Default `120s`.
    pub idle_timeout: Option<Located<DurationText>>,
    /// How long answers may still run after the process is told to end. Default `30s`.
    pub drain_timeout: Option<Located<DurationText>>,
    /// The largest request body, as it comes and again once decompressed. Default `32MiB`.
    pub max_body: Option<Located<SizeText>>,
    /// Levels of arrays and objects inside each other in a body. Default 128.
    pub max_depth: Option<Located<u32>>,
    /// How many times larger than its compressed form a body may be (beyond the first mebibyte). Default 200.
    pub max_ratio: Option<Located<u32>>,
    /// The longest pause between two pieces of a body. Default `15s`.
    pub stall_timeout: Option<Located<DurationText>>,
    /// The longest time a whole body may take. Default `120s`.
    pub body_timeout: Option<Located<DurationText>>,
}

/// One model behind one URL with one credential.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawEndpoint {
    /// The wire format it speaks. Default `openai-chat`.
    pub dialect: Option<Located<DialectWord>>,
    /// Scheme, host, port and path prefix, such as `https://api.openai.com/v1`.
    pub url: Option<Located<String>>,
    /// The model it is asked for.
    pub model: Option<Located<String>>,
    /// Its credential: `{ env = "NAME" }` or `{ file = "path" }`. Left out: it wants none.
    pub api_key: Option<Located<RawSecret>>,
    /// The provider's id in the price catalogue, if the URL does not tell.
    pub provider: Option<Located<String>>,
    /// What its tokens cost, where the catalogue does not know or you pay another price.
    pub price: Option<Located<RawPrice>>,
    /// Tokens of prompt and answer that it holds. Default: what the catalogue says.
    pub context_window: Option<Located<u64>>,
    /// The most tokens it answers with; bounds the cost of a request that sets no limit.
    pub max_output: Option<Located<u64>>,
    /// Whether it looks at images. Default true.
    pub images: Option<bool>,
    /// Whether it listens to sound. Default false.
    pub audio: Option<bool>,
    /// Whether it calls tools. Default true.
    pub tools: Option<bool>,
    /// Whether it answers to a JSON schema. Default true.
    pub json_schema: Option<bool>,
    /// How long it is waited for.
    pub timeouts: RawTimeouts,
    /// How often it is asked again after a failure that may pass.
    pub retries: RawRetries,
    /// Which HTTP it is spoken to in. Default `1`: one slow answer then delays no other.
    pub http: Option<HttpWord>,
    /// A PEM file with the only authorities trusted for it. Default: those of the platform.
    pub ca_file: Option<Located<String>>,
    /// How long an unused connection is kept; must be below the server's own keep-alive. Default `4s` for a private
    /// address (local model servers close after 5 s), `30s` otherwise.
    pub pool_idle: Option<Located<DurationText>>,
    /// Whether a stream is asked to report usage. Default true; turn it off for a server that rejects `stream_options`.
    pub ask_usage: Option<bool>,
    /// Headers sent with every request to it. No credentials: those belong in `api_key`.
    pub headers: Named<String>,
}

/// USD for a million tokens, as providers print it.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawPrice {
    /// Prompt tokens.
    pub input: Option<Located<f64>>,
    /// Answer tokens, reasoning included.
    pub output: Option<Located<f64>>,
    /// Prompt tokens read from the provider's cache. Default: the price of input.
    pub cache_read: Option<Located<f64>>,
    /// Prompt tokens written to the provider's cache. Default: the price of input.
    pub cache_write: Option<Located<f64>>,
}

/// How long an endpoint is waited for.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawTimeouts {
    /// For a connection, TLS included. Default `5s`.
    pub connect: Option<Located<DurationText>>,
    /// For the first byte of content. Default `120s`.
    pub first_byte: Option<Located<DurationText>>,
    /// Between two pieces of the answer. Default `60s`.
    pub idle: Option<Located<DurationText>>,
    /// For one whole attempt. Default `600s`.
    pub total: Option<Located<DurationText>>,
}

/// How often an endpoint is asked again before the next candidate's turn.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawRetries {
    /// Further tries at the same endpoint. Default 1.
    pub max: Option<Located<u32>>,
    /// The pause before the first of them; it doubles. Default `250ms`.
    pub base: Option<Located<DurationText>>,
    /// The longest pause. Default `8s`.
    pub cap: Option<Located<DurationText>>,
}

/// Where a secret is found. It never stands in this file.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawSecret {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it, relative to this one.
    pub file: Option<String>,
}

/// A named, ordered group of endpoints.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawTier {
    /// Names of endpoints in order of preference, or `{ name = "…", weight = 3 }`.
    pub endpoints: Vec<Located<RawMember>>,
    /// Which is tried first. Default `first`.
    pub balance: Option<BalanceWord>,
    /// The tier that takes over what this one cannot answer.
    pub escalate: Option<Located<String>>,
}

/// An endpoint as part of a tier.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(untagged)]
pub enum RawMember {
    /// Its name; its weight is 1.
    Name(String),
    /// Its name and its weight under `balance = "weighted"`.
    Weighted(RawWeighted),
}

/// An endpoint and its weight.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawWeighted {
    /// The endpoint.
    pub name: String,
    /// Its share. Default 1.
    pub weight: Option<u32>,
}

/// Which requests the rules decide on.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawRouting {
    /// A request for one of these models is routed by the rules; `gpt-*` means all that begin so. Default `["auto"]`.
    pub models: Option<Vec<Located<String>>>,
    /// The tier whose first endpoint tells what a request would have cost without routing.
    pub baseline: Option<Located<String>>,
}

/// Who may ask.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawKey {
    /// The SHA-256 of the key, 64 hexadecimal digits. `weighbridge keys new` makes a key and prints it.
    pub sha256: Option<Located<String>>,
    /// The person.
    pub engineer: Option<Located<String>>,
    /// The person's team.
    pub team: Option<Located<String>>,
    /// What the work is for, unless a header says otherwise.
    pub feature: Option<Located<String>>,
    /// The tiers it may use. Default: all.
    pub tiers: Option<Vec<Located<String>>>,
    /// Whether it may wish for a tier with `x-weighbridge-tier`, or name a tier or an endpoint as the model. Default
    /// true.
    pub may_choose: Option<bool>,
    /// Requests a minute. Default: no limit.
    pub requests_per_minute: Option<Located<u32>>,
    /// From this date on it is refused.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub expires: Option<Located<Datetime>>,
}

/// The durable record of each request.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawLedger {
    /// The SQLite file, relative to this one. Default `ledger/weighbridge.db`.
    pub path: Option<Located<String>>,
    /// `full`: an entry survives the loss of power; `normal`: it survives the end of the process. Default `normal`.
    pub synchronous: Option<SynchronousWord>,
    /// How long entries are gathered for one commit; every answer waits for it. Default `0ms`: what is there is written.
    pub commit_interval: Option<Located<DurationText>>,
    /// Entries that may wait to be written before new requests are refused. Default 10000.
    pub max_queue: Option<Located<u32>>,
    /// The longest time an answer's last bytes are held back for its entry. Default `5s`.
    pub max_hold: Option<Located<DurationText>>,
    /// What happens to requests while the ledger cannot be written. Default `refuse`.
    pub on_failure: Option<OnFailureWord>,
}

/// What is told on standard error.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawLog {
    /// `auto`: human on a terminal, JSON otherwise. Default `auto`.
    pub format: Option<LogFormatWord>,
    /// What is told: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,weighbridge::forward=debug`.
    pub level: Option<Located<String>>,
}

/// When these facts hold, route there.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawRule {
    /// Its name, told in a response header, in metrics and in the ledger.
    pub name: Option<Located<String>>,
    /// What must hold, all of it. The last rule has none.
    pub when: Option<Located<RawWhen>>,
    /// The tier or the endpoint that requests go to.
    pub route: Option<Located<String>>,
    /// Shares of the requests by tier or endpoint, such as `{ cheap = 90, large = 10 }`.
    pub split: Option<Located<BTreeMap<Located<String>, u32>>>,
    /// Refuse the request, with this message.
    pub deny: Option<Located<String>>,
    /// `human`: a human is to look at the answer before it is used; told in a header and in the ledger.
    pub review: Option<ReviewWord>,
    /// The reason for the rule; shown wherever a decision is explained.
    pub why: Option<Located<String>>,
    /// Who answers for it.
    pub owner: Option<Located<String>>,
    /// When it should be looked at again; `check` warns from then on.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub review_by: Option<Located<Datetime>>,
    /// From this date on its `fallback` counts.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub expires: Option<Located<Datetime>>,
    /// What counts once it has expired: a tier, or `skip` to act as if the rule were not there.
    pub fallback: Option<Located<String>>,
}

/// What must hold, all of it.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawWhen {
    /// Risk tags: one, a list of which one must be there, or `any`, `all` and `none`.
    pub tags: Option<Located<RawWords<Tag>>>,
    /// Risk level: `"low"`, `">= medium"`, or a list.
    pub risk: Option<Located<RiskTest>>,
    /// Prompt tokens: `"< 8000"`, `">= 1000, < 8000"`, or a number.
    pub tokens: Option<Located<Amount>>,
    /// Prompt tokens and the output asked for, compared likewise.
    pub context: Option<Located<Amount>>,
    /// The kind of work: one or a list.
    pub kind: Option<Located<OneOrMany<Kind>>>,
    /// Content flags: one, a list of which one must be there, or `any`, `all` and `none`.
    pub content: Option<Located<RawWords<Content>>>,
    /// Tools: `true` if any are defined, `false` if none, or how many.
    pub tools: Option<Located<Amount>>,
    /// Images: `true` if there are any, `false` if none, or how many.
    pub images: Option<Located<Amount>>,
    /// The form in which the answer is asked for: one or a list.
    pub output: Option<Located<OneOrMany<OutputWord>>>,
    /// Whether the answer is to fit a JSON schema.
    pub json_schema: Option<Located<bool>>,
    /// Whether the answer is asked for as a stream.
    pub stream: Option<Located<bool>>,
    /// Who spoke last.
    pub turn: Option<Located<TurnWord>>,
    /// Whether the model has spoken before.
    pub conversation: Option<Located<ConversationWord>>,
    /// The model that the client named: a name or a list; `gpt-*` means all that begin so.
    pub requested_model: Option<Located<OneOrMany<String>>>,
    /// The wire format that the client speaks: one or a list.
    pub dialect: Option<Located<OneOrMany<DialectWord>>>,
    /// The person: a name or a list, `*` at the beginning or the end stands for the rest.
    pub engineer: Option<Located<OneOrMany<String>>>,
    /// The person's team, compared likewise.
    pub team: Option<Located<OneOrMany<String>>>,
    /// What the work is for, compared likewise.
    pub feature: Option<Located<OneOrMany<String>>>,
    /// The tool that sent the request (`claude-code`, `openai-python` …), compared likewise.
    pub app: Option<Located<OneOrMany<String>>>,
    /// The name of the caller's key, compared likewise.
    pub key: Option<Located<OneOrMany<String>>>,
    /// Request headers by name: `true` if it is there, `false` if not, or what it must be.
    pub header: BTreeMap<Located<String>, Located<HeaderTest>>,
    /// Hours of the day and days of the week.
    pub time: Option<Located<RawTime>>,
    /// One of these must hold.
    pub any: Option<Located<Vec<RawWhen>>>,
    /// Each of these must hold.
    pub all: Option<Located<Vec<RawWhen>>>,
    /// This must not hold.
    pub not: Option<Located<Box<RawWhen>>>,
}

/// One word or several.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
#[schemars(rename = "OneOrMany_{T}")]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// One of these.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        match self {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }
}

/// Words that must or must not be there.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
#[schemars(rename = "RawWords_{T}")]
pub enum RawWords<T> {
    /// This word.
    One(T),
    /// At least one of these.
    Any(Vec<T>),
    /// Quantities.
    Sets(RawSets<T>),
}

/// Words that must or must not be there.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RawSets_{T}")]
pub struct RawSets<T> {
    /// At least one of these.
    pub any: Option<Vec<T>>,
    /// Each of these.
    pub all: Option<Vec<T>>,
    /// None of these.
    pub none: Option<Vec<T>>,
}

/// A risk level, a comparison with one, or a list of levels.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
pub enum RiskTest {
    /// A comparison.
    Compared(RiskText),
    /// One of these.
    Levels(Vec<Risk>),
}

/// How many: a comparison, a number, or whether there are any.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
pub enum Amount {
    /// Whether there are any.
    Any(bool),
    /// Exactly so many.
    Exactly(u64),
    /// Comparisons, all of which must hold.
    Compared(AmountText),
}

/// What a header must be.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(untagged)]
pub enum HeaderTest {
    /// Whether it is there.
    Present(bool),
    /// What it is.
    Is(OneOrMany<String>),
}

/// Hours of the day and days of the week.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawTime {
    /// The days. Default: every day.
    pub days: Option<Vec<DayWord>>,
    /// The first minute, such as `09:00`. Default `00:00`.
    pub from: Option<Located<ClockText>>,
    /// The minute at which it is over, such as `18:00`; if it is not after `from`, on the next day. Default `24:00`.
    pub to: Option<Located<ClockText>>,
    /// The time zone, such as `Europe/Berlin`. Default `UTC`.
    pub zone: Option<Located<String>>,
}

/// A request, and what the rules must do with it.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawTest {
    /// What the human asks.
    pub prompt: Option<Located<String>>,
    /// The conversation instead, as the API takes it.
    pub messages: Option<Located<Vec<RawObject>>>,
    /// Further fields of the request, such as `{ stream = true, max_tokens = 100 }`.
    pub body: RawObject,
    /// When it is asked. Default: now.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub at: Option<Located<Datetime>>,
    /// Who asks.
    #[serde(rename = "as")]
    pub caller: RawCaller,
    /// What must come of it.
    pub expect: Option<Located<RawExpectation>>,
}

/// An object of a request's body, passed on as it stands.
pub type RawObject = serde_json::Map<String, serde_json::Value>;

/// Who asks in a test.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawCaller {
    /// The name of a key; what it fixes holds for the test.
    pub key: Option<Located<String>>,
    /// The person.
    pub engineer: Option<Located<String>>,
    /// The team.
    pub team: Option<Located<String>>,
    /// What the work is for.
    pub feature: Option<Located<String>>,
    /// The tool's `user-agent`.
    pub user_agent: Option<String>,
    /// The tier wished for.
    pub tier: Option<String>,
    /// Request headers.
    pub headers: BTreeMap<String, String>,
}

/// What must come of a test's request. What is left out may be anything.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawExpectation {
    /// The rule that decides.
    pub rule: Option<Located<String>>,
    /// The tier that is chosen.
    pub tier: Option<Located<String>>,
    /// The endpoint that is tried first.
    pub endpoint: Option<Located<String>>,
    /// Risk tags that must be found; others may be too.
    pub tags: Option<Vec<Tag>>,
    /// The risk level.
    pub risk: Option<Risk>,
    /// The kind of work.
    pub kind: Option<Kind>,
    /// Content flags that must be found; others may be too.
    pub content: Option<Vec<Content>>,
    /// Whether a rule refuses it.
    pub denied: Option<bool>,
    /// Whether a human is to look at the answer.
    pub human_review: Option<bool>,
}

/// Text that is read further, with the form that an editor is told.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { $($key:literal: $value:literal),* })*) => { $(
        $(#[$doc])*
        #[derive(Deserialize, JsonSchema, Clone, Debug)]
        #[serde(transparent)]
        #[schemars($(extend($key = $value)),*)]
        pub struct $name(pub String);
    )* };
}

texts! {
    /// A length of time, such as `250ms`, `30s`, `5m` or `2h`.
    DurationText { "pattern": "^[0-9]+(ms|s|m|h)$" }
    /// A size, such as `512KiB` or `32MiB`.
    SizeText { "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" }
    /// A risk level, or a comparison with one, such as `>= medium`.
    RiskText { "pattern": "^(>=|<=|>|<|=)? *(low|medium|high)$" }
    /// Comparisons with commas between them, such as `>= 1000, < 8000`.
    AmountText { "pattern": "^ *(>=|<=|>|<|=)? *[0-9][0-9_]*( *, *(>=|<=|>|<|=)? *[0-9][0-9_]*)* *$" }
    /// A time of day, such as `09:30`.
    ClockText { "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$" }
}

/// A closed list of words.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $text:literal),+ })*) => { $(
        $(#[$doc])*
        #[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $text)] $variant),+ }
    )* };
}

choices! {
    /// A wire format.
    DialectWord {
        /// OpenAI's Chat Completions.
        OpenaiChat = "openai-chat"
    }
    /// A version of HTTP.
    HttpWord {
        /// HTTP/1.1: one request at a time on each connection.
        One = "1",
        /// HTTP/2: many at once on one connection.
        Two = "2"
    }
    /// Which of a tier's endpoints is tried first.
    BalanceWord {
        /// The first that fits.
        First = "first",
        /// Each in its turn.
        RoundRobin = "round-robin",
        /// By chance, in proportion to the weights.
        Weighted = "weighted",
        /// The one that lately answered soonest.
        LeastLatency = "least-latency",
        /// The one on which the request likely costs least.
        LeastCost = "least-cost"
    }
    /// What an entry survives.
    SynchronousWord {
        /// The end of the process.
        Normal = "normal",
        /// The loss of power.
        Full = "full"
    }
    /// What happens while the ledger cannot be written.
    OnFailureWord {
        /// Requests are refused: nothing is served that is not on the record.
        Refuse = "refuse",
        /// Requests are served, and the loss is counted and told.
        Serve = "serve"
    }
    /// The form of log lines.
    LogFormatWord {
        /// Human on a terminal, JSON otherwise.
        Auto = "auto",
        /// For people.
        Human = "human",
        /// For machines.
        Json = "json"
    }
    /// Who looks at an answer.
    ReviewWord {
        /// A human, before it is used.
        Human = "human"
    }
    /// The form of an answer.
    OutputWord {
        /// As the model likes.
        Text = "text",
        /// Any JSON object.
        JsonObject = "json_object",
        /// JSON that fits a schema.
        JsonSchema = "json_schema"
    }
    /// Who spoke last.
    TurnWord {
        /// A human.
        Human = "human",
        /// A tool: the agent is in its loop.
        Tool = "tool"
    }
    /// Whether the model has spoken before.
    ConversationWord {
        /// It has not.
        New = "new",
        /// It has.
        Ongoing = "ongoing"
    }
    /// A day of the week.
    DayWord {
        /// Monday.
        Mon = "mon",
        /// Tuesday.
        Tue = "tue",
        /// Wednesday.
        Wed = "wed",
        /// Thursday.
        Thu = "thu",
        /// Friday.
        Fri = "fri",
        /// Saturday.
        Sat = "sat",
        /// Sunday.
        Sun = "sun"
    }
}
