//! The one place where facts are made, so that the proxy, `explain` and `test` see a request alike.

use crate::domain::{Assessment, Caller, Conversation, Facts, HeaderFacts, Prompt, Role, TurnKind};

/// What rules may ask of this request. `requested_tier` is the caller's wish, `headers` those of
/// [`Rules::header_names`](super::Rules::header_names) that it sent.
pub fn facts(
    prompt: &Prompt,
    assessment: &Assessment,
    caller: &Caller,
    at_millis: u64,
    requested_tier: Option<String>,
    headers: HeaderFacts,
) -> Facts {
    let spoken = prompt.turns.iter().any(|turn| turn.role == Role::Assistant);
    let answers = prompt.answers.max(1);
    Facts {
        at_millis,
        dialect: prompt.dialect,
        door: prompt.door,
        requested_model: prompt.model.clone(),
        requested_tier,
        key: caller.key.clone(),
        engineer: caller.engineer.clone(),
        team: caller.team.clone(),
        feature: caller.feature.clone(),
        app: caller.app,
        tokens: assessment.tokens,
        max_output: prompt.max_output.map(|each| each.saturating_mul(answers.into())),
        answers,
        dear_tier: prompt.dear_tier,
        tags: assessment.tags.clone(),
        risk: assessment.risk,
        confidence: assessment.confidence,
        kind: assessment.kind,
        content: assessment.content,
        difficulty: assessment.difficulty,
        tools: prompt.tool_count,
        images: assessment.images,
        audio: prompt.has_audio(),
        output: prompt.output,
        stream: prompt.stream,
        turn: last_turn(prompt),
        conversation: if spoken { Conversation::Ongoing } else { Conversation::New },
        session: None,
        thread: None,
        human_turns: count(prompt, Role::User),
        replies: count(prompt, Role::Assistant),
        repeats: prompt.repeated().times,
        cache_life: prompt.cache_life,
        budget_used: None,
        headers,
    }
}

/// How often this role spoke; what it said in several pieces in a row is said once.
fn count(prompt: &Prompt, role: Role) -> u32 {
    // Instructions between two of its pieces do not part them.
    let spoken = prompt.turns.iter().map(|turn| turn.role).filter(|role| !matches!(role, Role::System | Role::Other));
    let mut before = None;
    let begins = spoken.filter(|now| before.replace(*now) != Some(*now) && *now == role);
    u32::try_from(begins.count()).unwrap_or(u32::MAX)
}

/// Who spoke last. Instructions that a client appends after its tools' output do not make it the human's turn.
fn last_turn(prompt: &Prompt) -> TurnKind {
    let mut turns = prompt.turns.iter().rev().map(|turn| turn.role);
    match turns.find(|role| matches!(role, Role::User | Role::Tool)) {
        Some(Role::Tool) => TurnKind::Tool,
        _ => TurnKind::Human,
    }
}
