//! Which conversation a request belongs to: names that clients send, in the order in which they are trusted, or else how
//! it begins. Pure: headers, prompt and caller in, marks out.

use std::borrow::Cow;

use hyper::HeaderMap;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::{Caller, Mark, Piece, Prompt, Role, Session, Span};

/// In which a client says which conversation it is.
pub const SESSION_HEADER: &str = "x-weighbridge-session";

/// The longest name that a conversation may have.
const LONGEST: usize = 128;

/// Of what a conversation begins with, so many bytes from its start and as many from its end are looked at.
const LOOKED_AT: usize = 128;

/// A request's place in its client's conversations. All of it is marks: nothing can be read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thread {
    /// The client's session.
    pub session: Session,
    /// The conversation: of this session, with this model, with or without tools, and beginning like this.
    pub mark: Mark,
    /// The same however it begins.
    pub lane: Mark,
    /// Whether the model has spoken in it.
    pub is_ongoing: bool,
}

/// The conversation that a request belongs to.
pub fn thread(headers: &HeaderMap, prompt: &Prompt, caller: &Caller) -> Thread {
    let mut marker = Marker::new("session");
    marker.add(caller.key.as_ref().map_or("", |key| key.as_str()).as_bytes());
    marker.add(caller.engineer.as_ref().map_or("", |engineer| engineer.as_str()).as_bytes());
    let name = named(headers, caller).or_else(|| named_in_body(prompt, caller).map(|name| Name("body", name, None)));
    match &name {
        Some(Name(source, name, part)) => {
            marker.add(source.as_bytes());
            marker.add(name.as_bytes());
            marker.add(part.as_deref().unwrap_or_default().as_bytes());
        }
        None => {
            marker.add(b"beginning");
            marker.add(prompt.model.as_bytes());
            marker.beginning(prompt, Role::System);
            marker.beginning(prompt, Role::User);
        }
    }
    let session = Session(marker.mark());
    let mut lane = Marker::new("lane");
    lane.add(&session.0.as_u64().to_be_bytes());
    lane.add(prompt.model.as_bytes());
    lane.add(&[u8::from(prompt.tool_count > 0)]);
    let lane = lane.mark();
    let mut mark = Marker::new("thread");
    mark.add(&lane.as_u64().to_be_bytes());
    mark.beginning(prompt, Role::User);
    let is_ongoing = prompt.turns.iter().any(|turn| turn.role == Role::Assistant);
    Thread { session, mark: mark.mark(), lane, is_ongoing }
}

/// Whether the client says that it sends the same request again.
pub fn is_retry(headers: &HeaderMap) -> bool {
    let count = headers.get("x-stainless-retry-count").and_then(|value| value.to_str().ok());
    count.is_some_and(|count| count.trim().parse::<u32>().is_ok_and(|count| count > 0))
}

/// What a client calls a conversation: by which header, its name, and that of a part of it, such as a helper's.
struct Name<'h>(&'static str, Cow<'h, str>, Option<Cow<'h, str>>);

/// What its headers say: ours, then Claude Code's, then Codex', then those of opencode and others.
fn named<'h>(headers: &'h HeaderMap, caller: &Caller) -> Option<Name<'h>> {
    let read = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?.trim();
        is_name(text).then_some(Cow::Borrowed(text))
    };
    let is_codex = caller.app.as_str() == "codex";
    let codex = |names: [&str; 2]| names.into_iter().find_map(read).filter(|_| is_codex);
    read(SESSION_HEADER)
        .map(|name| Name("own", name, None))
        .or_else(|| {
            let name = read("x-claude-code-session-id")?;
            Some(Name("claude-code", name, read("x-claude-code-agent-id")))
        })
        .or_else(|| {
            let (session, thread) = (codex(["session-id", "session_id"]), codex(["thread-id", "conversation_id"]));
            match (session, thread) {
                (Some(session), thread) => Some(Name("codex", session, thread)),
                (None, Some(thread)) => Some(Name("codex", thread, None)),
                (None, None) => None,
            }
        })
        .or_else(|| ["x-session-id", "x-session-affinity"].into_iter().find_map(read).map(|name| Name("x", name, None)))
}

/// What the body says beside the conversation.
fn named_in_body<'p>(prompt: &'p Prompt, caller: &Caller) -> Option<Cow<'p, str>> {
    let raw = std::str::from_utf8(prompt.bytes(prompt.named?)).ok()?;
    let name = if raw.starts_with('{') {
        in_metadata(raw)?
    } else {
        // Others use a key for a whole application, so that all it asks shares one cache.
        let is_of_conversation = matches!(caller.app.as_str(), "codex" | "opencode");
        serde_json::from_str::<Cow<'_, str>>(raw).ok().filter(|_| is_of_conversation)?
    };
    is_name(&name).then_some(name)
}

/// The session in what Claude Code says of its user: JSON in a string, and before that parts that underscores part.
fn in_metadata(raw: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow)]
        user_id: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct User {
        session_id: String,
    }
    let metadata: Metadata<'_> = serde_json::from_str(raw).ok()?;
    if let Ok(user) = serde_json::from_str::<User>(&metadata.user_id) {
        return Some(Cow::Owned(user.session_id));
    }
    let (_, session) = metadata.user_id.rsplit_once("_session_")?;
    Some(Cow::Owned(session.to_owned()))
}

/// A name is 1 to 128 printable ASCII characters without spaces.
fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Makes a mark out of parts, none of which can pass for a piece of its neighbour.
struct Marker(Sha256);

impl Marker {
    fn new(what: &str) -> Self {
        let mut marker = Self(Sha256::new());
        marker.add(what.as_bytes());
        marker
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// The first and the last of what somebody said first, as it stands in the body, and how long it is.
    fn beginning(&mut self, prompt: &Prompt, role: Role) {
        let turn = prompt.turns.iter().find(|turn| turn.role == role);
        for piece in turn.iter().flat_map(|turn| &turn.pieces) {
            let span = match piece {
                Piece::Text(text) => text.0,
                Piece::Other(span) | Piece::Audio(span) | Piece::ToolCalls(span) => *span,
                Piece::Image(_) => Span::default(),
            };
            let said = prompt.bytes(span);
            self.add(&said[..said.len().min(LOOKED_AT)]);
            self.add(&said[said.len().saturating_sub(LOOKED_AT)..]);
            self.0.update((said.len() as u64).to_be_bytes());
            if !said.is_empty() {
                break;
            }
        }
    }

    fn mark(self) -> Mark {
        let digest = self.0.finalize();
        Mark::from_u64(digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}
