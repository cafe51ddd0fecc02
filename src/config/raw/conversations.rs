//! How conversations keep their place, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::located::Located;
use super::DurationText;

/// How conversations keep their place.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawConversations {
    /// Whether a conversation keeps its endpoint while tools speak, and when the human speaks unless moving pays. Default
    /// true; false: the rules decide each request anew.
    pub stay: Option<bool>,
    /// How long providers keep a prompt in their cache where the client does not say. Default `5m`.
    pub cache_life: Option<Located<DurationText>>,
    /// The most requests that are expected to follow when it is weighed whether to move; as many are as there have been.
    /// Default 20.
    pub most_requests_left: Option<Located<u32>>,
    /// After how many equal calls of tools with equal results in a row an agent gets a larger model, once. Default 5; 0:
    /// never, nor is it refused.
    pub stuck_after: Option<Located<u32>>,
    /// After how many more of them it is refused. Default 10.
    pub refuse_after: Option<Located<u32>>,
}
