//! Where a conversation stands: looked up before it is decided where a request goes, learned when it was answered.

use std::sync::Arc;

use hyper::HeaderMap;

use super::trail::{End, Spent, Trail};
use crate::domain::{Caller, Facts, Failure, FailureKind, Prompt, Session, Standing};
use crate::sessions::{self, Answered, Sessions, Thread};
use crate::shared::Shared;

/// What a request has to do with its conversation.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    /// Which it is.
    pub(super) thread: Thread,
    /// Whether its client sends the same request again.
    pub(super) is_retry: bool,
    /// Where it stood before this request.
    pub(super) standing: Option<Arc<Standing>>,
}

/// The conversation that a request belongs to, which its facts then name; `None` where what is asked for is none.
pub(super) fn of(headers: &HeaderMap, prompt: &Prompt, caller: &Caller, facts: &mut Facts) -> Option<Talk> {
    if !prompt.door.is_conversation() {
        return None;
    }
    let thread = sessions::thread(headers, prompt, caller);
    (facts.session, facts.thread) = (Some(thread.session), Some(Session(thread.mark)));
    Some(Talk { thread, is_retry: sessions::is_retry(headers), standing: None })
}

/// Where the conversation stands, as this replica knows; as another does, where that has answered since.
pub(super) async fn standing(
    sessions: &Sessions,
    shared: Option<&Shared>,
    thread: &Thread,
    replies: u32,
) -> Option<Arc<Standing>> {
    let known = sessions.standing(thread);
    let shared = shared.filter(|_| thread.is_ongoing && !Sessions::is_fresh(known.as_deref(), replies));
    let Some(shared) = shared else { return known };
    // A server that does not answer delays the request by the timeout, and by no more.
    let told = shared.standings.ask(thread.mark).await.ok().flatten();
    let newer = told.filter(|told| known.as_ref().is_none_or(|known| known.answered_millis < told.answered_millis));
    newer.map_or(known, |told| {
        let told = Arc::new(told);
        sessions.hear(thread.mark, Arc::clone(&told));
        Some(told)
    })
}

/// A request was answered: from now on its conversation stands with whoever answered.
pub(super) fn learn(trail: &Trail, end: &End<'_>, spent: &Spent, ended_millis: u64) {
    let (Some(talk), Some(facts), Some(decision)) = (&trail.talk, &trail.facts, &trail.decision) else { return };
    let Some((endpoint, tier)) = end.upstream.filter(|_| (200..300).contains(&end.status)) else { return };
    if facts.door.is_counting() || end.tally.is_none() {
        return;
    }
    let answered = Answered {
        facts,
        reasons: &decision.reasons,
        rule: decision.rule.as_ref(),
        endpoint: &endpoint.name,
        dialect: endpoint.dialect,
        tier,
        usage: spent.usage.as_ref().map(|(usage, _)| usage),
        at_millis: ended_millis,
    };
    let life = trail.config.sessions.cache_life;
    let standing = Arc::new(sessions::standing_after(talk.standing.as_deref(), &answered, life));
    trail.books.sessions.learn(&talk.thread, &standing);
    if let Some(shared) = &trail.books.shared {
        shared.standings.tell(talk.thread.mark, &standing);
    }
}

/// What an agent is told that goes in circles.
pub(super) fn stuck(prompt: &Prompt, repeats: u32) -> Failure {
    let named = prompt.repeated().tool.and_then(|span| serde_json::from_slice::<String>(prompt.bytes(span)).ok());
    // A name that is no name could be anything.
    let is_name = |name: &String| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let tool = named.filter(is_name).map_or_else(|| "a tool".to_owned(), |name| format!("the tool `{name}`"));
    let message = format!(
        "the agent goes in circles: it called {tool} {repeats} times in a row in the same way, with the same result each \
         time. Nothing was sent to a model. Say in a new message what it should do instead, and the conversation goes on"
    );
    Failure::new(FailureKind::Stuck, message)
}
