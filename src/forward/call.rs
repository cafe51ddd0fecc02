//! A request as one endpoint gets it: its address, its body in the endpoint's dialect, and how its answer is to be read.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Uri};

use super::problem::Problem;
use super::scrutiny::Scrutiny;
use super::sign::Unsigned;
use super::target::{self, target};
use super::{Auth, Endpoint, Errand, headers, sign};
use crate::dialect::translate::{self, Context};
use crate::dialect::{self, Wanted, Wire};
use crate::domain::{Dialect, Prompt};

/// A request as one endpoint gets it. Every attempt sends the same.
#[derive(Debug)]
pub struct Call {
    /// Where it goes.
    pub uri: Uri,
    /// Its body.
    pub body: Bytes,
    /// What the answer will be in.
    pub wire: Wire,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// The caller's dialect and what its answer repeats, where the endpoint speaks another one.
    pub translation: Option<Translation>,
    /// The hints that the endpoint is not sent, by name.
    pub left_out: Vec<String>,
    /// How its answer is judged; `None`: it is not.
    pub scrutiny: Option<Scrutiny>,
    headers: HeaderMap,
}

/// What has to be translated of the answer.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The dialect in which the caller is answered.
    pub to: Dialect,
    /// What the answer needs to know of the request.
    pub context: Context,
}

/// Whether a conversation's request or answer has to be translated for this endpoint.
pub fn is_translated(endpoint: &Endpoint, prompt: &Prompt) -> bool {
    translates(endpoint, prompt, prompt.dialect) || translates(endpoint, prompt, prompt.door.dialect())
}

/// Whether what is in `dialect` has to be translated. What is no conversation is served in OpenAI's manner by whatever
/// OpenAI dialect an endpoint speaks, and tokens are counted only where they can be.
fn translates(endpoint: &Endpoint, prompt: &Prompt, dialect: Dialect) -> bool {
    endpoint.dialect != dialect && prompt.door.is_conversation() && !prompt.door.is_counting()
}

impl Call {
    /// The request for this endpoint.
    ///
    /// # Errors
    /// `Untranslatable` if the endpoint speaks another dialect in which it cannot be said.
    pub fn new(endpoint: &Endpoint, errand: &Errand<'_>) -> Result<Self, Problem> {
        let prompt = errand.prompt;
        let foreign = (errand.foreign)(endpoint);
        let wanted = Wanted { model: &endpoint.model, ask_usage: endpoint.ask_usage, foreign: &foreign };
        let translate::Request { body, left_out } = match translates(endpoint, prompt, prompt.dialect) {
            false => translate::Request { body: dialect::request_body(prompt, &wanted), left_out: Vec::new() },
            true => {
                translate::request(prompt, endpoint.dialect, &wanted, &endpoint.omit).map_err(Problem::Unsendable)?
            }
        };
        let answers_in = prompt.door.dialect();
        let translation = translates(endpoint, prompt, answers_in).then(|| Translation {
            to: answers_in,
            context: Context { model: endpoint.model.to_string(), ..errand.context.clone() },
        });
        let query = errand.query.filter(|_| endpoint.dialect == answers_in);
        let asked = target::Request { door: prompt.door, below: errand.below, query, stream: prompt.stream };
        let uri = target(endpoint, &asked).ok_or(Problem::Settings("its address is no URL".to_owned()))?;
        let accept = match (prompt.stream, endpoint.dialect) {
            (false, _) => "application/json",
            (true, Dialect::BedrockConverse) => "application/vnd.amazon.eventstream",
            (true, _) => "text/event-stream",
        };
        let mut headers = headers::upstream_request(errand.headers, endpoint, answers_in);
        headers.insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(hyper::header::ACCEPT, HeaderValue::from_static(accept));
        let wire = Wire { dialect: endpoint.dialect, door: prompt.door };
        Ok(Self { uri, body, wire, stream: prompt.stream, translation, left_out, scrutiny: None, headers })
    }

    /// The same, its answer judged so.
    pub fn judged(mut self, scrutiny: Option<Scrutiny>) -> Self {
        self.scrutiny = scrutiny;
        self
    }

    /// The headers, signed at this moment where the endpoint wants that.
    ///
    /// # Errors
    /// `Settings` if the credentials cannot sign.
    pub fn headers(&self, endpoint: &Arc<Endpoint>, now: SystemTime) -> Result<HeaderMap, Problem> {
        let mut headers = self.headers.clone();
        if let Auth::Aws(credentials, region) = &endpoint.auth {
            let unsigned = Unsigned { method: &Method::POST, uri: &self.uri, headers: &headers, body: &self.body };
            let signed = sign::sign(unsigned, credentials, region, now);
            let signed: Vec<(HeaderName, HeaderValue)> =
                signed.map_err(|error| Problem::Settings(error.to_string()))?;
            headers.extend(signed);
        }
        Ok(headers)
    }
}
