//! Where at an endpoint a request goes: the path below its base URL.
//!
//! A base URL is what the provider documents as such. Where it has a path of its own (`/v1`, `/v1beta/openai`), that is
//! all the version there is; where it has none, the version is ours to add.

use hyper::Uri;

use super::Endpoint;
use super::sign::path_segment;
use crate::domain::{Dialect, Door};

/// What is asked of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What for.
    pub door: Door,
    /// What stands below the door's own path, such as `/resp_1/cancel` or `/generations`.
    pub below: &'a str,
    /// The caller's query, where it belongs to what is asked.
    pub query: Option<&'a str>,
    /// Whether a stream is asked for.
    pub stream: bool,
}

/// The address of what is asked; `None` if it cannot stand in a URL.
pub fn target(endpoint: &Endpoint, request: &Request<'_>) -> Option<Uri> {
    let base = endpoint.url.path().trim_end_matches('/');
    let model = &*endpoint.model;
    let path = match endpoint.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai(endpoint, base, request),
        Dialect::AnthropicMessages => {
            let version = if base.ends_with("/v1") { "" } else { "/v1" };
            let counting = if request.door.is_counting() { "/count_tokens" } else { "" };
            format!("{base}{version}/messages{counting}")
        }
        Dialect::Gemini => {
            let version = if base.is_empty() { "/v1beta" } else { base };
            let method = if request.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            format!("{version}/models/{model}:{method}")
        }
        Dialect::BedrockConverse => {
            let method = if request.stream { "converse-stream" } else { "converse" };
            format!("{base}/model/{}/{method}", path_segment(model))
        }
    };
    let mut path_and_query = path;
    for part in [endpoint.api_version.as_deref().map(|version| format!("api-version={version}")), query(request)] {
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            path_and_query.push(if path_and_query.contains('?') { '&' } else { '?' });
            path_and_query.push_str(&part);
        }
    }
    let mut parts = endpoint.url.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn openai(endpoint: &Endpoint, base: &str, request: &Request<'_>) -> String {
    let door = match request.door {
        // Whatever the caller speaks, the endpoint is asked in its own dialect.
        Door::Chat | Door::Responses | Door::Messages if endpoint.dialect == Dialect::OpenaiResponses => {
            Door::Responses
        }
        Door::Chat | Door::Responses | Door::Messages => Door::Chat,
        other => other,
    };
    let below = door.path().trim_start_matches("/v1");
    let version = if base.is_empty() { "/v1" } else { base };
    let deployment = match &endpoint.api_version {
        // The classic address has the deployment in the path, but for what belongs to the whole account.
        Some(_) if !matches!(door, Door::Responses | Door::Files | Door::Batches) => {
            let openai = if base.is_empty() { "/openai" } else { base };
            return format!("{openai}/deployments/{}{below}{}", path_segment(&endpoint.model), request.below);
        }
        Some(_) if base.is_empty() => "/openai",
        _ => version,
    };
    format!("{deployment}{below}{}", request.below)
}

/// The caller's query without what could be a credential.
fn query(request: &Request<'_>) -> Option<String> {
    let secret = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "key" | "api_key" | "api-key" | "apikey" | "access_token" | "token" | "api-version")
    };
    let kept: Vec<&str> = request.query?.split('&').filter(secret).collect();
    Some(kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::endpoint::sample;

    fn check(dialect: Dialect, url: &str, model: &str, request: Request<'_>, expected: &str) {
        let mut endpoint = sample(dialect, url);
        endpoint.model = model.into();
        assert_eq!(target(&endpoint, &request).expect("an address").to_string(), expected);
    }

    fn ask(door: Door) -> Request<'static> {
        Request { door, below: "", query: None, stream: false }
    }

    #[test]
    fn a_base_url_with_a_path_is_the_whole_version() {
        let chat = |url, expected| check(Dialect::OpenaiChat, url, "m", ask(Door::Chat), expected);
        chat("http://a:1", "http://a:1/v1/chat/completions");
        chat("http://a:1/v1", "http://a:1/v1/chat/completions");
        chat("http://a:1/v1beta/openai/", "http://a:1/v1beta/openai/chat/completions");
        let messages = |url, expected| check(Dialect::AnthropicMessages, url, "m", ask(Door::Chat), expected);
        messages("https://a", "https://a/v1/messages");
        messages("https://a/v1", "https://a/v1/messages");
        messages("https://a/anthropic", "https://a/anthropic/v1/messages");
    }

    #[test]
    fn each_dialect_has_its_own_address_for_a_turn() {
        let stream = Request { stream: true, ..ask(Door::Messages) };
        check(Dialect::OpenaiResponses, "https://a/v1", "m", ask(Door::Messages), "https://a/v1/responses");
        check(Dialect::OpenaiChat, "https://a/v1", "m", ask(Door::Responses), "https://a/v1/chat/completions");
        check(
            Dialect::Gemini,
            "https://g",
            "gemini-3",
            ask(Door::Chat),
            "https://g/v1beta/models/gemini-3:generateContent",
        );
        check(Dialect::Gemini, "https://g", "m", stream, "https://g/v1beta/models/m:streamGenerateContent?alt=sse");
        check(Dialect::BedrockConverse, "https://b", "a.c-v1:0", stream, "https://b/model/a.c-v1%3A0/converse-stream");
        check(
            Dialect::AnthropicMessages,
            "https://a",
            "m",
            Request { query: Some("beta=true&key=secret"), ..ask(Door::CountTokens) },
            "https://a/v1/messages/count_tokens?beta=true",
        );
    }

    #[test]
    fn what_hangs_on_an_id_keeps_its_path_and_query() {
        let cancel = Request { below: "/resp_1/cancel", ..ask(Door::Responses) };
        check(Dialect::OpenaiResponses, "https://a", "m", cancel, "https://a/v1/responses/resp_1/cancel");
        let items = Request { below: "/resp_1/input_items", query: Some("limit=5"), ..ask(Door::Responses) };
        check(Dialect::OpenaiResponses, "https://a", "m", items, "https://a/v1/responses/resp_1/input_items?limit=5");
    }

    #[test]
    fn azure_has_the_deployment_in_the_path_where_a_version_is_set() {
        let azure = |door, expected: &str| {
            let mut endpoint = sample(Dialect::OpenaiChat, "https://n.openai.azure.com");
            endpoint.model = "my-gpt".into();
            endpoint.api_version = Some("2024-10-21".into());
            assert_eq!(target(&endpoint, &ask(door)).expect("an address").to_string(), expected);
        };
        azure(
            Door::Chat,
            "https://n.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
        );
        azure(Door::Files, "https://n.openai.azure.com/openai/files?api-version=2024-10-21");
        let v1 = "https://n.openai.azure.com/openai/v1";
        check(Dialect::OpenaiChat, v1, "m", ask(Door::Chat), "https://n.openai.azure.com/openai/v1/chat/completions");
    }
}
