//! What a request takes of its limits on its way, and what its caller is told of them.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;

use super::Proxy;
use super::together::NotTaken;
use super::trail::Trail;
use crate::admit::{Admitted, Allowance, Amount, Estimate, Limit, Limits, Pass, Refused, Remainder};
use crate::config::Config;
use crate::domain::{Dialect, Door as Kind, EndpointName, Facts, Failure};
use crate::forward::{Busy, Gate, Needs};
use crate::observe::Metrics;

/// What headers of providers tell of their limits begins with one of these.
const FAMILIES: [&str; 2] = ["x-ratelimit-", "anthropic-ratelimit-"];

impl Proxy {
    /// Counts the request, and that it is under way, under the limits of its caller.
    pub(super) async fn enter(&self, config: &Config, trail: &mut Trail, admitted: &Admitted) -> Result<(), Failure> {
        let of_key = Limit::of_key(Allowance::of(admitted));
        let limits: Vec<_> = config.limits.of_callers.iter().chain(&of_key).cloned().collect();
        let in_force = self.in_force(limits)?;
        let entered = self.limits.enter(&in_force, &admitted.caller, None, Instant::now());
        let pass = entered.map_err(|refused| self.refused(trail, &refused))?;
        let taken = self.enter_together(trail, &pass).await;
        trail.pass = Some(pass);
        self.taken(trail, taken)
    }

    /// Reserves the tokens that the request is expected to have.
    pub(super) async fn reserve_tokens(&self, trail: &mut Trail, estimate: Estimate) -> Result<(), Failure> {
        let Some(mut pass) = trail.pass.take() else { return Ok(()) };
        let reserved = pass.reserve(estimate, Instant::now());
        let taken = match &reserved {
            Ok(Some(_)) => self.reserve_together(trail, &pass).await,
            _ => Ok(()),
        };
        trail.pass = Some(pass);
        trail.tokens_reserved = reserved.map_err(|refused| self.refused(trail, &refused))?;
        self.taken(trail, taken)
    }

    /// What came of taking it of all replicas together. Where the server went away meanwhile, what was taken here counts.
    fn taken(&self, trail: &mut Trail, taken: Result<(), NotTaken>) -> Result<(), Failure> {
        match taken {
            Ok(()) => Ok(()),
            Err(NotTaken::Refused(refused)) => Err(self.refused(trail, &refused)),
            Err(NotTaken::Gone) => self.without_server().map_or(Ok(()), Err),
        }
    }

    fn refused(&self, trail: &mut Trail, refused: &Refused) -> Failure {
        self.books.metrics.limited(refused.limit.name(), refused.what.as_str());
        trail.remainder = Some(refused.remainder);
        refused.failure()
    }

    /// Lets the request to endpoints that are not at a limit.
    pub(super) fn gate<'a>(&'a self, config: &'a Config, admitted: &'a Admitted, estimate: Estimate) -> Gatekeeper<'a> {
        let (limits, metrics) = (&self.limits, &*self.books.metrics);
        let of_endpoints = self.part_of_endpoints(&config.limits.of_endpoints);
        Gatekeeper { limits, metrics, of_endpoints, admitted, estimate, held: Mutex::default() }
    }
}

/// How many tokens a request will have, as far as that is known before.
pub(super) fn estimate(facts: &Facts) -> Estimate {
    let max_output = match facts.door {
        Kind::Embeddings | Kind::Rerank => Some(0),
        _ => facts.max_output,
    };
    Estimate { prompt: facts.tokens.expected, max_output }
}

/// The same, as it counts for a provider.
pub(super) fn needs(estimate: Estimate) -> Needs {
    Needs { prompt: estimate.prompt, total: estimate.prompt.saturating_add(estimate.max_output.unwrap_or_default()) }
}

/// Lets one request to endpoints, one after the other, and holds what it took of the limits of the newest.
pub(super) struct Gatekeeper<'a> {
    limits: &'a Limits,
    metrics: &'a Metrics,
    of_endpoints: Cow<'a, [Arc<Limit>]>,
    admitted: &'a Admitted,
    estimate: Estimate,
    held: Mutex<Option<Pass>>,
}

impl Gatekeeper<'_> {
    /// What was taken of the limits of the endpoint that answers.
    pub(super) fn into_pass(self) -> Option<Pass> {
        self.held.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, endpoint: &EndpointName) -> Result<Pass, Box<Refused>> {
        let now = Instant::now();
        let mut pass = self.limits.enter(&*self.of_endpoints, &self.admitted.caller, Some(endpoint), now)?;
        match pass.reserve(self.estimate, now) {
            Ok(_) => Ok(pass),
            Err(refused) => {
                // The endpoint never got it.
                pass.was_none();
                Err(refused)
            }
        }
    }
}

impl Gate for Gatekeeper<'_> {
    fn enter(&self, endpoint: &EndpointName) -> Result<(), Busy> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = None;
        let entered = self.pass(endpoint).map_err(|refused| {
            self.metrics.limited(refused.limit.name(), refused.what.as_str());
            Busy { wait: refused.wait, why: refused.to_string() }
        })?;
        *held = Some(entered);
        Ok(())
    }

    fn left_alone(&self, endpoint: &EndpointName) {
        self.metrics.left_alone(endpoint);
    }
}

/// Tells a caller that has a limit what is left of it, in the headers of its dialect. What a provider tells of the limits
/// of our account is not his then.
pub(super) fn tell(remainder: &Remainder, dialect: Dialect, headers: &mut HeaderMap) {
    if remainder.requests.is_none() && remainder.tokens.is_none() {
        return;
    }
    let of_provider = |name: &&HeaderName| FAMILIES.iter().any(|family| name.as_str().starts_with(family));
    let of_provider: Vec<HeaderName> = headers.keys().filter(of_provider).cloned().collect();
    for name in of_provider {
        headers.remove(name);
    }
    let told = [("requests", &remainder.requests), ("tokens", &remainder.tokens)];
    for (kind, amount) in told.into_iter().filter_map(|(kind, amount)| Some((kind, amount.as_ref()?))) {
        for (name, value) in in_words(kind, amount, dialect) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }
}

fn in_words(kind: &str, amount: &Amount, dialect: Dialect) -> [(String, String); 3] {
    let Amount { limit, remaining, reset } = amount;
    match dialect {
        Dialect::AnthropicMessages => [
            (format!("anthropic-ratelimit-{kind}-limit"), limit.to_string()),
            (format!("anthropic-ratelimit-{kind}-remaining"), remaining.to_string()),
            (format!("anthropic-ratelimit-{kind}-reset"), moment(SystemTime::now() + *reset)),
        ],
        _ => [
            (format!("x-ratelimit-limit-{kind}"), limit.to_string()),
            (format!("x-ratelimit-remaining-{kind}"), remaining.to_string()),
            (format!("x-ratelimit-reset-{kind}"), length(*reset)),
        ],
    }
}

/// A moment as Anthropic writes it: whole seconds, not too early.
fn moment(at: SystemTime) -> String {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() + 1);
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.unwrap_or_default().to_string()
}

/// A length of time as OpenAI writes it, which is as Go does: `6m0s`, `1.2s`, `120ms`.
fn length(time: Duration) -> String {
    let millis = time.as_nanos().div_ceil(1_000_000);
    if (1..1000).contains(&millis) {
        return format!("{millis}ms");
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let fraction = format!(".{:03}", rest % 1000);
    let seconds = format!("{}{}s", rest / 1000, fraction.trim_end_matches('0').trim_end_matches('.'));
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_as_go_does() {
        let check = |millis, text| assert_eq!(length(Duration::from_millis(millis)), text);
        check(0, "0s");
        check(1, "1ms");
        check(120, "120ms");
        check(1000, "1s");
        check(1200, "1.2s");
        check(59_999, "59.999s");
        check(60_000, "1m0s");
        check(90_951, "1m30.951s");
        check(7_262_500, "2h1m2.5s");
        assert_eq!(length(Duration::from_nanos(1)), "1ms", "not too early");
    }

    #[test]
    fn our_limits_take_the_place_of_the_providers_in_the_callers_dialect() {
        let amount = Amount { limit: 10, remaining: 9, reset: Duration::from_secs(6) };
        let remainder = Remainder { requests: Some(amount), tokens: None };
        let names = |dialect, remainder: &Remainder| {
            let mut headers = HeaderMap::new();
            for name in ["x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-limit", "x-request-id"] {
                headers.insert(name, HeaderValue::from_static("1"));
            }
            tell(remainder, dialect, &mut headers);
            let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
            names.sort();
            (names, headers)
        };
        let (openai, headers) = names(Dialect::OpenaiResponses, &remainder);
        assert_eq!(
            openai,
            [
                "x-ratelimit-limit-requests",
                "x-ratelimit-remaining-requests",
                "x-ratelimit-reset-requests",
                "x-request-id"
            ]
        );
        assert_eq!(headers["x-ratelimit-reset-requests"], "6s");
        let (anthropic, headers) = names(Dialect::AnthropicMessages, &remainder);
        assert_eq!(anthropic[..2], ["anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining"]);
        let reset: Timestamp =
            headers["anthropic-ratelimit-requests-reset"].to_str().expect("text").parse().expect("RFC 3339");
        assert!(SystemTime::from(reset) > SystemTime::now() + Duration::from_secs(5));
        assert_eq!(names(Dialect::OpenaiChat, &Remainder::default()).0.len(), 3, "without a limit the provider's pass");
    }
}
