//! A request that is passed on as it comes: once, to one endpoint, its body neither parsed nor kept. Files, batches, forms,
//! and what hangs on the id of a response go this way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request, Response};

use super::answer::{AnswerBody, AnswerStream, Got};
use super::attempt::{self, Limits};
use super::pool::{Pool, UpstreamBody};
use super::problem::{Problem, Stage};
use super::target::{self, target};
use super::{Busy, Endpoint, Gate, Needs, Tried, Upload, Upstream, headers};
use crate::dialect::Wire;
use crate::dialect::framing::Framing;
use crate::domain::{Candidate, Door, Failure};

/// What is passed on.
pub struct Passage<'a> {
    /// The caller's method.
    pub method: Method,
    /// What for.
    pub door: Door,
    /// What stands below the door's own path.
    pub below: &'a str,
    /// The caller's query.
    pub query: Option<&'a str>,
    /// The caller's headers.
    pub headers: &'a HeaderMap,
    /// The caller's body, as it arrives; `None`: it sent none.
    pub body: Option<Upload>,
    /// To whom.
    pub endpoint: &'a Arc<Endpoint>,
    /// As whom it was chosen.
    pub candidate: &'a Candidate,
    /// Who lets it to the endpoint.
    pub gate: &'a dyn Gate,
}

/// Sends it, and waits for the head of the answer. The try is noted in `tried`.
///
/// # Errors
/// `UpstreamFailed` or `UpstreamTimeout`, `RateLimited` where a limit keeps the endpoint from being asked. A provider's
/// own error is an answer.
pub async fn pass(pool: &Pool, mut passage: Passage<'_>, tried: &mut Vec<Tried>) -> Result<Upstream, Failure> {
    let (endpoint, candidate) = (Arc::clone(passage.endpoint), passage.candidate);
    let state = pool.state(&endpoint.name);
    if let Err(pause) = state.quota.admit(Needs::default(), Instant::now())
        && !pause.least.is_zero()
    {
        passage.gate.left_alone(&endpoint.name);
        return Err(Busy::of_provider(&endpoint.name, pause.least).into_failure());
    }
    passage.gate.enter(&endpoint.name).map_err(Busy::into_failure)?;
    let client = state.client(&endpoint).map_err(|error| error.to_string());
    let mut body = passage.body.take();
    // A kept connection that the upstream had just given up says nothing, and without a body there is nothing to lose.
    let mut tries_left = if body.is_none() { 2 } else { 1 };
    let result = loop {
        tried.push(Tried::begin(&endpoint, candidate, Instant::now()));
        let result = match &client {
            Ok(client) => once(client, &passage, body.take()).await,
            Err(why) => Err(Problem::Settings(why.clone())),
        };
        if let Some(line) = tried.last_mut() {
            line.note(&result);
        }
        state.learn(&endpoint, &result);
        tries_left -= 1;
        if tries_left == 0 || !matches!(result, Err(Problem::Closed)) {
            break result;
        }
    };
    let got = result.or_else(Problem::into_ending)?;
    Ok(Upstream { got, endpoint, tier: candidate.tier.clone(), state, mended: None })
}

async fn once(client: &super::pool::HttpClient, passage: &Passage<'_>, body: Option<Upload>) -> Result<Got, Problem> {
    let endpoint = passage.endpoint;
    let deadline = tokio::time::Instant::now() + endpoint.limits.total;
    let wire = Wire { dialect: endpoint.dialect, door: passage.door };
    let is_content = passage.below.ends_with("/content");
    let request = request(passage, body)?;
    let response = tokio::time::timeout_at(deadline, client.request(request)).await;
    let response = response.map_err(|_| Problem::timeout(Stage::Head))?;
    let response = response.map_err(|error| Problem::transport(&error))?;
    if !response.status().is_success() {
        return Err(attempt::provider_error(response, endpoint, None).await);
    }
    match attempt::framing(response.headers()) {
        Some(framing) => Ok(flowing(response, framing, wire, deadline)),
        None if attempt::is_json(response.headers()) && !is_content => {
            let how = attempt::Reading { is_passed: true, ..attempt::Reading::default() };
            attempt::whole(response, wire, how, endpoint, deadline).await
        }
        None => Ok(raw(response, wire, deadline)),
    }
}

fn request(passage: &Passage<'_>, body: Option<Upload>) -> Result<Request<UpstreamBody>, Problem> {
    let Passage { method, door, below, query, headers, endpoint, .. } = passage;
    let asked = target::Request { door: *door, below, query: *query, stream: false };
    let uri = target(endpoint, &asked).ok_or(Problem::Settings("its address is no URL".to_owned()))?;
    let mut to_send = headers::upstream_request(headers, endpoint, door.dialect());
    for name in [CONTENT_TYPE, CONTENT_ENCODING, ACCEPT] {
        if let Some(value) = headers.get(&name) {
            to_send.insert(name, value.clone());
        }
    }
    let body = body.map_or_else(|| Either::Left(Full::new(Bytes::new())), Either::Right);
    let mut request = Request::new(body);
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = to_send;
    Ok(request)
}

/// An answer of events: each is looked at on its way.
fn flowing(
    response: Response<hyper::body::Incoming>,
    framing: Framing,
    wire: Wire,
    deadline: tokio::time::Instant,
) -> Got {
    let (head, rest) = response.into_parts();
    let limits = Limits { head_by: deadline, deadline };
    let stream = AnswerStream::new(wire, framing, rest, limits);
    let headers = headers::from_upstream(&head.headers);
    let body = AnswerBody::Stream(Box::new(stream));
    Got { status: head.status, headers, body, left_out: Vec::new(), verdict: None }
}

/// An answer of bytes that are not looked at. Its length goes on, so that a caller sees it break off.
pub(super) fn raw(response: Response<hyper::body::Incoming>, wire: Wire, deadline: tokio::time::Instant) -> Got {
    let length = response.headers().get(hyper::header::CONTENT_LENGTH).cloned();
    let mut got = flowing(response, Framing::Raw(None), wire, deadline);
    got.headers.extend(length.map(|length| (hyper::header::CONTENT_LENGTH, length)));
    got
}

impl AnswerStream {
    /// A stream of which nothing was held back.
    fn new(wire: Wire, framing: Framing, rest: hyper::body::Incoming, limits: Limits) -> Self {
        let Limits { head_by, deadline } = limits;
        Self {
            wire,
            translator: None,
            held: VecDeque::new(),
            framing,
            rest,
            first_by: head_by,
            deadline,
            hearing: None,
        }
    }
}
