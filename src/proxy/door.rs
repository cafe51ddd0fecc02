//! The paths that are served. A path is parsed once, alone: never the host, never the query.

use hyper::Method;

use crate::domain::{Dialect, Door as Kind, Failure, FailureKind};

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Door {
    /// An answer to a prompt.
    Prompt(Kind),
    /// The models that may be asked for.
    Models,
    /// One of them, by its id, which may have slashes.
    Model(String),
    /// Whether the process lives.
    Health,
    /// Whether it takes requests.
    Ready,
    /// A client's probe of the base URL.
    Root,
    /// Nothing that is served.
    Unknown,
}

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
            "/chat/completions" => Door::Prompt(Kind::Chat),
            "/models" => Door::Models,
            _ => match below.strip_prefix("/models/") {
                Some(id) if !id.is_empty() => Door::Model(id.to_owned()),
                _ => Door::Unknown,
            },
        }
    }

    /// The word for it in the ledger and in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Door::Prompt(kind) => kind.path(),
            Door::Models | Door::Model(_) => "/v1/models",
            Door::Health => "/healthz",
            Door::Ready => "/readyz",
            Door::Root => "/",
            Door::Unknown => "other",
        }
    }

    /// The dialect in which refusals are worded.
    pub fn dialect(&self) -> Dialect {
        match self {
            Door::Prompt(kind) => kind.dialect(),
            _ => Dialect::OpenaiChat,
        }
    }

    /// The prompt's dialect, if a prompt is what comes through this door with this method.
    ///
    /// # Errors
    /// `UnknownPath`, or `MethodNotAllowed` with the method that is.
    pub fn prompt(&self, method: &Method) -> Result<Kind, Failure> {
        match self {
            Door::Prompt(kind) if method == Method::POST => Ok(*kind),
            Door::Prompt(_) => {
                Err(Failure::new(FailureKind::MethodNotAllowed, "this path takes POST with a JSON body"))
            }
            Door::Unknown => {
                let message = "no such path: this proxy serves POST /v1/chat/completions and GET /v1/models";
                Err(Failure::new(FailureKind::UnknownPath, message))
            }
            _ => Err(Failure::new(FailureKind::MethodNotAllowed, "this path takes GET")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_with_and_without_their_version() {
        let check = |path: &str, door| assert_eq!(Door::of(path), door, "{path}");
        let chat = || Door::Prompt(Kind::Chat);
        check("/v1/chat/completions", chat());
        check("/chat/completions", chat());
        check("/v1/v1/chat/completions", chat());
        check("/v1/chat/completions/", chat());
        check("/v1/models", Door::Models);
        check("/v1/models/openai/gpt-5", Door::Model("openai/gpt-5".to_owned()));
        check("/", Door::Root);
        check("/v1", Door::Root);
        check("/healthz", Door::Health);
        check("/v1beta/models", Door::Unknown);
        check("/v1//chat/completions", Door::Unknown);
        check("/v1/chat%2fcompletions", Door::Unknown);
        check("/v1/files", Door::Unknown);
    }
}
