use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{Saying, Tool, Tools, Verdict};

fn tools(_: &[u8]) -> Tools {
    let parameters = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let tool = |name: &str, parameters, is_freeform| Tool { name: name.to_owned(), parameters, is_freeform };
    let named = vec![tool("read", Some(parameters), false), tool("list", None, false), tool("patch", None, true)];
    Tools { named, is_open: false }
}

fn demand(output: OutputFormat) -> Demand {
    let schema = |_: &[u8]| Some(json!({"type": "object", "required": ["n"]}));
    Demand::new(output, (Bytes::new(), schema), (Bytes::new(), tools))
}

fn said(text: &str, finish: Finish) -> Said {
    Said { text: text.to_owned(), finish, ..Said::default() }
}

fn called(name: &str, arguments: &str, finish: Finish) -> Said {
    let calls = vec![Called { name: name.to_owned(), arguments: arguments.to_owned() }];
    Said { calls, ends_in_call: true, finish, ..Said::default() }
}

#[test]
fn each_gate_fails_what_it_is_for_and_nothing_else() {
    let check = |demand: &Demand, said: Said, expected: Option<Check>| {
        assert_eq!(judge(&Checks::default(), demand, &said), expected, "{said:?}");
        let off = Checks { on: Vec::new(), ..Checks::default() };
        assert_eq!(judge(&off, demand, &said), None);
        if let Some(check) = expected {
            let only = Checks { on: vec![check], ..Checks::default() };
            assert_eq!(judge(&only, demand, &said), Some(check), "alone: {said:?}");
        }
    };
    let (text, object, schema) =
        (demand(OutputFormat::Text), demand(OutputFormat::JsonObject), demand(OutputFormat::JsonSchema));
    check(&text, said("fine", Finish::Done), None);
    check(&text, said(" \n", Finish::Done), Some(Check::Empty));
    check(&text, said("", Finish::Length), Some(Check::Empty));
    for lawful in [Finish::Sequence, Finish::Paused, Finish::Open] {
        check(&text, said("", lawful), None);
    }
    check(&text, Said { has_more: true, ..said("", Finish::Done) }, None);
    check(&text, said("half", Finish::Refused), Some(Check::Refusal));
    check(&text, Said { refusal: "No.".into(), ..said("", Finish::Done) }, Some(Check::Refusal));
    check(&text, said("I'm sorry, but I can't help with that.", Finish::Done), Some(Check::Refusal));
    check(&object, said("{\"a\": [1]}", Finish::Done), None);
    check(&object, said("[1]", Finish::Done), Some(Check::Json));
    check(&object, said("```json\n{}\n```", Finish::Done), Some(Check::Json));
    check(&object, said("{\"a\": ", Finish::Length), Some(Check::Json));
    check(&object, called("list", "{}", Finish::Done), None);
    check(&schema, said("{\"n\": 1}", Finish::Done), None);
    check(&schema, said("{\"m\": 1}", Finish::Done), Some(Check::Schema));
    let deep = format!("{{\"n\": {}{}}}", "[".repeat(500), "]".repeat(500));
    check(&schema, said(&deep, Finish::Done), None);
    check(&text, called("read", "{\"a\": 1}", Finish::Done), None);
    check(&text, called("read", "{\"a\": \"1\"}", Finish::Done), Some(Check::Tools));
    check(&text, called("read", "{\"a\": 1", Finish::Done), Some(Check::Tools));
    check(&text, called("write", "{}", Finish::Done), Some(Check::Tools));
    check(&text, called("list", "", Finish::Done), None);
    check(&text, called("patch", "*** Begin", Finish::Done), None);
    check(&text, called("read", "{\"a\": 1", Finish::Length), Some(Check::Truncated));
    let mut silent = demand(OutputFormat::Text);
    silent.follows_tool = true;
    check(&silent, said("", Finish::Done), None);
    let mut probe = demand(OutputFormat::Text);
    probe.max_output = Some(1);
    check(&probe, said("", Finish::Length), None);
}

#[test]
fn patterns_are_about_the_whole_text() {
    let checks = Checks {
        on: vec![Check::Pattern],
        must_match: Arc::new([Regex::new("^- ").expect("a pattern")]),
        must_not_match: Arc::new([Regex::new("(?i)as an ai").expect("a pattern")]),
        ..Checks::default()
    };
    let judged = |text: &str| judge(&checks, &demand(OutputFormat::Text), &said(text, Finish::Done));
    assert_eq!(judged("- a change"), None);
    assert_eq!(judged("a change"), Some(Check::Pattern));
    assert_eq!(judged("- As an AI I changed"), Some(Check::Pattern));
}

fn text(words: &str) -> Saying {
    Saying::Text(words.to_owned())
}

fn arguments(call: usize, piece: &str) -> Saying {
    Saying::Arguments { call, piece: piece.to_owned() }
}

/// The steps of a guard that hears one saying an event, of ten bytes each.
fn steps(guard: &mut Guard, sayings: Vec<Saying>) -> Vec<Step> {
    sayings.into_iter().map(|saying| guard.hear([saying], 10)).collect()
}

#[test]
fn text_flows_from_the_first_word_that_is_no_refusal() {
    use Step::{Fail, Flow, Hold};
    let mut guard = Guard::new(Checks::default(), demand(OutputFormat::Text));
    let heard = vec![Saying::Thought, text(""), text("Here"), text(" it is"), Saying::Finish(Finish::Done)];
    assert_eq!(steps(&mut guard, heard), [Hold, Hold, Flow, Flow, Flow]);
    assert_eq!(guard.verdict(), Some(Verdict::Passed));
    let mut guard = Guard::new(Checks::default(), demand(OutputFormat::Text));
    let heard = vec![text("I can't"), text(" see it"), Saying::Finish(Finish::Refused)];
    assert_eq!(steps(&mut guard, heard), [Hold, Flow, Fail(Check::Refusal)]);
    assert_eq!(guard.verdict(), Some(Verdict::Late(Check::Refusal)));
    let mut guard = Guard::new(Checks::default(), demand(OutputFormat::Text));
    let heard = vec![text("I can't"), text(" help with that"), text("."), Saying::Finish(Finish::Done)];
    assert_eq!(steps(&mut guard, heard), [Hold, Hold, Hold, Fail(Check::Refusal)]);
    assert_eq!(guard.verdict(), Some(Verdict::Failed(Check::Refusal)));
}

#[test]
fn arguments_wait_until_the_call_is_whole() {
    use Step::{Fail, Flow, Hold};
    let begin = || Saying::Call("read".to_owned());
    let mut guard = Guard::new(Checks::default(), demand(OutputFormat::Text));
    let heard = vec![
        text("Look:"),
        begin(),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
        begin(),
        arguments(1, "{\"a\":2}"),
        text("So"),
        Saying::Finish(Finish::Done),
    ];
    assert_eq!(steps(&mut guard, heard), [Flow, Hold, Hold, Hold, Hold, Hold, Flow, Flow]);
    let mut guard = Guard::new(Checks::default(), demand(OutputFormat::Text));
    // A server that goes on with the first call after the second has begun.
    let heard = vec![
        begin(),
        arguments(0, "{\"a\":"),
        begin(),
        arguments(1, "{\"a\":2}"),
        arguments(0, "1}"),
        Saying::Finish(Finish::Done),
    ];
    assert_eq!(steps(&mut guard, heard), [Hold, Hold, Hold, Hold, Hold, Flow]);
    let mut guard = Guard::new(Checks::default(), demand(OutputFormat::Text));
    let heard = vec![begin(), arguments(0, "{\"a\":"), Saying::Finish(Finish::Length)];
    assert_eq!(steps(&mut guard, heard), [Hold, Hold, Fail(Check::Truncated)]);
}

#[test]
fn what_is_too_long_flows_and_what_is_watched_only_is_never_held() {
    let checks = Checks { bounds: Bounds { bytes: 25, ..Bounds::default() }, ..Checks::default() };
    let mut guard = Guard::new(checks.clone(), demand(OutputFormat::JsonObject));
    let heard = vec![text("{\"a\":"), text("1"), text(","), text("2"), Saying::Finish(Finish::Done)];
    let expected = [Step::Hold, Step::Hold, Step::Flow, Step::Flow, Step::Fail(Check::Json)];
    assert_eq!(steps(&mut guard, heard), expected);
    assert_eq!(guard.verdict(), Some(Verdict::Late(Check::Json)));
    let mut guard = Guard::watching(checks, demand(OutputFormat::JsonObject));
    assert_eq!(steps(&mut guard, vec![text("no"), text(" JSON")]), [Step::Flow, Step::Flow]);
    assert_eq!(guard.end(), Step::Flow, "it did not say that it was done");
    let mut guard = Guard::new(Checks::default(), demand(OutputFormat::Text));
    assert_eq!(guard.hear([Saying::Thought], 10), Step::Hold);
    assert_eq!(guard.let_thoughts_flow(), Step::Flow);
    assert_eq!(guard.hear([Saying::Thought], 10), Step::Flow);
    assert_eq!(guard.hear([Saying::Finish(Finish::Done)], 10), Step::Fail(Check::Empty));
    assert_eq!(guard.verdict(), Some(Verdict::Late(Check::Empty)));
}

proptest! {
    #[test]
    fn a_text_cut_anywhere_is_judged_as_it_is_whole(words in "[ I'mscanoterlphwi,{}\":1é世]{0,60}", cuts in prop::collection::vec(0usize..61, 0..8)) {
        for output in [OutputFormat::Text, OutputFormat::JsonObject] {
            let letters: Vec<char> = words.chars().collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(letters.len())).chain([0, letters.len()]).collect();
            cuts.sort_unstable();
            let mut guard = Guard::new(Checks::default(), demand(output));
            for pair in cuts.windows(2) {
                guard.hear([Saying::Text(letters[pair[0]..pair[1]].iter().collect())], 1);
            }
            guard.hear([Saying::Finish(Finish::Done)], 1);
            let whole = judge(&Checks::default(), &demand(output), &said(&words, Finish::Done));
            prop_assert_eq!(guard.verdict().and_then(Verdict::check), whole);
        }
    }
}
