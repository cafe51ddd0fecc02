//! One try at one endpoint, up to the moment from which its answer is the caller's: the whole body of a whole answer,
//! the first content of a streamed one. Until then nothing has gone to the caller, so every fault can still be mended
//! by another attempt.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use tokio::time::{Instant, timeout_at};

use super::answer::{AnswerBody, AnswerStream, Got};
use super::call::{Call, Translation};
use super::pool::{HttpClient, UpstreamBody};
use super::problem::{Problem, Stage, Whose};
use super::{Auth, Endpoint, headers, pass};
use crate::dialect::framing::Framing;
use crate::dialect::{self, Event, Wire, sse, translate};

/// The largest whole answer that is taken in.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The largest error body that is kept.
const MAX_ERROR_BYTES: usize = 1 << 20;

/// How much of a stream is held back while no content has come.
const MAX_HELD_BYTES: usize = 64 << 10;

/// How long events without content are held back, before callers are let see that the upstream is alive.
const MAX_HOLD: Duration = Duration::from_secs(5);

/// Until when.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The first content.
    pub(super) head_by: Instant,
    /// The whole answer.
    pub(super) deadline: Instant,
}

/// Sends a request and waits until its answer is the caller's.
///
/// # Errors
/// What went wrong, while it can still be tried again.
pub async fn attempt(client: &HttpClient, endpoint: &Arc<Endpoint>, call: &Call) -> Result<Got, Problem> {
    let started = Instant::now();
    let deadline = started + endpoint.limits.total;
    let head_by = if call.stream {
        deadline.min(started + endpoint.limits.connect + endpoint.limits.first_byte)
    } else {
        deadline
    };
    let request = request(endpoint, call)?;
    let response = timeout_at(head_by, client.request(request)).await.map_err(|_| Problem::timeout(Stage::Head))?;
    let response = response.map_err(|error| Problem::transport(&error))?;
    if !response.status().is_success() {
        return Err(provider_error(response, endpoint, call.translation.as_ref()).await);
    }
    if response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::not_an_answer("encoded", "the answer is compressed although that was not asked for"));
    }
    match (call.stream, framing(response.headers())) {
        (true, Some(framing)) => stream(response, framing, endpoint, call, Limits { head_by, deadline }).await,
        (_, None) if call.wire.is_plain() && !is_json(response.headers()) => {
            Ok(pass::raw(response, call.wire, deadline))
        }
        (asked, None) if !asked || call.wire.is_plain() => {
            whole(response, call.wire, call.translation.as_ref(), endpoint, deadline, false).await
        }
        (_, None) => Err(Problem::not_an_answer("not_a_stream", "a stream was asked for and none came")),
        (false, Some(_)) => Err(Problem::not_an_answer("unasked_stream", "a stream came although none was asked for")),
    }
}

fn request(endpoint: &Arc<Endpoint>, call: &Call) -> Result<Request<UpstreamBody>, Problem> {
    let mut request = Request::new(Either::Left(Full::new(call.body.clone())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = call.uri.clone();
    *request.headers_mut() = call.headers(endpoint, SystemTime::now())?;
    Ok(request)
}

/// How a stream's events are told apart; `None` if it is no stream.
pub(super) fn framing(headers: &HeaderMap) -> Option<Framing> {
    Framing::of(headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes))
}

/// Whether an answer is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// The headers of an answer whose body was written anew.
fn translated(mut headers: HeaderMap, content_type: &'static str) -> HeaderMap {
    for of_the_old_body in
        ["content-encoding", "etag", "digest", "content-digest", "content-md5", "content-disposition"]
    {
        headers.remove(of_the_old_body);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers
}

/// A provider's refusal, with its body as it came.
pub(super) async fn provider_error(
    response: Response<Incoming>,
    endpoint: &Endpoint,
    translation: Option<&Translation>,
) -> Problem {
    let (head, body) = response.into_parts();
    let by = Instant::now() + Duration::from_secs(10);
    let body = collect(body, MAX_ERROR_BYTES, by, Duration::from_secs(10)).await.unwrap_or_default();
    let mut problem = Problem::status(head.status, &head.headers, body);
    if let Problem::Status(refusal) = &mut problem {
        refusal.credential = match endpoint.auth {
            Auth::Caller => Whose::Callers,
            Auth::Aws(..) => Whose::OurSignature,
            _ => Whose::Ours,
        };
    }
    if let (Some(translation), Problem::Status(refusal)) = (translation, &mut problem) {
        refusal.body = dialect::provider_error(translation.to, refusal.status.as_u16(), &refusal.body);
        refusal.headers = translated(std::mem::take(&mut refusal.headers), "application/json");
    }
    problem
}

pub(super) async fn whole(
    response: Response<Incoming>,
    wire: Wire,
    translation: Option<&Translation>,
    endpoint: &Endpoint,
    deadline: Instant,
    is_passed: bool,
) -> Result<Got, Problem> {
    let (head, body) = response.into_parts();
    let bytes = collect(body, MAX_ANSWER_BYTES, deadline, endpoint.limits.idle).await?;
    let mut answer = dialect::read_answer(wire, &bytes);
    // What was passed on is between caller and provider: a list, a deletion, an answer that failed.
    if let Some(error) = answer.error.take().filter(|_| !is_passed) {
        return Err(Problem::error_inside(error));
    }
    if !answer.is_answer && !is_passed {
        return Err(Problem::not_an_answer("garbage", "what came with a status of success is no answer"));
    }
    let headers = headers::from_upstream(&head.headers);
    let (bytes, headers) = match translation {
        None => (bytes, headers),
        Some(Translation { to, context, .. }) => {
            let written = translate::answer(endpoint.dialect, *to, &bytes, context);
            let garbage = || Problem::not_an_answer("garbage", "what came with a status of success is no answer");
            (written.ok_or_else(garbage)?, translated(headers, "application/json"))
        }
    };
    let body = AnswerBody::Whole { bytes, answer: Some(Box::new(answer)) };
    Ok(Got { status: head.status, headers, body, left_out: Vec::new() })
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
    mut framing: Framing,
    endpoint: &Endpoint,
    call: &Call,
    Limits { head_by: first_by, deadline }: Limits,
) -> Result<Got, Problem> {
    let (head, mut rest) = response.into_parts();
    let (mut held, mut held_bytes) = (VecDeque::new(), 0);
    let mut release_by: Option<Instant> = None;
    let mut has_ended = false;
    'hold: loop {
        while let Some(frame) = framing.next_frame().or_else(|| has_ended.then(|| framing.finish()).flatten()) {
            let event = sse::data(&frame.bytes).map(|data| dialect::read_event(call.wire, &data));
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
                    framing.push(&piece);
                }
            }
        }
    }
    let headers = headers::from_upstream(&head.headers);
    let (translator, headers) = match &call.translation {
        None => (None, headers),
        Some(Translation { to, context, .. }) => (
            Some(translate::Stream::new(endpoint.dialect, *to, context.clone())),
            translated(headers, "text/event-stream; charset=utf-8"),
        ),
    };
    let stream = AnswerStream { wire: call.wire, translator, held, framing, rest, first_by, deadline };
    let body = AnswerBody::Stream(Box::new(stream));
    Ok(Got { status: head.status, headers, body, left_out: Vec::new() })
}
