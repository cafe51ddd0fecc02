//! One try at one endpoint, up to the moment from which its answer is the caller's: the whole body of a whole answer,
//! the first content of a streamed one. Until then nothing has gone to the caller, so every fault can still be mended
//! by another attempt.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request, Response, Uri};
use tokio::time::{Instant, timeout_at};

use super::answer::{AnswerBody, AnswerStream, Got};
use super::pool::HttpClient;
use super::problem::{Problem, Stage};
use super::{Endpoint, headers};
use crate::dialect::sse::{self, Splitter};
use crate::dialect::{self, Event};

/// The largest whole answer that is taken in.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The largest error body that is kept.
const MAX_ERROR_BYTES: usize = 1 << 20;

/// How much of a stream is held back while no content has come.
const MAX_HELD_BYTES: usize = 64 << 10;

/// How long events without content are held back, before callers are let see that the upstream is alive.
const MAX_HOLD: Duration = Duration::from_secs(5);

/// What is sent.
pub struct Outgoing<'a> {
    /// To whom.
    pub endpoint: &'a Arc<Endpoint>,
    /// The body, with the endpoint's model in it.
    pub body: Bytes,
    /// The caller's headers.
    pub headers: &'a HeaderMap,
    /// Whether a stream is asked for.
    pub stream: bool,
}

/// Sends a request and waits until its answer is the caller's.
///
/// # Errors
/// What went wrong, while it can still be tried again.
pub async fn attempt(client: &HttpClient, outgoing: Outgoing<'_>) -> Result<Got, Problem> {
    let endpoint = outgoing.endpoint;
    let started = Instant::now();
    let deadline = started + endpoint.limits.total;
    let head_by = if outgoing.stream {
        deadline.min(started + endpoint.limits.connect + endpoint.limits.first_byte)
    } else {
        deadline
    };
    let request = request(&outgoing);
    let response = timeout_at(head_by, client.request(request)).await.map_err(|_| Problem::timeout(Stage::Head))?;
    let response = response.map_err(|error| Problem::transport(&error))?;
    if !response.status().is_success() {
        return Err(provider_error(response).await);
    }
    if response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::not_an_answer("encoded", "the answer is compressed although that was not asked for"));
    }
    let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
    });
    match (outgoing.stream, is_stream) {
        (true, true) => stream(response, endpoint, head_by, deadline).await,
        (false, false) => whole(response, endpoint, deadline).await,
        (true, false) => Err(Problem::not_an_answer("not_a_stream", "a stream was asked for and none came")),
        (false, true) => Err(Problem::not_an_answer("unasked_stream", "a stream came although none was asked for")),
    }
}

fn request(outgoing: &Outgoing<'_>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(outgoing.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target(outgoing.endpoint);
    *request.headers_mut() = headers::upstream_request(outgoing.headers, outgoing.endpoint, outgoing.stream);
    request
}

/// The endpoint's base URL with its dialect's path below it. A base with a path of its own, such as `/v1` or
/// `/v1beta/openai`, is what providers document as their base URL; without one the version is ours to add.
fn target(endpoint: &Endpoint) -> Uri {
    let base = endpoint.url.path().trim_end_matches('/');
    let path = "/v1/chat/completions";
    let below = if base.is_empty() { path } else { path.trim_start_matches("/v1") };
    let mut parts = endpoint.url.clone().into_parts();
    // Both halves are paths of valid URIs.
    parts.path_and_query = format!("{base}{below}").parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| endpoint.url.clone())
}

/// A provider's refusal, with its body as it came.
async fn provider_error(response: Response<Incoming>) -> Problem {
    let (head, body) = response.into_parts();
    let by = Instant::now() + Duration::from_secs(10);
    let body = collect(body, MAX_ERROR_BYTES, by, Duration::from_secs(10)).await.unwrap_or_default();
    Problem::status(head.status, &head.headers, body)
}

async fn whole(response: Response<Incoming>, endpoint: &Endpoint, deadline: Instant) -> Result<Got, Problem> {
    let (head, body) = response.into_parts();
    let bytes = collect(body, MAX_ANSWER_BYTES, deadline, endpoint.limits.idle).await?;
    let answer = dialect::read_answer(endpoint.dialect, &bytes);
    if let Some(error) = answer.error {
        return Err(Problem::error_inside(error));
    }
    if !answer.is_answer {
        return Err(Problem::not_an_answer("garbage", "what came with a status of success is no answer"));
    }
    let body = AnswerBody::Whole { bytes, answer: Some(Box::new(answer)) };
    Ok(Got { status: head.status, headers: headers::from_upstream(&head.headers), body })
}

async fn collect(mut body: Incoming, most: usize, deadline: Instant, idle: Duration) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let by = deadline.min(Instant::now() + idle);
        let Some(frame) = timeout_at(by, body.frame()).await.map_err(|_| Problem::timeout(Stage::Body))? else { break };
        let Ok(piece) = frame.map_err(|_| Problem::cut())?.into_data() else { continue };
        if first.is_empty() && rest.is_empty() {
            first = piece;
            continue;
        }
        if rest.is_empty() {
            let hint = body.size_hint().lower() as usize;
            rest.reserve((first.len() + piece.len() + hint).min(most));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&piece);
        if rest.len() > most {
            return Err(Problem::not_an_answer("flood", "the answer is larger than this proxy takes in"));
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Holds a stream's events back until one has content, so that an upstream which fails after a status of success can
/// still be replaced.
async fn stream(
    response: Response<Incoming>,
    endpoint: &Endpoint,
    first_by: Instant,
    deadline: Instant,
) -> Result<Got, Problem> {
    let (head, mut rest) = response.into_parts();
    let (mut splitter, mut held, mut held_bytes) = (Splitter::default(), VecDeque::new(), 0);
    let mut release_by: Option<Instant> = None;
    let mut has_ended = false;
    'hold: loop {
        while let Some(frame) = splitter.next_frame().or_else(|| has_ended.then(|| splitter.finish()).flatten()) {
            let event = sse::data(&frame.bytes).map(|data| dialect::read_event(endpoint.dialect, &data));
            let has_content = match event {
                Some(Event::Error(error)) => return Err(Problem::error_inside(error)),
                Some(Event::Garbage) if frame.whole => {
                    return Err(Problem::not_an_answer("garbage", "the stream holds what is no event of an answer"));
                }
                Some(Event::Done(piece)) if !piece.has_content => {
                    return Err(Problem::not_an_answer("empty", "the stream ended without content"));
                }
                Some(Event::Piece(piece) | Event::Done(piece)) => piece.has_content,
                Some(Event::Garbage) | None => false,
            };
            held_bytes += frame.bytes.len();
            held.push_back(frame);
            if has_content || held_bytes > MAX_HELD_BYTES {
                break 'hold;
            }
            release_by.get_or_insert_with(|| Instant::now() + MAX_HOLD);
        }
        if has_ended {
            return Err(Problem::not_an_answer("empty", "the stream ended without content"));
        }
        match timeout_at(release_by.unwrap_or(first_by).min(first_by), rest.frame()).await {
            Err(_) if release_by.is_some_and(|by| by <= Instant::now()) => break,
            Err(_) => return Err(Problem::timeout(Stage::FirstByte)),
            Ok(None) => has_ended = true,
            Ok(Some(Err(_))) => return Err(Problem::cut()),
            Ok(Some(Ok(frame))) => {
                if let Ok(piece) = frame.into_data() {
                    splitter.push(&piece);
                }
            }
        }
    }
    let body = AnswerBody::Stream(Box::new(AnswerStream { held, splitter, rest, first_by, deadline }));
    Ok(Got { status: head.status, headers: headers::from_upstream(&head.headers), body })
}
