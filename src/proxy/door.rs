//! The paths that are served. A path is parsed once, alone: never the host, never the query.

use hyper::header::{CONTENT_TYPE, UPGRADE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use crate::domain::{Dialect, Door as Kind, Failure, FailureKind};

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Door {
    /// Something of a model or a provider: admitted, assessed, routed, metered, recorded.
    Ask(Asked),
    /// The models that may be asked for.
    Models,
    /// One of them, by its id, which may have slashes.
    Model(String),
    /// What a caller says of an answer.
    Feedback,
    /// Whether the process lives.
    Health,
    /// Whether it takes requests.
    Ready,
    /// A client's probe of the base URL.
    Root,
    /// Nothing that is served.
    Unknown,
}

/// What is asked of a model or a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What for.
    pub kind: Kind,
    /// What stands below that door's own path, such as `/resp_1/cancel`.
    pub below: String,
}

/// How a request goes through its door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Its body is read whole and is a prompt.
    Prompt,
    /// Its body is passed on as it comes.
    Passage,
}

/// The longest id that is taken in a path.
const MAX_ID: usize = 256;

impl Door {
    /// The door of a path: with or without `/v1`, a doubled `/v1/v1` too, as base URLs come with and without it.
    pub fn of(path: &str) -> Self {
        let trimmed = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
        match trimmed {
            "/" | "" => return Door::Root,
            "/healthz" => return Door::Health,
            "/readyz" => return Door::Ready,
            _ => {}
        }
        let mut below = trimmed;
        while let Some(rest) = below.strip_prefix("/v1").filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            below = rest;
        }
        match below {
            "" => Door::Root,
            "/models" => Door::Models,
            "/feedback" => Door::Feedback,
            _ => match below.strip_prefix("/models/") {
                Some(id) if !id.is_empty() => Door::Model(percent_decode_str(id).decode_utf8_lossy().into_owned()),
                _ => Self::asked_at(below).map_or(Door::Unknown, Door::Ask),
            },
        }
    }

    /// What is asked of a model or a provider at this path, which stands below `/v1`.
    fn asked_at(path: &str) -> Option<Asked> {
        // The longest path first, so that `/responses/compact` is not the response of that id.
        let below_of = |kind: &Kind| {
            let own = kind.path().trim_start_matches("/v1");
            let below = path.strip_prefix(own)?;
            (below.is_empty() || below.starts_with('/')).then_some((*kind, below))
        };
        let (kind, below) = Kind::ALL.iter().filter_map(below_of).min_by_key(|(_, below)| below.len())?;
        let parts: Vec<&str> = below.split('/').skip(1).collect();
        let is_served = match (kind, parts.as_slice()) {
            (Kind::Images, [what]) => matches!(*what, "generations" | "edits" | "variations"),
            (Kind::Audio, [what]) => matches!(*what, "speech" | "transcriptions" | "translations"),
            (Kind::Images | Kind::Audio, _) => false,
            (_, []) => true,
            (Kind::Responses | Kind::Files | Kind::Batches, [id]) => is_id(id),
            (Kind::Responses, [id, what]) => is_id(id) && matches!(*what, "cancel" | "input_items"),
            (Kind::Files, [id, "content"]) | (Kind::Batches, [id, "cancel"]) => is_id(id),
            _ => false,
        };
        is_served.then(|| Asked { kind, below: below.to_owned() })
    }

    /// The word for it in the ledger and in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Door::Ask(asked) => asked.kind.path(),
            Door::Models | Door::Model(_) => "/v1/models",
            Door::Feedback => "/v1/feedback",
            Door::Health => "/healthz",
            Door::Ready => "/readyz",
            Door::Root => "/",
            Door::Unknown => "other",
        }
    }

    /// The dialect in which refusals are worded.
    pub fn dialect(&self) -> Dialect {
        match self {
            Door::Ask(asked) => asked.kind.dialect(),
            _ => Dialect::OpenaiChat,
        }
    }

    /// What is asked, if it is of a model or a provider, and how the request goes through its door.
    ///
    /// # Errors
    /// `UnknownPath`, `MethodNotAllowed` with the method that is, or `NoUpgrade` for a WebSocket.
    pub fn asked(&self, head: &Parts) -> Result<(&Asked, Way), Failure> {
        match self {
            Door::Ask(asked) => asked.way(&head.method, &head.headers).map(|way| (asked, way)),
            Door::Unknown => {
                let message = "no such path: this proxy serves OpenAI's and Anthropic's paths below /v1 (chat/completions, \
                               responses, messages, completions, embeddings, rerank, moderations, images, audio, files, \
                               batches, models, feedback)";
                Err(Failure::new(FailureKind::UnknownPath, message))
            }
            _ => Err(not_with("GET")),
        }
    }
}

impl Asked {
    fn way(&self, method: &Method, headers: &HeaderMap) -> Result<Way, Failure> {
        let is_post = method == Method::POST;
        match self.kind {
            Kind::Files | Kind::Batches
                if is_post || matches!(*method, Method::GET | Method::HEAD | Method::DELETE) =>
            {
                Ok(Way::Passage)
            }
            Kind::Files | Kind::Batches => Err(not_with("GET, POST or DELETE")),
            Kind::Responses if !self.below.is_empty() => {
                let is_action = self.below.ends_with("/cancel");
                let fits =
                    if is_action { is_post } else { matches!(*method, Method::GET | Method::HEAD | Method::DELETE) };
                if fits { Ok(Way::Passage) } else { Err(not_with(if is_action { "POST" } else { "GET or DELETE" })) }
            }
            Kind::Responses if headers.contains_key(UPGRADE) => {
                let message = "this proxy speaks no WebSocket here: send POST /v1/responses, whose answer streams as \
                               server-sent events";
                Err(Failure::new(FailureKind::NoUpgrade, message))
            }
            Kind::Images | Kind::Audio if is_post && is_multipart(headers) => Ok(Way::Passage),
            _ if is_post => Ok(Way::Prompt),
            _ => Err(not_with("POST")),
        }
    }
}

fn not_with(methods: &str) -> Failure {
    Failure::new(FailureKind::MethodNotAllowed, format!("this path takes {methods}"))
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().get(..10));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"multipart/"))
}

/// Ids are made of letters, digits and a few marks; whatever else stands in their place could mean another path upstream.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'=');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(kind: Kind, below: &str) -> Door {
        Door::Ask(Asked { kind, below: below.to_owned() })
    }

    #[test]
    fn paths_come_with_and_without_their_version() {
        let check = |path: &str, door| assert_eq!(Door::of(path), door, "{path}");
        for path in ["/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/"] {
            check(path, ask(Kind::Chat, ""));
        }
        check("/v1/models", Door::Models);
        check("/v1/models/openai/gpt-5", Door::Model("openai/gpt-5".to_owned()));
        check("/v1/models/openai%2Fgpt-5", Door::Model("openai/gpt-5".to_owned()));
        check("/", Door::Root);
        check("/v1", Door::Root);
        check("/v1/feedback", Door::Feedback);
        check("/healthz", Door::Health);
        for path in
            ["/v1beta/models", "/v1//chat/completions", "/v1/chat%2fcompletions", "/v1/chat", "/v1/chat/completions/x"]
        {
            check(path, Door::Unknown);
        }
    }

    #[test]
    fn what_hangs_on_an_id_is_below_its_door() {
        let check = |path: &str, door| assert_eq!(Door::of(path), door, "{path}");
        check("/v1/responses", ask(Kind::Responses, ""));
        check("/v1/responses/compact", ask(Kind::Compact, ""));
        check("/responses/input_tokens", ask(Kind::InputTokens, ""));
        check("/v1/responses/resp_1", ask(Kind::Responses, "/resp_1"));
        check("/v1/responses/resp_1/cancel", ask(Kind::Responses, "/resp_1/cancel"));
        check("/v1/responses/resp_1/input_items", ask(Kind::Responses, "/resp_1/input_items"));
        check("/v1/messages/count_tokens", ask(Kind::CountTokens, ""));
        check("/v1/images/generations", ask(Kind::Images, "/generations"));
        check("/v1/audio/speech", ask(Kind::Audio, "/speech"));
        check("/v1/files", ask(Kind::Files, ""));
        check("/v1/files/file-1/content", ask(Kind::Files, "/file-1/content"));
        check("/v1/batches/batch_1/cancel", ask(Kind::Batches, "/batch_1/cancel"));
        for path in [
            "/v1/responses/a/b",
            "/v1/responses/..",
            "/v1/files/%2e%2e/content",
            "/v1/files//content",
            "/v1/images",
            "/v1/audio/x",
            "/v1/messages/batches",
            "/v1/embeddings/x",
        ] {
            check(path, Door::Unknown);
        }
    }

    #[test]
    fn each_door_takes_its_methods_and_no_upgrade() {
        let way = |path: &str, method: Method, headers: &[(&str, &str)]| {
            let request = headers
                .iter()
                .fold(hyper::Request::builder().method(method), |request, (name, value)| request.header(*name, *value));
            let (head, ()) = request.body(()).expect("a request").into_parts();
            Door::of(path).asked(&head).map(|(_, way)| way).map_err(|failure| failure.kind)
        };
        assert_eq!(way("/v1/messages", Method::POST, &[]), Ok(Way::Prompt));
        assert_eq!(way("/v1/messages", Method::GET, &[]), Err(FailureKind::MethodNotAllowed));
        assert_eq!(way("/v1/responses", Method::GET, &[("upgrade", "websocket")]), Err(FailureKind::NoUpgrade));
        assert_eq!(way("/v1/responses/resp_1", Method::GET, &[]), Ok(Way::Passage));
        assert_eq!(way("/v1/responses/resp_1/cancel", Method::GET, &[]), Err(FailureKind::MethodNotAllowed));
        let form = [("content-type", "multipart/form-data; boundary=x")];
        assert_eq!(way("/v1/audio/transcriptions", Method::POST, &form), Ok(Way::Passage));
        assert_eq!(way("/v1/images/generations", Method::POST, &[]), Ok(Way::Prompt));
        assert_eq!(way("/v1/files", Method::GET, &[]), Ok(Way::Passage));
        assert_eq!(way("/v1/nothing", Method::POST, &[]), Err(FailureKind::UnknownPath));
    }
}
