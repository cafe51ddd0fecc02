//! What two callers' dialects can both say is the same after a request has gone from one to the other and back.

use proptest::prelude::*;
use serde_json::json;

use super::neutral::{Format, Message, Part, Reasoning, Role, Source, Tool, ToolCall, ToolChoice};
use super::upstream_tests::DOORS;
use super::*;
use crate::domain::Door;

fn read(dialect: Dialect, body: &[u8], to: Dialect) -> neutral::Request {
    let mut carry = Carry::new(dialect, to, &[]);
    let read = match dialect {
        Dialect::OpenaiResponses => responses::read_request(body, &mut carry),
        Dialect::AnthropicMessages => messages::read_request(body, &mut carry),
        _ => chat::read_request(body, &mut carry),
    };
    read.unwrap_or_else(|failure| panic!("{failure:?}: {}", String::from_utf8_lossy(body)))
}

fn write(request: &neutral::Request, from: Dialect, dialect: Dialect, model: &str) -> Vec<u8> {
    let mut carry = Carry::new(from, dialect, &[]);
    let written = match dialect {
        Dialect::OpenaiResponses => responses::write_request(request, model, &mut carry),
        Dialect::AnthropicMessages => messages::write_request(request, model, &mut carry),
        _ => chat::write_request(request, model, &mut carry),
    };
    written.unwrap_or_else(|failure| panic!("{failure:?}: {request:#?}")).to_string().into_bytes()
}

/// A request as all three callers' dialects can say it: what is lost is how a conversation is cut into messages, names
/// of schemas, and what a word for the default says.
fn plain(mut request: neutral::Request) -> neutral::Request {
    let mut merged: Vec<Message> = Vec::new();
    for message in request.messages {
        match merged.last_mut() {
            Some(last) if last.role == message.role => last.parts.extend(message.parts),
            _ => merged.push(message),
        }
    }
    let parts = merged.iter_mut().flat_map(|message| &mut message.parts);
    for part in parts {
        // What is not said is up to the provider, which is what this word says.
        if let Part::Image { detail, .. } = part {
            *detail = detail.take().filter(|detail| detail != "auto");
        }
    }
    request.messages = merged;
    request.tools.iter_mut().for_each(|tool| tool.strict = tool.strict.filter(|strict| *strict));
    if let Format::JsonSchema { name, description, strict, .. } = &mut request.format {
        (*name, *description, *strict) = (None, None, Some(true));
    }
    request
}

fn words() -> impl Strategy<Value = String> {
    "[a-zü\"\\\\]{1,6}"
}

/// The user says something, perhaps with a picture; the model says something and calls tools; the results come.
fn exchange() -> impl Strategy<Value = Vec<Message>> {
    let result = |id: String, text: String| Part::ToolResult { id, parts: vec![Part::Text(text)], is_error: false };
    (words(), any::<bool>(), words(), prop::collection::vec((words(), words(), "[a-z]{1,4}"), 0..3), 0_u32..1000)
        .prop_map(move |(asked, sees, said, calls, number)| {
            let source = Source::Base64 { media_type: "image/png".to_owned(), data: "AAAA".to_owned() };
            let picture = Part::Image { source, detail: None };
            let asked = [Part::Text(asked)].into_iter().chain(sees.then_some(picture)).collect();
            let id = |place: usize| format!("c{number}-{place}");
            let mut said = vec![Part::Text(said)];
            let mut results = Vec::new();
            for (place, (argument, came, name)) in calls.into_iter().enumerate() {
                let arguments = json!({ "at": argument }).to_string();
                said.push(Part::ToolCall(ToolCall { id: id(place), name, arguments }));
                results.push(result(id(place), came));
            }
            let said = Message { role: Role::Assistant, parts: said };
            let mut messages = vec![Message { role: Role::User, parts: asked }, said];
            if !results.is_empty() {
                messages.push(Message { role: Role::User, parts: results });
            }
            messages
        })
}

fn any_request() -> impl Strategy<Value = neutral::Request> {
    let tools = prop::collection::vec(("[a-z]{1,5}", prop::option::of(words()), any::<bool>()), 1..3);
    let choices = vec![None, Some(ToolChoice::Auto), Some(ToolChoice::None), Some(ToolChoice::Required)];
    let efforts = vec![None, Some("low"), Some("medium"), Some("high"), Some("xhigh")];
    let settings = (prop::sample::select(choices), prop::sample::select(efforts), any::<bool>(), any::<bool>());
    (prop::option::of(words()), prop::collection::vec(exchange(), 1..4), tools, 2_u64..90_000, settings).prop_map(
        |(system, exchanges, tools, max_output, (tool_choice, effort, schema, stream))| {
            let system = system.map(|text| Message { role: Role::System, parts: vec![Part::Text(text)] });
            let parameters = json!({"type": "object", "properties": {}});
            let tool = |(name, description, strict): (String, Option<String>, bool)| Tool {
                name,
                description,
                parameters: parameters.clone(),
                strict: strict.then_some(true),
            };
            let format =
                Format::JsonSchema { name: None, description: None, schema: parameters.clone(), strict: Some(true) };
            neutral::Request {
                messages: system.into_iter().chain(exchanges.into_iter().flatten()).collect(),
                tools: tools.into_iter().map(tool).collect(),
                // With one that is forced, Anthropic's models are not asked to think.
                reasoning: effort
                    .filter(|_| tool_choice != Some(ToolChoice::Required))
                    .map(|effort| Reasoning::Effort(effort.to_owned())),
                tool_choice,
                max_output: Some(max_output),
                format: if schema { format } else { Format::Text },
                answers: 1,
                stream,
                ..neutral::Request::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A request written in one dialect, read, written in another, read there and written back is what it was.
    #[test]
    fn there_and_back_keeps_what_both_can_say(request in any_request()) {
        for here in DOORS.map(Door::dialect) {
            for there in DOORS.map(Door::dialect).into_iter().filter(|there| *there != here) {
                let model = |dialect| if dialect == Dialect::AnthropicMessages { "claude-opus-4-6" } else { "gpt-5.2" };
                let first = read(here, &write(&request, there, here, model(here)), there);
                prop_assert_eq!(plain(first.clone()), plain(request.clone()), "{:?} alone", here);
                let second = read(there, &write(&first, here, there, model(there)), here);
                let back = read(here, &write(&second, there, here, model(here)), there);
                prop_assert_eq!(plain(back), plain(request.clone()), "{:?} by way of {:?}", here, there);
            }
        }
    }
}
