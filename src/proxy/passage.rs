//! The way of what is passed on as it comes: files, batches, forms with sound or pictures, and what hangs on the id of a
//! response. It is admitted, routed, metered and recorded like a prompt; its body is neither read whole nor kept.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use super::door::Asked;
use super::trail::{Billing, Trail};
use super::{Proxy, asked_headers, check, header_text, held};
use crate::admit::Estimate;
use crate::config::Config;
use crate::domain::{Door as Kind, EndpointName, Failure, FailureKind, Mark, Prompt};
use crate::forward::{self, Passage, Upload, Upstream};
use crate::read::Bounds;
use crate::route;

/// How much of a form is looked at for the name of the model, which forms have before the file.
const LOOK_BYTES: usize = 64 << 10;

impl Proxy {
    /// The way of what is passed on as it comes.
    pub(super) async fn pass(
        &self,
        config: &Config,
        trail: &mut Trail,
        asked: &Asked,
        head: Parts,
        body: Incoming,
    ) -> Result<Upstream, Failure> {
        let admitted = trail.admitted.clone().ok_or_else(|| Failure::new(FailureKind::Internal, "nobody asked"))?;
        is_small_enough(&head.headers, &config.bounds)?;
        let mut form = Form::begin(&head.headers, body, &config.bounds).await?;
        if matches!(asked.kind, Kind::Images | Kind::Audio) && form.model.is_none() {
            // The provider would choose, or read one that stands after the file, past what was decided here.
            let message = "the form names no `model` in its first 64 KiB: put that field before the file";
            return Err(Failure::new(FailureKind::Malformed, message).with_param("model"));
        }
        if let Some(model) = form.model() {
            admitted.may_name(&model)?;
        }

        let prompt = Prompt::passed(asked.kind, form.model().unwrap_or_default());
        let assessment = config.assessor.assess(&prompt);
        let wish = header_text(&head.headers, super::TIER_HEADER);
        let headers = asked_headers(config, &head.headers);
        let facts = route::facts(&prompt, &assessment, &admitted.caller, trail.at_millis(), wish, headers);
        let facts = trail.facts.insert(Arc::new(facts));
        let mut held_by = None;
        if asked.kind == Kind::Responses {
            let id = asked.below.split('/').nth(1).unwrap_or_default();
            let mark = admitted.caller.own(Mark::of(id));
            held::ask_others(self.books.shared.as_ref(), &self.books.recall, vec![mark]).await;
            held_by = Some(held::of_id(&self.books.recall, id, &admitted.caller)?.endpoint);
            trail.billing = Billing::Once(mark);
        }
        let situation = self.situation(config, &admitted, held_by);
        let decision = Arc::clone(trail.decision.insert(Arc::new(route::decide(&config.rules, facts, &situation)?)));
        check(&decision, facts, &prompt)?;

        // To one endpoint only: another has other files, and the body is gone after the first try.
        let chosen = decision.candidates.first().and_then(|one| Some((one, config.endpoints.get(&one.endpoint)?)));
        let Some((candidate, endpoint)) = chosen else {
            return Err(Failure::new(FailureKind::NoneCapable, "no endpoint serves this path"));
        };
        // How much it will use is not known before; who owes tokens waits all the same.
        let estimate = Estimate { prompt: 0, max_output: Some(0) };
        self.reserve_tokens(trail, estimate).await?;
        let gate = self.gate(config, &admitted, estimate);
        form.name(&endpoint.model);
        self.reserve_unread(config, trail, &head.method, asked.kind, &endpoint.name).await?;
        let passage = Passage {
            method: head.method,
            door: asked.kind,
            below: &asked.below,
            query: head.uri.query(),
            headers: &head.headers,
            body: form.into_body(config.bounds.max_upload_bytes),
            endpoint,
            candidate,
            gate: &gate,
        };
        let answered = forward::pass(&self.pool, passage, &mut trail.tried).await;
        trail.endpoint_pass = gate.into_pass();
        answered
    }

    /// Reserves for what was not read. Files cost nothing here, nor does looking at batches; to begin one whose price is
    /// known to nobody needs a budget that is not used up. An answer that was made in the background was let in when it
    /// was asked for: taking it is never refused, and what it used is settled when it is told.
    async fn reserve_unread(
        &self,
        config: &Config,
        trail: &mut Trail,
        method: &Method,
        door: Kind,
        endpoint: &EndpointName,
    ) -> Result<(), Failure> {
        let Some(caller) = trail.admitted.as_ref().map(|admitted| admitted.caller.clone()) else { return Ok(()) };
        match door {
            Kind::Files => Ok(()),
            Kind::Batches if *method != Method::POST => Ok(()),
            Kind::Batches => self.hold(config, trail, &caller, None).await,
            Kind::Responses => {
                trail.reservation = self.books.budgets.follow(&config.budgets, &caller, trail.at_millis());
                Ok(())
            }
            _ => {
                let ceiling = route::ceiling_unread(&config.rules, endpoint);
                self.hold(config, trail, &caller, ceiling).await
            }
        }
    }
}

/// Refuses by the length that was announced, before anything is read.
fn is_small_enough(headers: &HeaderMap, bounds: &Bounds) -> Result<(), Failure> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let most = bounds.max_upload_bytes;
    match length {
        Some(length) if length > most => Err(Failure::new(
            FailureKind::TooLarge,
            format!("the body is too large: at most {most} bytes are passed on"),
        )),
        _ => Ok(()),
    }
}

/// A body on its way, and where in what has arrived of it the model is named.
struct Form {
    begun: Bytes,
    rest: Incoming,
    model: Option<std::ops::Range<usize>>,
}

impl Form {
    /// Reads so much of a form that the name of the model is known; of other bodies nothing.
    async fn begin(headers: &HeaderMap, mut body: Incoming, bounds: &Bounds) -> Result<Self, Failure> {
        let Some(boundary) = boundary(headers) else {
            return Ok(Self { begun: Bytes::new(), rest: body, model: None });
        };
        let mut begun = BytesMut::new();
        let model = loop {
            let found = model_in(&begun, &boundary);
            if found.is_some() || begun.len() >= LOOK_BYTES {
                break found;
            }
            let frame = tokio::time::timeout(bounds.stall_timeout, body.frame()).await;
            let frame = frame.map_err(|_| Failure::new(FailureKind::TooSlow, "the body stopped arriving"))?;
            match frame.transpose().map_err(|_| Failure::new(FailureKind::ClientGone, "the body broke off"))? {
                Some(frame) => begun.extend_from_slice(&frame.into_data().unwrap_or_default()),
                None => break None,
            }
        };
        Ok(Self { begun: begun.freeze(), rest: body, model })
    }

    fn model(&self) -> Option<String> {
        std::str::from_utf8(self.begun.get(self.model.clone()?)?).ok().map(str::to_owned)
    }

    /// Puts the endpoint's model in the place of the one that was named; every other byte stays.
    fn name(&mut self, model: &str) {
        if let Some(place) = self.model.clone() {
            self.begun = [&self.begun[..place.start], model.as_bytes(), &self.begun[place.end..]].concat().into();
        }
    }

    fn into_body(self, most: u64) -> Option<Upload> {
        let is_empty = self.begun.is_empty() && self.rest.is_end_stream();
        (!is_empty).then(|| Upload::new(self.begun, self.rest, most))
    }
}

/// The boundary of a form's parts; `None` if it is no form.
fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let mut parts = kind.split(';');
    parts.next().filter(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"))?;
    let boundary = parts.find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    Some(boundary.trim_matches('"').to_owned()).filter(|boundary| !boundary.is_empty())
}

/// The most parts of a form that are looked at, and the longest head of one: what is more is no form that tools send.
const MOST_PARTS: usize = 64;
const MOST_HEAD_BYTES: usize = 4 << 10;

/// Where a form names the model: the content of the part of that name, once all of it has arrived.
fn model_in(begun: &[u8], boundary: &str) -> Option<std::ops::Range<usize>> {
    let delimiter = format!("--{boundary}");
    let starts = memchr::memmem::find_iter(begun, delimiter.as_bytes()).map(|at| at + delimiter.len());
    for start in starts.take(MOST_PARTS) {
        let part = begun.get(start..)?;
        let looked_at = &part[..part.len().min(MOST_HEAD_BYTES)];
        let Some(head_end) = memchr::memmem::find(looked_at, b"\r\n\r\n") else { continue };
        if !names_the_model(&looked_at[..head_end]) {
            continue;
        }
        let from = start + head_end + 4;
        let length = memchr::memmem::find(&begun[from..], format!("\r\n{delimiter}").as_bytes())?;
        return Some(from..from + length);
    }
    None
}

/// Whether the head of a form's part says that it is the model.
fn names_the_model(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let mut fields = head.split([';', '\r', '\n']).map(str::trim);
    fields.any(|field| {
        let named = field.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("name"));
        named.is_some_and(|(_, value)| value.trim_matches('"') == "model")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_a_form_is_found_once_it_has_arrived() {
        let form = "--XX\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nen\r\n\
                    --XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--XX\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\nRIFF";
        let end = form.find("whisper-1").expect("there") + "whisper-1\r\n--XX".len();
        for cut in 0..form.len() {
            let found = model_in(&form.as_bytes()[..cut], "XX").map(|place| &form[place]);
            assert_eq!(found, (cut >= end).then_some("whisper-1"), "{cut}");
        }
    }

    #[test]
    fn a_form_of_nothing_but_boundaries_costs_no_time() {
        let form = "--X".repeat(20_000) + "\r\n\r\n";
        let began = std::time::Instant::now();
        assert_eq!(model_in(form.as_bytes(), "X"), None);
        assert!(began.elapsed().as_millis() < 200, "{:?}", began.elapsed());
    }

    #[test]
    fn a_boundary_comes_with_and_without_quotes() {
        let check = |kind: &str, expected: Option<&str>| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().expect("a value"))]);
            assert_eq!(boundary(&headers).as_deref(), expected, "{kind}");
        };
        check("multipart/form-data; boundary=XX", Some("XX"));
        check("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"", Some("a b"));
        check("application/json", None);
        check("multipart/form-data", None);
    }
}
