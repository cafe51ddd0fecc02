//! What to do after an attempt that failed: ask again here, go elsewhere, or give the provider's words to the caller.

use std::time::{Duration, SystemTime};

use hyper::{HeaderMap, StatusCode};

use super::Retries;

/// What is worth trying after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Another attempt would end the same way: the caller is to see this one.
    Stop,
    /// The same endpoint, after a pause, as often as its settings allow; then the next candidate.
    Again,
    /// The next candidate; the same endpoint only if there is no other.
    Elsewhere,
}

/// What is worth trying after a provider's answer with this status. `body` is looked into only for a 400, where it
/// tells a prompt too long for this model from one that is wrong everywhere.
pub fn after_status(status: StatusCode, body: &[u8]) -> Next {
    match status.as_u16() {
        // Our credential, not the caller's: another endpoint has another.
        401..=403 => Next::Elsewhere,
        // The endpoint's model or path is not there.
        404 | 405 => Next::Elsewhere,
        // Bedrock: the model behind it failed.
        424 => Next::Elsewhere,
        408 | 409 | 425 | 500 | 502 | 504 => Next::Again,
        429 | 503 | 529 => Next::Elsewhere,
        400 | 413 if is_context_overflow(body) => Next::Elsewhere,
        400 if is_bad_key(status, body) => Next::Elsewhere,
        300..=399 => Next::Elsewhere,
        500..=599 => Next::Again,
        _ => Next::Stop,
    }
}

/// Whether a 400 is about the key: Gemini has no 401 for it.
pub fn is_bad_key(status: StatusCode, body: &[u8]) -> bool {
    let looked_at = &body[..body.len().min(4096)];
    status == StatusCode::BAD_REQUEST && memchr::memmem::find(looked_at, b"API_KEY_INVALID").is_some()
}

/// How providers word a prompt that is too long for the model.
fn is_context_overflow(body: &[u8]) -> bool {
    const WORDS: [&str; 8] = [
        "context_length_exceeded",
        "exceed_context_size",
        "maximum context length",
        "prompt is too long",
        "longer than the model's context",
        "context window",
        // Gemini's and Bedrock's.
        "exceeds the maximum number of tokens",
        "Input is too long",
    ];
    let looked_at = &body[..body.len().min(4096)];
    WORDS.iter().any(|words| memchr::memmem::find(looked_at, words.as_bytes()).is_some())
}

/// The pause before retry number `retry` (from 0) at the same endpoint: half of a doubling time is certain, half is
/// chance (`draw`, any number), so that many callers do not return in step.
pub fn backoff(retries: &Retries, retry: u32, draw: u64) -> Duration {
    let doubled = retries.base.saturating_mul(1u32.checked_shl(retry).unwrap_or(u32::MAX)).min(retries.cap);
    let half = doubled / 2;
    half + half.mul_f64((draw % 1024) as f64 / 1024.0)
}

/// After how long the provider wants to be asked again: `retry-after-ms`, or `retry-after` in seconds or as a date, or as
/// Gemini has it in the body.
pub fn retry_after(headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| (0.0..1e9).contains(number));
    if let Some(millis) = text("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(millis / 1000.0));
    }
    let Some(value) = text("retry-after") else { return retry_delay(body) };
    if let Some(seconds) = number(value) {
        return Some(Duration::from_secs_f64(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Gemini's `"retryDelay": "31s"`, in the details of an error.
fn retry_delay(body: &[u8]) -> Option<Duration> {
    let looked_at = &body[..body.len().min(8192)];
    let at = memchr::memmem::find(looked_at, b"\"retryDelay\"")?;
    let value = std::str::from_utf8(&looked_at[at..]).ok()?.split('"').nth(3)?;
    let seconds: f64 = value.strip_suffix('s')?.parse().ok()?;
    (0.0..1e9).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_everywhere_is_not_tried_again() {
        let check = |status: u16, body: &str, expected| {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(after_status(status, body.as_bytes()), expected, "{status} {body}");
        };
        check(400, r#"{"error":{"message":"temperature must be below 2"}}"#, Next::Stop);
        check(400, r#"{"error":{"code":"context_length_exceeded"}}"#, Next::Elsewhere);
        check(400, r#"{"error":{"type":"exceed_context_size_error"}}"#, Next::Elsewhere);
        check(400, r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#, Next::Elsewhere);
        check(422, "", Next::Stop);
        check(401, "", Next::Elsewhere);
        check(429, "", Next::Elsewhere);
        check(500, "", Next::Again);
        check(503, "", Next::Elsewhere);
        check(302, "", Next::Elsewhere);
    }

    #[test]
    fn the_pause_doubles_within_its_jitter_up_to_the_cap() {
        let retries = Retries { max: 9, base: Duration::from_millis(100), cap: Duration::from_secs(1) };
        let millis = |retry, draw| backoff(&retries, retry, draw).as_millis();
        assert_eq!((millis(0, 0), millis(1, 0), millis(2, 0)), (50, 100, 200));
        assert!((50..100).contains(&millis(0, 1023)));
        assert_eq!(millis(40, 0), 500);
    }

    #[test]
    fn each_form_of_retry_after_is_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 10);
        let check = |name: &'static str, value: &str, expected: Option<u64>| {
            let headers =
                HeaderMap::from_iter([(hyper::header::HeaderName::from_static(name), value.parse().expect("a value"))]);
            assert_eq!(retry_after(&headers, b"", now), expected.map(Duration::from_millis), "{name}: {value}");
        };
        check("retry-after", "3", Some(3_000));
        check("retry-after", "0.5", Some(500));
        check("retry-after-ms", "250", Some(250));
        check("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(10_000));
        check("retry-after", "Sat, 05 Nov 1994 08:49:37 GMT", Some(0));
        check("retry-after", "-1", None);
        check("retry-after", "soon", None);
        let gemini = br#"{"error":{"details":[{"@type":"x.RetryInfo","retryDelay": "31s"}]}}"#;
        assert_eq!(retry_after(&HeaderMap::new(), gemini, now), Some(Duration::from_secs(31)));
        assert_eq!(retry_after(&HeaderMap::new(), b"{\"retryDelay\":\"soon\"}", now), None);
    }
}
