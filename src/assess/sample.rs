//! Prompts for this room's tests, built by hand: the room does not know the dialects that parse real ones.

use bytes::Bytes;

use crate::domain::{
    Dialect, Door, Image, ImageDetail, ImageSource, OutputFormat, Piece, Prompt, Role, Span, Text, Turn,
};

/// A prompt of these turns.
pub(super) fn turns(turns: &[(Role, &str)]) -> Prompt {
    let mut body = String::new();
    let turns = turns.iter().map(|(role, text)| {
        let start = body.len() as u32;
        body += &serde_json::to_string(text).unwrap();
        Turn { role: *role, pieces: vec![Piece::Text(Text(Span { start, end: body.len() as u32 }))] }
    });
    let turns = turns.collect();
    prompt(body, turns)
}

/// A session: what an assistant says as a JSON list are its calls of tools.
pub(super) fn session(turns: &[(Role, &str)]) -> Prompt {
    let mut body = String::new();
    let turns = turns.iter().map(|(role, text)| {
        let start = body.len() as u32;
        let is_call = *role == Role::Assistant && text.starts_with('[');
        body += &if is_call { (*text).to_owned() } else { serde_json::to_string(text).unwrap() };
        let span = Span { start, end: body.len() as u32 };
        Turn { role: *role, pieces: vec![if is_call { Piece::ToolCalls(span) } else { Piece::Text(Text(span)) }] }
    });
    let turns = turns.collect();
    prompt(body, turns)
}

/// A prompt of one human turn.
pub(super) fn human(text: &str) -> Prompt {
    turns(&[(Role::User, text)])
}

/// A prompt of one image, given as base64.
pub(super) fn with_image(base64: &str, detail: ImageDetail) -> Prompt {
    let source = ImageSource::Inline(Span { start: 0, end: base64.len() as u32 });
    let turn = Turn { role: Role::User, pieces: vec![Piece::Image(Image { source, detail })] };
    prompt(base64.to_owned(), vec![turn])
}

fn prompt(body: String, turns: Vec<Turn>) -> Prompt {
    Prompt {
        body: Bytes::from(body),
        dialect: Dialect::OpenaiChat,
        door: Door::Chat,
        model: "auto".to_owned(),
        model_span: Span::default(),
        stream: false,
        stream_span: None,
        wants_usage: false,
        stream_options: None,
        turns,
        tools: None,
        tool_count: 0,
        response_format: None,
        output: OutputFormat::Text,
        max_output: None,
        answers: 1,
        dear_tier: false,
        background: false,
        pins: Vec::new(),
        signed: Vec::new(),
        calls: Vec::new(),
        named: None,
        cache_life: None,
    }
}
