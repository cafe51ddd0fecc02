//! Who asks, as the key says.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::from_text;
use super::{KeyName, Mark, TierName};

/// A short word for attribution (an engineer, a team, a feature): 1 to 96 printable ASCII characters without spaces.
///
/// Clients may send labels in headers, so what is no label is refused rather than recorded.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// The label in `text`, or `None` if it is empty, longer than 96 bytes, or has a space or a non-ASCII or control
    /// character.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=96).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, |text| {
            Self::parse(text).ok_or("a label is 1 to 96 printable ASCII characters without spaces")
        })
    }
}

/// The tool that sent a request, by its `user-agent`; a closed list, so that it may label a metric.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct App(&'static str);

impl App {
    /// What a request without a known `user-agent` is filed under.
    pub const OTHER: App = App("other");

    /// Substring of the lower-cased `user-agent`, and the app it means; the first that is found counts, so tools come
    /// before the SDKs that they are built with.
    const KNOWN: &'static [(&'static str, &'static str)] = &[
        ("claude-cli", "claude-code"),
        ("claude-code", "claude-code"),
        ("codex", "codex"),
        ("cursor", "cursor"),
        ("aider", "aider"),
        ("opencode", "opencode"),
        ("roo-code", "roo-code"),
        ("roocode", "roo-code"),
        ("cline", "cline"),
        ("continue", "continue"),
        ("zed/", "zed"),
        ("litellm", "litellm"),
        ("langchain", "langchain"),
        ("ai-sdk", "ai-sdk"),
        ("anthropic/python", "anthropic-python"),
        ("anthropic/js", "anthropic-js"),
        ("asyncopenai/python", "openai-python"),
        ("openai/python", "openai-python"),
        ("openai/js", "openai-js"),
        ("openai/go", "openai-go"),
        ("openai/java", "openai-java"),
        ("curl/", "curl"),
    ];

    /// The app that sends this `user-agent`.
    pub fn from_user_agent(user_agent: &str) -> Self {
        let lower = user_agent.to_ascii_lowercase();
        let known = Self::KNOWN.iter().find(|(mark, _)| lower.contains(mark));
        known.map_or(Self::OTHER, |(_, app)| App(app))
    }

    /// The app's name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Serialize for App {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// A tool that is on the list no more is one of the others.
impl<'de> Deserialize<'de> for App {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, |text| {
            let known = Self::KNOWN.iter().find(|(_, app)| *app == text);
            Ok::<Self, &str>(known.map_or(Self::OTHER, |(_, app)| App(app)))
        })
    }
}

/// Who asks. What the key fixes cannot be changed by a header; what it leaves open a header may fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's name; `None` only where no keys are configured and the listener is on loopback.
    pub key: Option<KeyName>,
    /// The person.
    pub engineer: Option<Label>,
    /// The person's team.
    pub team: Option<Label>,
    /// What the work is for; a header overrides the key's default.
    pub feature: Option<Label>,
    /// The branch that the work is done on, told by a header.
    pub branch: Option<Label>,
    /// The pull request that the work is for, told by a header.
    pub pull_request: Option<Label>,
    /// The tool that sent the request.
    pub app: App,
    /// Whether it is the word of an issuer who it is, who speaks for many: then the key alone does not tell callers apart.
    pub is_by_token: bool,
    /// The tiers this key may use; `None`: all.
    pub tiers: Option<Arc<[TierName]>>,
}

impl Caller {
    /// Somebody of whom only the tool is known.
    pub fn unknown(app: App) -> Self {
        Self {
            key: None,
            engineer: None,
            team: None,
            feature: None,
            branch: None,
            pull_request: None,
            app,
            is_by_token: false,
            tiers: None,
        }
    }

    /// The mark of what was given to this caller, under which nobody else finds it who has the same key.
    pub fn own(&self, mark: Mark) -> Mark {
        let engineer = self.engineer.as_ref().filter(|_| self.is_by_token);
        engineer.map_or(mark, |engineer| Mark::of(&format!("{:016x} {engineer}", mark.as_u64())))
    }

    /// Whether this caller may be served by `tier`.
    pub fn may_use(&self, tier: &TierName) -> bool {
        self.tiers.as_ref().is_none_or(|allowed| allowed.contains(tier))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_their_user_agent() {
        let check = |user_agent, app| assert_eq!(App::from_user_agent(user_agent).as_str(), app, "{user_agent}");
        check("OpenAI/Python 3.54.0", "openai-python");
        check("AsyncOpenAI/Python 3.54.0", "openai-python");
        check("codex_cli_rs/0.50 (Debian 12)", "codex");
        check("claude-cli/2.1.212 (external, cli)", "claude-code");
        check("opencode/1.0 ai-sdk/provider-utils/4", "opencode");
        check("Mozilla/5.0", "other");
        check("", "other");
    }

    #[test]
    fn a_label_has_no_spaces_control_characters_or_excess() {
        assert!(Label::parse("checkout#42").is_some());
        assert!(Label::parse("ana@example.com").is_some());
        for bad in ["", "two words", "tab\t", "über", &"x".repeat(97)] {
            assert!(Label::parse(bad).is_none(), "{bad:?}");
        }
    }
}
