//! The table of what the admin port serves: method, path, who may ask. A path is parsed once, alone: never the host.

use hyper::{Method, StatusCode};

use super::outcomes::Host;
use super::reply::Refusal;
use crate::registry::Role;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// What there is.
    Root,
    /// Whether the process lives.
    Health,
    /// Whether it takes requests.
    Ready,
    /// Metrics for Prometheus.
    Metrics,
    /// One request's entry.
    Request,
    /// The keys made at run time.
    Keys,
    /// A new key.
    CreateKey,
    /// Another secret for a key.
    RotateKey,
    /// The end of a key.
    RevokeKey,
    /// The tokens for this port.
    Tokens,
    /// A new token.
    CreateToken,
    /// The end of a token.
    RevokeToken,
    /// The audit log.
    Audit,
    /// What shipped.
    Outcomes,
    /// That something shipped.
    TellOutcomes,
    /// That something shipped, by a code host.
    Webhook(Host),
    /// Which alerts fire.
    Alerts,
    /// What was said of answers.
    Feedback,
    /// That an answer was good or bad.
    TellFeedback,
    /// How experiments stand.
    Experiments,
    /// Overrides of a budget.
    Overrides,
    /// A new override.
    OverrideBudget,
    /// The end of an override.
    EndOverride,
    /// Every budget's accounts.
    Budgets,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Needs {
    /// Everybody: probes.
    Nothing,
    /// Whoever signed the body with the secret that both know: webhooks. Their handlers check it.
    Signature,
    /// Somebody with a token of at least this role.
    Role(Role),
}

struct Line {
    method: Method,
    /// `{…}` stands for one segment, which the handler gets.
    path: &'static str,
    needs: Needs,
    asked: Asked,
}

const fn line(method: Method, path: &'static str, needs: Needs, asked: Asked) -> Line {
    Line { method, path, needs, asked }
}

const VIEWER: Needs = Needs::Role(Role::Viewer);
const OPERATOR: Needs = Needs::Role(Role::Operator);
const ADMIN: Needs = Needs::Role(Role::Admin);

const TABLE: &[Line] = &[
    line(Method::GET, "/", VIEWER, Asked::Root),
    line(Method::GET, "/healthz", Needs::Nothing, Asked::Health),
    line(Method::GET, "/readyz", Needs::Nothing, Asked::Ready),
    line(Method::GET, "/metrics", VIEWER, Asked::Metrics),
    line(Method::GET, "/api/v1/requests/{id}", VIEWER, Asked::Request),
    line(Method::GET, "/api/v1/keys", VIEWER, Asked::Keys),
    line(Method::POST, "/api/v1/keys", OPERATOR, Asked::CreateKey),
    line(Method::POST, "/api/v1/keys/{name}/rotate", OPERATOR, Asked::RotateKey),
    line(Method::POST, "/api/v1/keys/{name}/revoke", OPERATOR, Asked::RevokeKey),
    line(Method::GET, "/api/v1/tokens", VIEWER, Asked::Tokens),
    line(Method::POST, "/api/v1/tokens", ADMIN, Asked::CreateToken),
    line(Method::POST, "/api/v1/tokens/{name}/revoke", ADMIN, Asked::RevokeToken),
    line(Method::GET, "/api/v1/audit", VIEWER, Asked::Audit),
    line(Method::GET, "/api/v1/outcomes", VIEWER, Asked::Outcomes),
    line(Method::POST, "/api/v1/outcomes", OPERATOR, Asked::TellOutcomes),
    line(Method::POST, "/api/v1/webhooks/github", Needs::Signature, Asked::Webhook(Host::Github)),
    line(Method::POST, "/api/v1/webhooks/gitlab", Needs::Signature, Asked::Webhook(Host::Gitlab)),
    line(Method::GET, "/api/v1/alerts", VIEWER, Asked::Alerts),
    line(Method::GET, "/api/v1/feedback", VIEWER, Asked::Feedback),
    line(Method::POST, "/api/v1/feedback", OPERATOR, Asked::TellFeedback),
    line(Method::GET, "/api/v1/experiments", VIEWER, Asked::Experiments),
    line(Method::GET, "/api/v1/budgets/{name}/overrides", VIEWER, Asked::Overrides),
    line(Method::POST, "/api/v1/budgets/{name}/overrides", OPERATOR, Asked::OverrideBudget),
    line(Method::DELETE, "/api/v1/budgets/{name}/overrides/{id}", OPERATOR, Asked::EndOverride),
    line(Method::GET, "/api/v1/budgets", VIEWER, Asked::Budgets),
];

/// A line of the table that a request fits.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Found<'p> {
    pub(super) asked: Asked,
    pub(super) needs: Needs,
    /// What stands in the path where the table has `{…}`, in order.
    pub(super) named: Vec<&'p str>,
}

/// What is asked with this method at this path.
///
/// # Errors
/// 404, or 405 with the methods that the path takes.
pub(super) fn find<'p>(method: &Method, path: &'p str) -> Result<Found<'p>, Refusal> {
    let asks = if method == Method::HEAD { &Method::GET } else { method };
    let mut taken = Vec::new();
    for line in TABLE {
        let Some(named) = fits(line.path, path) else { continue };
        if line.method == *asks {
            return Ok(Found { asked: line.asked, needs: line.needs, named });
        }
        taken.push(line.method.as_str());
    }
    Err(match taken.is_empty() {
        true => Refusal::not_found("no such path: GET / lists what there is"),
        false => {
            let message = format!("this path takes {}", taken.join(" or "));
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        }
    })
}

/// Every path with its method, a line each.
pub(super) fn list() -> String {
    let lines = TABLE.iter().map(|line| format!("{:<6} {}\n", line.method, line.path));
    lines.collect()
}

/// What stands where the pattern has `{…}`, if the rest is the same.
fn fits<'p>(pattern: &str, path: &'p str) -> Option<Vec<&'p str>> {
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut named = Vec::new();
    for (expected, found) in pattern.split('/').zip(path.split('/')) {
        if expected.starts_with('{') && !found.is_empty() {
            named.push(found);
        } else if expected != found {
            return None;
        }
    }
    Some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_its_line_segment_by_segment() {
        let found = find(&Method::POST, "/api/v1/keys/ana/rotate").expect("a line");
        assert_eq!(found, Found { asked: Asked::RotateKey, needs: OPERATOR, named: vec!["ana"] });
        assert_eq!(find(&Method::HEAD, "/metrics").expect("a line").asked, Asked::Metrics);
        for path in ["", "/api", "/api/v1/keys/", "/api/v1/keys//rotate", "/api/v1/keys/ana/rotate/", "/metricsx"] {
            assert_eq!(find(&Method::POST, path).expect_err(path).status, StatusCode::NOT_FOUND, "{path}");
        }
        let wrong = find(&Method::DELETE, "/api/v1/keys").expect_err("no such method");
        assert_eq!(
            (wrong.status, wrong.message.as_str()),
            (StatusCode::METHOD_NOT_ALLOWED, "this path takes GET or POST")
        );
    }

    #[test]
    fn whatever_changes_something_needs_more_than_looking() {
        for line in TABLE.iter().filter(|line| line.method != Method::GET) {
            let is_guarded = matches!(line.needs, Needs::Signature | Needs::Role(Role::Operator | Role::Admin));
            assert!(is_guarded, "{} {}", line.method, line.path);
        }
    }
}
