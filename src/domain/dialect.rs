//! Wire formats, and what is asked for in them.

use serde::{Deserialize, Serialize};

/// A wire format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Dialect {
    /// OpenAI's Chat Completions, and what else OpenAI and those who are compatible serve in its manner.
    #[serde(rename = "openai-chat")]
    OpenaiChat,
    /// OpenAI's Responses.
    #[serde(rename = "openai-responses")]
    OpenaiResponses,
    /// Anthropic's Messages.
    #[serde(rename = "anthropic-messages")]
    AnthropicMessages,
    /// Google's generateContent.
    #[serde(rename = "gemini")]
    Gemini,
    /// Amazon Bedrock's Converse.
    #[serde(rename = "bedrock-converse")]
    BedrockConverse,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Dialect] = &[
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::AnthropicMessages,
        Dialect::Gemini,
        Dialect::BedrockConverse,
    ];

    /// The dialect's name in configuration, ledger and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::OpenaiChat => "openai-chat",
            Dialect::OpenaiResponses => "openai-responses",
            Dialect::AnthropicMessages => "anthropic-messages",
            Dialect::Gemini => "gemini",
            Dialect::BedrockConverse => "bedrock-converse",
        }
    }

    /// Whether it is one of OpenAI's.
    pub fn is_openai(self) -> bool {
        matches!(self, Dialect::OpenaiChat | Dialect::OpenaiResponses)
    }

    /// Whether providers of it keep a prompt only where they are asked to, at a price; the others do so by themselves.
    pub fn keeps_when_asked(self) -> bool {
        matches!(self, Dialect::AnthropicMessages | Dialect::BedrockConverse)
    }
}

/// What is asked for: each door leads to one kind of answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The next turn of a conversation, in Chat Completions.
    Chat,
    /// The next turn of a conversation, in Responses.
    Responses,
    /// A Responses conversation made shorter.
    Compact,
    /// How many tokens a Responses request has.
    InputTokens,
    /// The next turn of a conversation, in Messages.
    Messages,
    /// How many tokens a Messages request has.
    CountTokens,
    /// A text's continuation, in the manner from before Chat Completions.
    Completions,
    /// Texts as vectors.
    Embeddings,
    /// Documents in the order in which they fit a query.
    Rerank,
    /// Whether a text may be shown.
    Moderations,
    /// Pictures.
    Images,
    /// Speech to text and back.
    Audio,
    /// Files at the provider.
    Files,
    /// Batches of requests at the provider.
    Batches,
}

impl Door {
    /// Every door.
    pub const ALL: &'static [Door] = &[
        Door::Chat,
        Door::Responses,
        Door::Compact,
        Door::InputTokens,
        Door::Messages,
        Door::CountTokens,
        Door::Completions,
        Door::Embeddings,
        Door::Rerank,
        Door::Moderations,
        Door::Images,
        Door::Audio,
        Door::Files,
        Door::Batches,
    ];

    /// The door's name in configuration and facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Chat => "chat",
            Door::Responses => "responses",
            Door::Compact => "compact",
            Door::InputTokens => "input_tokens",
            Door::Messages => "messages",
            Door::CountTokens => "count_tokens",
            Door::Completions => "completions",
            Door::Embeddings => "embeddings",
            Door::Rerank => "rerank",
            Door::Moderations => "moderations",
            Door::Images => "images",
            Door::Audio => "audio",
            Door::Files => "files",
            Door::Batches => "batches",
        }
    }

    /// The doors that a word names where somebody says what may be asked for: a conversation has one for each dialect.
    pub fn named(word: &str) -> Option<&'static [Door]> {
        Some(match word {
            "chat" => {
                &[Door::Chat, Door::Responses, Door::Messages, Door::CountTokens, Door::Compact, Door::InputTokens]
            }
            "completions" => &[Door::Completions],
            "embeddings" => &[Door::Embeddings],
            "rerank" => &[Door::Rerank],
            "moderations" => &[Door::Moderations],
            "images" => &[Door::Images],
            "audio" => &[Door::Audio],
            "files" => &[Door::Files],
            "batches" => &[Door::Batches],
            _ => return None,
        })
    }

    /// The words that [`named`](Self::named) knows.
    pub const WORDS: &'static [&'static str] =
        &["chat", "completions", "embeddings", "rerank", "moderations", "images", "audio", "files", "batches"];

    /// Its path, as the ledger and metrics name it.
    pub fn path(self) -> &'static str {
        match self {
            Door::Chat => "/v1/chat/completions",
            Door::Responses => "/v1/responses",
            Door::Compact => "/v1/responses/compact",
            Door::InputTokens => "/v1/responses/input_tokens",
            Door::Messages => "/v1/messages",
            Door::CountTokens => "/v1/messages/count_tokens",
            Door::Completions => "/v1/completions",
            Door::Embeddings => "/v1/embeddings",
            Door::Rerank => "/v1/rerank",
            Door::Moderations => "/v1/moderations",
            Door::Images => "/v1/images",
            Door::Audio => "/v1/audio",
            Door::Files => "/v1/files",
            Door::Batches => "/v1/batches",
        }
    }

    /// The dialect that callers speak at it.
    pub fn dialect(self) -> Dialect {
        match self {
            Door::Responses | Door::Compact | Door::InputTokens => Dialect::OpenaiResponses,
            Door::Messages | Door::CountTokens => Dialect::AnthropicMessages,
            _ => Dialect::OpenaiChat,
        }
    }

    /// Whether a conversation comes through it, which any model of language can go on with.
    pub fn is_conversation(self) -> bool {
        matches!(self, Door::Chat | Door::Responses | Door::Messages | Door::CountTokens)
    }

    /// Whether tokens are only counted, at no charge.
    pub fn is_counting(self) -> bool {
        matches!(self, Door::CountTokens | Door::InputTokens)
    }
}
