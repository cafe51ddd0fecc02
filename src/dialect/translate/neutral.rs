//! The form in the middle of every translation: what all dialects can say, in the words of none.

use serde_json::{Map, Value};

use crate::domain::Usage;

/// A request.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Request {
    /// The conversation, instructions included, in its order.
    pub messages: Vec<Message>,
    /// The tools that the client runs.
    pub tools: Vec<Tool>,
    /// Whether and which tool is to be called.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once; `None`: the provider's default.
    pub parallel_tools: Option<bool>,
    /// The most tokens of the answer.
    pub max_output: Option<u64>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// Numbers that steer sampling, by their names in Chat Completions: `temperature`, `top_p`, `top_k`, `seed`,
    /// `frequency_penalty`, `presence_penalty`.
    pub sampling: Map<String, Value>,
    /// The form of the answer.
    pub format: Format,
    /// How many words: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// How much to think.
    pub reasoning: Option<Reasoning>,
    /// `logprobs` and `top_logprobs` as in Chat Completions; `None`: not asked for.
    pub logprobs: Option<u64>,
    /// How many answers, at least 1.
    pub answers: u64,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// The tier of service asked for, in OpenAI's words. It is a matter of price and pace: where there is none of that
    /// name, it is left out and told.
    pub service_tier: Option<String>,
}

/// Who speaks. What tools returned stands in user messages, as [`Part::ToolResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// The human.
    User,
    /// The model.
    Assistant,
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; never empty.
    pub parts: Vec<Part>,
}

/// Where bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Here.
    Base64 {
        /// Such as `image/png`.
        media_type: String,
        /// In base64.
        data: String,
    },
    /// Behind a URL.
    Url(String),
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture.
    Image {
        /// Where it is.
        source: Source,
        /// How closely to look: `low`, `high`, `auto`.
        detail: Option<String>,
    },
    /// A document, such as a PDF.
    File {
        /// Where it is.
        source: Source,
        /// What it is called.
        name: Option<String>,
    },
    /// Sound.
    Audio {
        /// `wav`, `mp3`.
        format: String,
        /// In base64.
        data: String,
    },
    /// A call of a tool, by the model.
    ToolCall(ToolCall),
    /// What a tool returned, in a user's message.
    ToolResult {
        /// The call's id.
        id: String,
        /// What came: texts, pictures, files.
        parts: Vec<Part>,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// What the model thought, in plain text. Signed or encrypted reasoning is not carried from one dialect to another.
    Reasoning(String),
    /// The model's refusal.
    Refusal(String),
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ToolCall {
    /// Its id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON, as text; of a freeform tool [`freeform_arguments`].
    pub arguments: String,
}

/// A tool that the client runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The JSON schema of its arguments, an object.
    pub parameters: Value,
    /// Whether arguments must fit the schema; `None`: the provider's default.
    pub strict: Option<bool>,
}

/// Whether and which tool is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The form of the answer.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Format {
    /// As the model likes.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// Its name; some dialects want one.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether the answer must fit; `None`: the provider's default.
        strict: Option<bool>,
    },
}

/// How much to think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// As much as the model likes.
    Adaptive,
    /// So much: `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    Effort(String),
    /// At most so many tokens.
    Budget(u64),
}

/// The one argument of the function that stands for a freeform tool.
pub const FREEFORM_ARGUMENT: &str = "input";

/// The arguments of the function that stands for a freeform tool, with this text.
pub fn freeform_arguments(text: &str) -> String {
    serde_json::json!({ FREEFORM_ARGUMENT: text }).to_string()
}

/// The text in the arguments of a function that stands for a freeform tool; the arguments themselves, should a model have
/// written something else.
pub fn freeform_text(arguments: &str) -> String {
    let read: Option<Value> = serde_json::from_str(arguments).ok();
    let text = read.as_ref().and_then(|read| read.get(FREEFORM_ARGUMENT)).and_then(Value::as_str);
    text.unwrap_or(arguments).to_owned()
}

/// The schema of the function that stands for a freeform tool.
pub fn freeform_schema() -> Value {
    serde_json::json!({
        "type": "object",
        "properties": { FREEFORM_ARGUMENT: { "type": "string", "description": "The tool's whole input, as plain text." } },
        "required": [FREEFORM_ARGUMENT],
        "additionalProperties": false,
    })
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Stop {
    /// The model was done.
    #[default]
    End,
    /// It is as long as it may be.
    Length,
    /// The model waits for tools.
    ToolUse,
    /// A text at which it was to end came; which, where the provider says.
    Sequence(Option<String>),
    /// The model refused, or a filter of the provider's ended it.
    Refusal,
    /// The provider paused a long turn; it is to be asked to go on.
    Pause,
    /// The context window is full.
    ContextFull,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Reply {
    /// The provider's id for it.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// What it says: texts, reasoning, calls of tools, refusals.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// What it used.
    pub usage: Option<Usage>,
    /// The tier of service that the provider names.
    pub service_tier: Option<String>,
}

/// A piece of a streamed answer. Calls of tools are told apart by `call`, a number from 0 on in the order in which they
/// begin; one is open from its start to the next start of anything else.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// The answer begins.
    Start {
        /// The provider's id for it.
        id: Option<String>,
        /// The model that answers.
        model: Option<String>,
    },
    /// Text goes on.
    Text(String),
    /// Reasoning goes on, in plain text.
    Reasoning(String),
    /// A refusal goes on.
    Refusal(String),
    /// A call of a tool begins.
    CallStart {
        /// Which.
        call: usize,
        /// Its id.
        id: String,
        /// The tool.
        name: String,
    },
    /// A call's arguments go on.
    Arguments {
        /// Which.
        call: usize,
        /// The next piece of the JSON text.
        piece: String,
    },
    /// What was used so far; replaces what was told before.
    Usage(Usage),
    /// The tier of service.
    ServiceTier(String),
    /// The model is done.
    Stop(Stop),
    /// The provider failed in the middle.
    Error {
        /// Its word for it, where it has one.
        kind: Option<String>,
        /// Its words.
        message: String,
    },
    /// The provider is alive.
    Ping,
}
