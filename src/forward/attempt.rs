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
use super::scrutiny::{Hearing, Scrutiny};
use super::{Auth, Endpoint, headers, pass};
use crate::dialect::framing::Framing;
use crate::dialect::sse::Frame;
use crate::dialect::{self, Event, Wire, sse, translate};
use crate::verify::Step;

/// The largest whole answer that is taken in.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The largest error body that is kept.
const MAX_ERROR_BYTES: usize = 1 << 20;

/// How much of a stream is held back while no content has come.
const MAX_HELD_BYTES: usize = 64 << 10;

/// How long the end of an answer is waited for that goes to nobody, and how much of it is read: its last events tell what
/// it used.
const TO_THE_END: Duration = Duration::from_secs(2);
const MAX_DRAINED_BYTES: usize = 1 << 20;

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
            let how =
                Reading { translation: call.translation.as_ref(), scrutiny: call.scrutiny.as_ref(), is_passed: false };
            whole(response, call.wire, how, endpoint, deadline).await
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

/// How a whole answer is read.
#[derive(Clone, Copy, Default)]
pub(super) struct Reading<'a> {
    /// What has to be translated of it.
    pub(super) translation: Option<&'a Translation>,
    /// How it is judged.
    pub(super) scrutiny: Option<&'a Scrutiny>,
    /// Whether it was passed on, so that it is between caller and provider what it says.
    pub(super) is_passed: bool,
}

pub(super) async fn whole(
    response: Response<Incoming>,
    wire: Wire,
    Reading { translation, scrutiny, is_passed }: Reading<'_>,
    endpoint: &Endpoint,
    deadline: Instant,
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
    let verdict = scrutiny.and_then(|scrutiny| scrutiny.judge(wire, &bytes, &answer));
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
    Ok(Got { status: head.status, headers, body, left_out: Vec::new(), verdict })
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
/// still be replaced; where the answer is verified, until it has passed what must be known before any of it flows.
async fn stream(
    response: Response<Incoming>,
    framing: Framing,
    endpoint: &Endpoint,
    call: &Call,
    Limits { head_by: first_by, deadline }: Limits,
) -> Result<Got, Problem> {
    let (head, rest) = response.into_parts();
    let mut begun = Begun { framing, rest, held: VecDeque::new(), held_bytes: 0, has_ended: false };
    let hearing = match &call.scrutiny {
        None => begun.first_content(call.wire, first_by).await.map(|()| None)?,
        Some(scrutiny) => Some(begun.verified(call.wire, scrutiny, Limits { head_by: first_by, deadline }).await?),
    };
    let headers = headers::from_upstream(&head.headers);
    let (translator, headers) = match &call.translation {
        None => (None, headers),
        Some(Translation { to, context, .. }) => (
            Some(translate::Stream::new(endpoint.dialect, *to, context.clone())),
            translated(headers, "text/event-stream; charset=utf-8"),
        ),
    };
    let verdict = hearing.as_ref().and_then(|hearing| hearing.verdict());
    let hearing = hearing.filter(|_| verdict.is_none()).map(Box::new);
    let Begun { framing, rest, held, .. } = begun;
    let stream = AnswerStream { wire: call.wire, translator, held, framing, rest, first_by, deadline, hearing };
    let body = AnswerBody::Stream(Box::new(stream));
    Ok(Got { status: head.status, headers, body, left_out: Vec::new(), verdict })
}

/// A stream that has begun, and of which nothing has gone out.
struct Begun {
    framing: Framing,
    rest: Incoming,
    held: VecDeque<Frame>,
    held_bytes: usize,
    has_ended: bool,
}

impl Begun {
    /// The next event that is there.
    fn next_frame(&mut self) -> Option<Frame> {
        self.framing.next_frame().or_else(|| self.has_ended.then(|| self.framing.finish()).flatten())
    }

    fn hold(&mut self, frame: Frame) {
        self.held_bytes += frame.bytes.len();
        self.held.push_back(frame);
    }

    /// Waits for more; `false` if it did not come in time.
    async fn more(&mut self, by: Instant) -> Result<bool, Problem> {
        match timeout_at(by, self.rest.frame()).await {
            Err(_) => return Ok(false),
            Ok(None) => self.has_ended = true,
            Ok(Some(Err(_))) => return Err(Problem::cut()),
            Ok(Some(Ok(frame))) => {
                if let Ok(piece) = frame.into_data() {
                    self.framing.push(&piece);
                }
            }
        }
        Ok(true)
    }

    /// Holds events back until one has content.
    async fn first_content(&mut self, wire: Wire, first_by: Instant) -> Result<(), Problem> {
        let mut release_by: Option<Instant> = None;
        loop {
            while let Some(frame) = self.next_frame() {
                let has_content = match read(wire, &frame)? {
                    Some((piece, true)) if !piece.has_content => return Err(empty()),
                    Some((piece, _)) => piece.has_content,
                    None => false,
                };
                self.hold(frame);
                if has_content || self.held_bytes > MAX_HELD_BYTES {
                    return Ok(());
                }
                release_by.get_or_insert_with(|| Instant::now() + MAX_HOLD);
            }
            if self.has_ended {
                return Err(empty());
            }
            if !self.more(release_by.unwrap_or(first_by).min(first_by)).await? {
                return match release_by {
                    Some(by) if by <= Instant::now() => Ok(()),
                    _ => Err(Problem::timeout(Stage::FirstByte)),
                };
            }
        }
    }

    /// Holds events back until what they say may flow, or has failed; then what comes of it is in the hearing. A failed
    /// answer is read to its end, if that is near: there the provider tells what it used.
    async fn verified(&mut self, wire: Wire, scrutiny: &Scrutiny, limits: Limits) -> Result<Hearing, Problem> {
        let mut hearing = scrutiny.hearing(wire);
        let mut thinking_since: Option<Instant> = None;
        let mut has_content = false;
        loop {
            while let Some(frame) = self.next_frame() {
                let is_last = match read(wire, &frame)? {
                    Some((piece, is_last)) => {
                        scrutiny.note(&piece);
                        has_content |= piece.has_content;
                        is_last
                    }
                    None => false,
                };
                let mut step = hearing.hear(&frame);
                self.hold(frame);
                // Not even that it is done does the model say: that is a fault, and no answer.
                if is_last && !has_content {
                    return Err(empty());
                }
                if is_last && hearing.verdict().is_none() {
                    step = hearing.end();
                }
                match step {
                    // An answer that is only watched goes on as if it were not.
                    Step::Flow if has_content || self.held_bytes > MAX_HELD_BYTES => return Ok(hearing),
                    Step::Fail(_) if scrutiny.holds => {
                        self.read_to_the_end(wire, scrutiny, limits.deadline).await;
                        return Ok(hearing);
                    }
                    Step::Fail(_) => return Ok(hearing),
                    Step::Flow | Step::Hold => {}
                }
                thinking_since.get_or_insert_with(Instant::now);
            }
            if self.has_ended {
                // The model did not say that it was done, and nothing has gone out.
                return Err(if has_content { Problem::cut() } else { empty() });
            }
            let release_by =
                thinking_since.map(|since| since + if scrutiny.holds { hearing.bounds().thoughts } else { MAX_HOLD });
            let release_by = release_by.filter(|_| hearing.hears_thoughts_only());
            let patience = if has_content { limits.deadline } else { limits.head_by };
            if !self.more(release_by.unwrap_or(patience).min(patience)).await? {
                if release_by.is_some_and(|by| by <= Instant::now()) {
                    hearing.let_thoughts_flow();
                    return Ok(hearing);
                }
                return Err(Problem::timeout(if has_content { Stage::Body } else { Stage::FirstByte }));
            }
        }
    }

    /// Reads on until the answer has ended, or that takes too long.
    async fn read_to_the_end(&mut self, wire: Wire, scrutiny: &Scrutiny, deadline: Instant) {
        let by = deadline.min(Instant::now() + TO_THE_END);
        loop {
            while let Some(frame) = self.next_frame() {
                let told = read(wire, &frame).ok().flatten();
                self.hold(frame);
                if let Some((piece, is_last)) = told {
                    scrutiny.note(&piece);
                    if is_last {
                        return;
                    }
                }
            }
            if self.has_ended || self.held_bytes > MAX_DRAINED_BYTES || !matches!(self.more(by).await, Ok(true)) {
                return;
            }
        }
    }
}

/// What an event tells, and whether it is the last; `None` for one that is none of the dialect's.
fn read(wire: Wire, frame: &Frame) -> Result<Option<(dialect::Piece, bool)>, Problem> {
    match sse::data(&frame.bytes).map(|data| dialect::read_event(wire, &data)) {
        Some(Event::Error(error)) => Err(Problem::error_inside(error)),
        Some(Event::Garbage) if frame.whole => {
            Err(Problem::not_an_answer("garbage", "the stream holds what is no event of an answer"))
        }
        Some(Event::Done(piece)) => Ok(Some((piece, true))),
        Some(Event::Piece(piece)) => Ok(Some((piece, false))),
        Some(Event::Garbage) | None => Ok(None),
    }
}

fn empty() -> Problem {
    Problem::not_an_answer("empty", "the stream ended without content")
}
