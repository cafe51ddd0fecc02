//! What is changed in a request on its way to an endpoint of the same dialect: bytes are cut out or replaced where they
//! stand, and all others stay.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::UNSIGNED;
use super::blocks::{Block, Message, blocks};
use crate::dialect::body::{Fields, read, splice};
use crate::dialect::json::span_in;
use crate::dialect::{Limits, Wanted};
use crate::domain::{Prompt, Span};

/// The body to send: the client's bytes with the endpoint's `model`, and without reasoning that the model cannot read.
pub fn request_body(prompt: &Prompt, wanted: &Wanted<'_>) -> Bytes {
    let mut edits: Vec<(Span, String)> = Vec::new();
    if prompt.model != wanted.model {
        // A string always serialises.
        edits.push((prompt.model_span, serde_json::Value::from(wanted.model).to_string()));
    }
    // Most conversations have none, and those that do are looked through a second time.
    if !wanted.foreign.is_empty() || memchr::memmem::find(&prompt.body, UNSIGNED.as_bytes()).is_some() {
        edits.extend(foreign_reasoning(prompt, wanted).into_iter().map(|span| (span, String::new())));
    }
    splice(&prompt.body, edits)
}

/// What is to be cut so that no reasoning is left that the model cannot read: blocks, or messages that are nothing else.
fn foreign_reasoning(prompt: &Prompt, wanted: &Wanted<'_>) -> Vec<Span> {
    // The body was read before, so it is no deeper than it may be, and all of this is there.
    let fields = Fields::read(&prompt.body, &["messages"], &Limits { max_depth: u32::MAX });
    let messages = fields.ok().and_then(|fields| fields.set("messages"));
    let messages: Vec<&RawValue> = messages.and_then(read).unwrap_or_default();
    let is_foreign =
        |block: &Block<'_>| block.is_unsigned() || block.mark().is_some_and(|mark| wanted.foreign.contains(&mark));
    let at = |value: &RawValue| span_in(&prompt.body, value.get());

    let mut cuts = Vec::new();
    let mut places = Vec::with_capacity(messages.len());
    for raw in messages {
        let message: Option<Message<'_>> = read(raw);
        let items: Vec<(Span, bool)> = message
            .iter()
            .filter_map(|message| message.content)
            .flat_map(|content| blocks("messages", content).flatten())
            .map(|(raw, block)| (at(raw), is_foreign(&block)))
            .collect();
        let is_empty = !items.is_empty() && items.iter().all(|(_, cut)| *cut);
        if !is_empty {
            cuts.extend(without(&items));
        }
        places.push((at(raw), is_empty));
    }
    cuts.extend(without(&places));
    cuts
}

/// What to cut from an array whose items stand there, so that those which are to go are gone with their commas.
fn without(items: &[(Span, bool)]) -> Vec<Span> {
    let mut cuts = Vec::new();
    let mut kept_before = false;
    for (place, (span, cut)) in items.iter().enumerate() {
        if !cut {
            kept_before = true;
        } else if kept_before {
            cuts.push(Span { start: items[place - 1].0.end, end: span.end });
        } else {
            let end = items.get(place + 1).map_or(span.end, |(next, _)| next.start);
            cuts.push(Span { start: span.start, end });
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::dialect::anthropic_messages::parse;
    use crate::domain::{Door, Mark};

    fn sent(body: &str, model: &str, foreign: &[Mark]) -> String {
        let prompt = parse(Door::Messages, Bytes::from(body.to_owned()), &Limits { max_depth: 64 }).expect("a request");
        let sent = request_body(&prompt, &Wanted { model, ask_usage: true, foreign });
        String::from_utf8(sent.to_vec()).expect("text")
    }

    #[test]
    fn only_the_model_changes() {
        let body =
            r#"{ "max_tokens" : 10, "messages":[{"role":"user","content":"é\n"}],"model" : "auto","x":[ 1.0e2]}"#;
        assert_eq!(sent(body, "m\"1", &[]), body.replace(r#""auto""#, r#""m\"1""#));
    }

    #[test]
    fn an_unchanged_body_is_not_copied() {
        let body = r#"{"model":"same","max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#;
        let prompt = parse(Door::Messages, Bytes::from(body), &Limits { max_depth: 64 }).expect("a request");
        let sent = request_body(&prompt, &Wanted { model: "same", ask_usage: true, foreign: &[] });
        assert_eq!(sent.as_ptr(), prompt.body.as_ptr());
    }

    #[test]
    fn foreign_reasoning_is_cut_and_nothing_else() {
        let check = |content: &str, expected: &str| {
            let whole = |content: &str| format!(r#"{{"model":"m","max_tokens":1,"messages":[{content}]}}"#);
            assert_eq!(sent(&whole(content), "m", &[Mark::of("far"), Mark::of("d\"")]), whole(expected), "{content}");
        };
        let user = r#"{"role":"user","content":"x"}"#;
        let far = r#"{"type":"thinking","thinking":"t","signature":"far"}"#;
        let near = r#"{"type":"thinking","thinking":"t","signature":"near"}"#;
        let hidden = r#"{"type":"redacted_thinking","data":"d\""}"#;
        let ours = format!(r#"{{"type":"thinking","thinking":"t","signature":"{UNSIGNED}"}}"#);
        let says = r#"{"type":"text","text":"far"}"#;
        let message = |blocks: &str| format!(r#"{{"role":"assistant", "content":[{blocks}]}}"#);
        check(&format!("{user},{}", message(&format!("{far} , {says}"))), &format!("{user},{}", message(says)));
        check(&format!("{user},{}", message(&format!("{near}, {hidden} ,{says} , {far} "))), &{
            format!("{user},{}", message(&format!("{near} ,{says} ")))
        });
        check(&format!("{user},{}", message(&format!("{ours},{hidden},{says}"))), &{
            format!("{user},{}", message(says))
        });
        check(&format!("{user} , {} ,{user}", message(far)), &format!("{user} ,{user}"));
        check(&format!("{} ,{user}", message(&format!("{far},{ours}"))), user);
        check(&format!("{user},{}", message(near)), &format!("{user},{}", message(near)));
    }

    proptest! {
        /// What is left is what a filter on the parsed request leaves.
        #[test]
        fn cutting_is_filtering(
            conversation in prop::collection::vec(prop::collection::vec(0_u8..4, 1..4), 1..5),
            pretty in any::<bool>(),
        ) {
            let block = |kind: &u8| match kind {
                0 => json!({"type": "text", "text": "far, near"}),
                1 => json!({"type": "thinking", "thinking": "\"]}", "signature": "near"}),
                2 => json!({"type": "thinking", "thinking": "…", "signature": "far"}),
                _ => json!({"type": "redacted_thinking", "data": "far"}),
            };
            let whole = |keep: &dyn Fn(&u8) -> bool| {
                let messages: Vec<Value> = conversation
                    .iter()
                    .map(|kinds| kinds.iter().filter(|kind| keep(kind)).map(block).collect::<Vec<_>>())
                    .filter(|blocks| !blocks.is_empty())
                    .map(|blocks| json!({"role": "assistant", "content": blocks}))
                    .collect();
                json!({"model": "m", "max_tokens": 5, "messages": messages})
            };
            let all = whole(&|_| true);
            let body = if pretty { serde_json::to_string_pretty(&all) } else { serde_json::to_string(&all) };
            let sent: Value = serde_json::from_str(&sent(&body.expect("JSON"), "m", &[Mark::of("far")])).expect("JSON");
            prop_assert_eq!(sent, whole(&|kind| *kind < 2));
        }
    }
}
