//! What was asked of a model and what it said, as far as a verification looks at it: the same for every wire format.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;

use super::OutputFormat;

/// Why an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Finish {
    /// It has not, or does not say: it is still being made.
    #[default]
    Open,
    /// The model was done, or waits for tools.
    Done,
    /// A text at which it was to end came.
    Sequence,
    /// It is as long as it may be, or the context window is full.
    Length,
    /// The model refused, or a filter of the provider's ended it.
    Refused,
    /// The provider paused a long turn; it is to be asked to go on.
    Paused,
}

/// A call of a tool, as the model wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Called {
    /// The tool.
    pub name: String,
    /// Its arguments: JSON as text, if the model did as it should.
    pub arguments: String,
}

/// A whole answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Its words.
    pub text: String,
    /// What it says where dialects have a place for refusals.
    pub refusal: String,
    /// The calls of tools, in order.
    pub calls: Vec<Called>,
    /// Whether the last thing in it is a call.
    pub ends_in_call: bool,
    /// Whether there is anything else that a caller would miss: sound, a picture, what a tool of the provider's did.
    pub has_more: bool,
    /// Why it ended.
    pub finish: Finish,
}

/// A piece of a streamed answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Saying {
    /// Its words go on.
    Text(String),
    /// The model thinks, where a caller may see it.
    Thought,
    /// A refusal goes on.
    Refusal(String),
    /// A call begins; calls are numbered from 0 on in the order in which they begin.
    Call(String),
    /// A call's arguments go on.
    Arguments {
        /// Which.
        call: usize,
        /// The next piece.
        piece: String,
    },
    /// Something else that a caller would miss.
    More,
    /// It ended.
    Finish(Finish),
}

/// A tool that the request defines.
#[derive(Clone, PartialEq, Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The JSON schema of its arguments, if it has one.
    pub parameters: Option<Value>,
    /// Whether its argument is a plain text.
    pub is_freeform: bool,
}

/// The tools that the request defines.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tools {
    /// Those that it names.
    pub named: Vec<Tool>,
    /// Whether there may be others: those of a server, those that a search finds.
    pub is_open: bool,
}

/// Reads the definitions of tools as they stand in a request.
pub type ReadTools = fn(&[u8]) -> Tools;

/// Reads the schema of an answer out of the format that a request asks for.
pub type ReadSchema = fn(&[u8]) -> Option<Value>;

/// What a request asks of its answer. What seldom matters is read when it does.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The form of the answer.
    pub output: OutputFormat,
    /// The most tokens that the client allows.
    pub max_output: Option<u64>,
    /// Whether a tool spoke last, after which a model may have nothing to add.
    pub follows_tool: bool,
    format: (Bytes, ReadSchema),
    definitions: (Bytes, ReadTools),
    tools: Arc<OnceLock<Tools>>,
}

impl Demand {
    /// What is asked; `format` and `definitions` as they stand in the body.
    pub fn new(output: OutputFormat, format: (Bytes, ReadSchema), definitions: (Bytes, ReadTools)) -> Self {
        Self { output, max_output: None, follows_tool: false, format, definitions, tools: Arc::default() }
    }

    /// The schema that the answer is to fit; `None` if there is none that can be read.
    pub fn schema(&self) -> Option<Value> {
        (self.format.1)(&self.format.0)
    }

    /// The tools.
    pub fn tools(&self) -> &Tools {
        self.tools.get_or_init(|| (self.definitions.1)(&self.definitions.0))
    }
}

/// What an answer must pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Check {
    /// JSON was asked for, and the answer is JSON.
    Json,
    /// The answer fits the schema that was asked for.
    Schema,
    /// Calls are of tools that there are, with arguments that they take.
    Tools,
    /// No call broke off because the answer was too long.
    Truncated,
    /// There is an answer.
    Empty,
    /// The model did not refuse.
    Refusal,
    /// The rule's own patterns.
    Pattern,
}

impl Check {
    /// Every one.
    pub const ALL: [Check; 7] =
        [Check::Json, Check::Schema, Check::Tools, Check::Truncated, Check::Empty, Check::Refusal, Check::Pattern];

    /// The word in the configuration, the ledger, headers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::Json => "json",
            Check::Schema => "schema",
            Check::Tools => "tools",
            Check::Truncated => "truncated",
            Check::Empty => "empty",
            Check::Refusal => "refusal",
            Check::Pattern => "pattern",
        }
    }
}

/// What a verification found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Passed,
    /// The answer failed this check, and nothing of it had gone to the caller.
    Failed(Check),
    /// The answer failed this check when part of it had gone to the caller.
    Late(Check),
}

impl Verdict {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Late(_) => "late",
        }
    }

    /// What it failed.
    pub fn check(self) -> Option<Check> {
        match self {
            Verdict::Passed => None,
            Verdict::Failed(check) | Verdict::Late(check) => Some(check),
        }
    }
}
