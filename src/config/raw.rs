//! `routes.toml` as it is written: every key there is, with what it means. The JSON Schema for editors is made from
//! these types, and `shape` holds a file against that schema, so a key is described in one place only.
//!
//! Nothing is required here: `check` misses what is missing, and says so together with everything else.

mod assess;
mod books;
mod conversations;
mod money;
mod people;
mod rules;
mod verify;
mod words;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

use super::located::Located;

pub use assess::{RawAssess, RawTag, TagText};
pub use books::{
    RawAlerts, RawBranchOf, RawCostPerOutcome, RawEscalations, RawFeedback, RawOutcomes, RawShared, RawUrl, StanceWord,
};
pub use conversations::RawConversations;
pub use money::{ExceededWord, RawBudget, RawLimit, RawOverride, RawPriceOverride, RawPrices, RawScope, WindowWord};
pub use people::{RawAdmin, RawClaims, RawIssuer, RoleWord};
pub use rules::{
    Amount, HeaderTest, OneOrMany, RawCaller, RawExpectation, RawExperiment, RawGuard, RawRule, RawTest, RawTime,
    RawWhen, RawWords, RiskTest, Share,
};
pub use verify::{CheckWord, RawBounds, RawRuleVerify, RawVerify, RawVerifyTable};
use words::choices;
pub use words::{
    AuthWord, BalanceWord, ClockText, ConversationWord, DayWord, DialectWord, DoorWord, DurationText, HttpWord,
    LogFormatWord, MetricWord, OnFailureWord, OutputWord, ReviewWord, SizeText, SynchronousWord, TurnWord,
};

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
    /// What answers of a tier that escalates must be.
    pub verify: RawVerify,
    /// Who may ask. With no keys, everybody on this machine may (the listener must then be on loopback).
    pub keys: Named<RawKey>,
    /// Who signs tokens that callers may show instead of a key, by name.
    pub issuers: Named<RawIssuer>,
    /// Who may see and change what the admin port has.
    pub admin: RawAdmin,
    /// How often, how much and how many at once.
    pub limits: Vec<Located<RawLimit>>,
    /// How much may be spent, by whom, in which time.
    pub budgets: Vec<Located<RawBudget>>,
    /// Where prices come from, beside those of the endpoints.
    pub prices: RawPrices,
    /// Where the durable record of each request is kept.
    pub ledger: RawLedger,
    /// How conversations keep their place.
    pub conversations: RawConversations,
    /// What several replicas share.
    pub shared: RawShared,
    /// Where it is told what shipped.
    pub outcomes: RawOutcomes,
    /// What callers say of answers.
    pub feedback: RawFeedback,
    /// Who is told when something is wrong with the money.
    pub alerts: RawAlerts,
    /// How prompts are judged: how careful, and by which words of your own.
    pub assess: RawAssess,
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
    /// Where operators look: metrics, API, web page. Off loopback it needs `[admin.tokens]`. Default `127.0.0.1:8788`.
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
    /// The largest body that is passed on as it comes: a file, a form. Default `512MiB`.
    pub max_upload: Option<Located<SizeText>>,
    /// How long an upstream may be silent in a stream before the caller is sent a sign of life. Default `12s`.
    pub ping_interval: Option<Located<DurationText>>,
    /// For how long what was reserved for an answer made in the background waits for its usage. Default `1h`.
    pub background_hold: Option<Located<DurationText>>,
    /// Origins whose pages may ask from a browser, such as `https://chat.example.com`. Default: none.
    pub cors: Vec<Located<String>>,
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
    /// What callers may ask of it. Default: conversations (`chat`), in whatever dialect they speak.
    pub serves: Option<Vec<Located<DoorWord>>>,
    /// Its credential: `{ env = "NAME" }` or `{ file = "path" }`. Left out: it wants none.
    pub api_key: Option<Located<RawSecret>>,
    /// How the credential is shown. Default: as the dialect's provider wants it, `api-key` at Azure.
    pub auth: Option<AuthWord>,
    /// AWS credentials with which requests are signed, for `bedrock-converse` without an `api_key`.
    pub aws: Option<Located<RawAws>>,
    /// Azure's `api-version`: requests then go to the deployment that `model` names. Not needed for Azure's `/openai/v1`.
    pub api_version: Option<Located<String>>,
    /// What may be left out of requests where callers speak another dialect in which it can be said, such as
    /// `tools.web_search`. Without it such a request is refused.
    pub omit: Vec<String>,
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

/// AWS credentials.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawAws {
    /// The region that the endpoint is in, such as `eu-central-1`. Default: what the URL says.
    pub region: Option<Located<String>>,
    /// The id of the access key. Default `{ env = "AWS_ACCESS_KEY_ID" }`.
    pub access_key_id: Option<Located<RawSecret>>,
    /// The secret of the access key. Default `{ env = "AWS_SECRET_ACCESS_KEY" }`.
    pub secret_access_key: Option<Located<RawSecret>>,
    /// The token that goes with temporary credentials. Default: none.
    pub session_token: Option<Located<RawSecret>>,
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
    /// Why it is not the catalogue's: the contract, what the hardware costs.
    pub reason: Option<Located<String>>,
    /// Whose decision it is.
    pub owner: Option<Located<String>>,
    /// From this date on the catalogue's price counts again; without one there, the endpoint is unpriced.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub valid_until: Option<Located<Datetime>>,
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
    /// The names it may ask for as the model, `auto` included; `gpt-*` means all that begin so. Default: all.
    pub models: Option<Vec<Located<String>>>,
    /// What it may ask for: `chat`, `embeddings` … Default: everything.
    pub doors: Option<Vec<Located<DoorWord>>>,
    /// Requests a minute. Default: no limit.
    pub requests_per_minute: Option<Located<u32>>,
    /// Tokens a minute, of prompts and answers. Default: no limit.
    pub tokens_per_minute: Option<Located<u32>>,
    /// Requests at once. Default: no limit.
    pub concurrent: Option<Located<u32>>,
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
    /// A PostgreSQL database that entries are shipped to, such as `postgres://user@host/name`, or
    /// `{ env = "NAME" }` where it holds a password. Default: none, the SQLite file is the ledger.
    pub url: Option<Located<RawUrl>>,
    /// How often what was written is shipped. Default `250ms`.
    pub ship_interval: Option<Located<DurationText>>,
    /// How much may wait on disk while the database is gone, before `on_failure` counts. Default `2GiB`.
    pub max_spool: Option<Located<SizeText>>,
    /// How long entries are kept; hourly sums are kept for ever. Default: for ever.
    pub retention: Option<Located<DurationText>>,
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
