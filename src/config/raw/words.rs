//! Values that are text: those that are read further, and closed lists of words.

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// A length of time, such as `250ms`, `30s`, `5m`, `2h` or `14d`.
    DurationText { "pattern": "^[0-9]+(ms|s|m|h|d)$" }
    /// A size, such as `512KiB` or `32MiB`.
    SizeText { "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" }
    /// A risk level, or a comparison with one, such as `>= medium`.
    RiskText { "pattern": "^(>=|<=|>|<|=)? *(low|medium|high)$" }
    /// Comparisons with commas between them, such as `>= 1000, < 8000`.
    AmountText { "pattern": "^ *(>=|<=|>|<|=)? *[0-9][0-9_]*( *, *(>=|<=|>|<|=)? *[0-9][0-9_]*)* *$" }
    /// Comparisons with a share from 0 to 1, such as `< 0.4` or `>= 0.2, < 0.6`, or `known` or `unknown`.
    DifficultyText { "pattern": "^(known|unknown)$|^ *(>=|<=|>|<) *[01]([.][0-9]{1,4})?( *, *(>=|<=|>|<) *[01]([.][0-9]{1,4})?)* *$" }
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
pub(super) use choices;

choices! {
    /// A wire format.
    DialectWord {
        /// OpenAI's Chat Completions, and what else OpenAI and compatible servers serve in its manner.
        OpenaiChat = "openai-chat",
        /// OpenAI's Responses.
        OpenaiResponses = "openai-responses",
        /// Anthropic's Messages.
        AnthropicMessages = "anthropic-messages",
        /// Google's generateContent.
        Gemini = "gemini",
        /// Amazon Bedrock's Converse.
        BedrockConverse = "bedrock-converse"
    }
    /// What callers ask for.
    DoorWord {
        /// The next turn of a conversation, in whatever dialect the caller speaks.
        Chat = "chat",
        /// A text's continuation: `/v1/completions`.
        Completions = "completions",
        /// Texts as vectors.
        Embeddings = "embeddings",
        /// Documents in the order in which they fit a query.
        Rerank = "rerank",
        /// Whether a text may be shown.
        Moderations = "moderations",
        /// Pictures.
        Images = "images",
        /// Speech to text and back.
        Audio = "audio",
        /// Files at the provider.
        Files = "files",
        /// Batches of requests at the provider.
        Batches = "batches"
    }
    /// How an endpoint is shown its credential.
    AuthWord {
        /// `authorization: Bearer …`.
        Bearer = "bearer",
        /// `api-key: …`, as Azure wants it.
        ApiKey = "api-key",
        /// `x-api-key: …`, as Anthropic wants it.
        XApiKey = "x-api-key",
        /// `x-goog-api-key: …`, as Google wants it.
        XGoogApiKey = "x-goog-api-key",
        /// The caller's own credential goes on, of callers whose key for this proxy is in `x-weighbridge-key`.
        Caller = "caller"
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
