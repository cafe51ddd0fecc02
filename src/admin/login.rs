//! Who asks at the admin port, by the token that is shown.

use hyper::header::{AUTHORIZATION, HOST};
use hyper::{HeaderMap, StatusCode, Uri};
use subtle::ConstantTimeEq;

use super::reply::Refusal;
use super::table::Needs;
use crate::domain::{Digest, KeyName, digest};
use crate::registry::{AdminTokens, Moment, Role, Snapshot, Subject};

/// Where a token may stand beside `authorization`.
const TOKEN_HEADER: &str = "x-weighbridge-admin-token";

/// Somebody who may ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorized {
    /// As the audit log names it: the token's name, `@api`.
    pub who: String,
    /// What they may do.
    pub role: Role,
}

/// What says who may ask.
pub(super) struct Logins<'a> {
    /// The tokens of routes.toml.
    pub(super) file: &'a AdminTokens,
    /// What was made at run time; `None`: it could not be read yet.
    pub(super) issued: Option<&'a Snapshot>,
}

impl Logins<'_> {
    /// Lets in whoever may ask for this.
    ///
    /// # Errors
    /// 401 without a good token, 403 if its role is too low, 503 while it is not known which tokens there are.
    pub(super) fn authorize(
        &self,
        needs: Needs,
        headers: &HeaderMap,
        uri: &Uri,
        now: Moment,
    ) -> Result<Authorized, Refusal> {
        let Some(has_tokens) = self.has_tokens() else { return self.before_the_first_look(needs, headers, uri) };
        if !has_tokens {
            return without_tokens(needs, headers, uri);
        }
        let least = match needs {
            Needs::Nothing | Needs::Signature => return Ok(nobody()),
            Needs::Role(least) => least,
        };
        let authorized = self.who(headers, now)?;
        if authorized.role < least {
            let message =
                format!("this needs a token of role `{least}`, and `{}` is `{}`", authorized.who, authorized.role);
            return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", message));
        }
        Ok(authorized)
    }

    /// Whether there is any token, one that is revoked included: having had one closes the door for good. `None`: that
    /// is not known.
    fn has_tokens(&self) -> Option<bool> {
        if !self.file.is_empty() {
            return Some(true);
        }
        self.issued.map(|snapshot| !snapshot.tokens.is_empty())
    }

    /// Probes and metrics tell that the store is gone, so they are served meanwhile.
    fn before_the_first_look(&self, needs: Needs, headers: &HeaderMap, uri: &Uri) -> Result<Authorized, Refusal> {
        if matches!(needs, Needs::Nothing) || uri.path() == "/metrics" {
            return without_tokens(needs, headers, uri);
        }
        let message = "the store could not be read since the start, so it is not known who may ask: see the log";
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store", message))
    }

    fn who(&self, headers: &HeaderMap, now: Moment) -> Result<Authorized, Refusal> {
        let refused = |message: String| Refusal::new(StatusCode::UNAUTHORIZED, "unauthenticated", message);
        let Some(token) = shown(headers) else {
            let message = format!("show an admin token: `authorization: Bearer <token>`, or `{TOKEN_HEADER}: <token>`");
            return Err(refused(message));
        };
        let digest = digest(token);
        let Some((name, role, expires, is_revoked)) = self.find(&digest) else {
            return Err(refused("the admin token is not known: check it for typing errors".to_owned()));
        };
        if is_revoked {
            return Err(refused(format!("the admin token `{name}` was revoked")));
        }
        if expires.is_some_and(|expires| expires <= now) {
            return Err(refused(format!("the admin token `{name}` has expired")));
        }
        Ok(Authorized { who: format!("{name}@api"), role })
    }

    /// The token with this digest: its name, role and end, and whether it was revoked.
    fn find(&self, digest: &Digest) -> Option<(&KeyName, Role, Option<Moment>, bool)> {
        if let Some(token) = self.file.find(digest) {
            let revoked = self.issued.is_some_and(|now| now.revocation(Subject::Token, &token.name).is_some());
            return Some((&token.name, token.role, token.expires, revoked));
        }
        // There are few, and each is compared in constant time, so how long it takes tells nothing of a secret.
        let issued = self.issued?.tokens.iter().find(|token| bool::from(token.digest.ct_eq(digest)))?;
        Some((&issued.name, issued.role, issued.expires, issued.revoked.is_some()))
    }
}

/// Everybody on this machine may look, and nobody may change.
fn without_tokens(needs: Needs, headers: &HeaderMap, uri: &Uri) -> Result<Authorized, Refusal> {
    let forbidden = |message: &str| Refusal::new(StatusCode::FORBIDDEN, "forbidden", message);
    if matches!(needs, Needs::Signature) {
        return Ok(nobody());
    }
    if !names_this_machine(headers, uri) {
        // A page elsewhere that has its own name resolve to this machine must not read what is here.
        return Err(forbidden("ask for this port by an IP address or as localhost, or set up [admin.tokens]"));
    }
    match needs {
        Needs::Nothing | Needs::Signature | Needs::Role(Role::Viewer) => Ok(nobody()),
        Needs::Role(_) => Err(forbidden(
            "changes need an admin token and there is none: `weighbridge keys new --admin --name ops` prints one for \
             routes.toml, `weighbridge keys tokens create` makes one here and now",
        )),
    }
}

fn nobody() -> Authorized {
    Authorized { who: "anybody@api".to_owned(), role: Role::Viewer }
}

/// The token that is shown.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    };
    own.or_else(bearer).map(str::trim).filter(|token| !token.is_empty())
}

/// Whether the request names this machine by an address or as localhost, and no other name.
fn names_this_machine(headers: &HeaderMap, uri: &Uri) -> bool {
    let header = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(authority) = header.or_else(|| uri.authority().map(|authority| authority.as_str())) else {
        return true;
    };
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
    });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::registry::AdminToken;

    fn tokens() -> AdminTokens {
        let token = |name: &str, role, expires: Option<i64>| AdminToken {
            name: KeyName::parse(name).expect("a name"),
            digest: digest(&format!("wba-{name}")),
            role,
            expires: expires.map(Moment::from_millis),
        };
        AdminTokens::new([token("looks", Role::Viewer, None), token("acts", Role::Operator, Some(1_000))])
    }

    fn ask(
        logins: &Logins<'_>,
        needs: Needs,
        headers: &[(&'static str, &str)],
        millis: i64,
    ) -> Result<String, Refusal> {
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"))
        });
        let uri = Uri::from_static("/api/v1/keys");
        logins.authorize(needs, &headers.collect(), &uri, Moment::from_millis(millis)).map(|authorized| authorized.who)
    }

    const LOOK: Needs = Needs::Role(Role::Viewer);
    const ACT: Needs = Needs::Role(Role::Operator);

    #[test]
    fn with_tokens_each_role_may_do_so_much() {
        let (file, issued) = (tokens(), Snapshot::default());
        let logins = Logins { file: &file, issued: Some(&issued) };
        let status = |needs, headers: &[(&'static str, &str)], millis| {
            ask(&logins, needs, headers, millis).expect_err("refused").status.as_u16()
        };
        assert_eq!(ask(&logins, LOOK, &[("authorization", "Bearer wba-looks")], 0).as_deref(), Ok("looks@api"));
        assert_eq!(ask(&logins, ACT, &[(TOKEN_HEADER, "wba-acts")], 0).as_deref(), Ok("acts@api"));
        assert!(ask(&logins, LOOK, &[("host", "evil.example"), (TOKEN_HEADER, "wba-looks")], 0).is_ok());
        assert!(ask(&logins, Needs::Nothing, &[("host", "probe.example")], 0).is_ok());
        assert_eq!(status(LOOK, &[], 0), 401);
        assert_eq!(status(LOOK, &[(TOKEN_HEADER, "wba-other")], 0), 401);
        assert_eq!(status(ACT, &[(TOKEN_HEADER, "wba-looks")], 0), 403);
        assert_eq!(status(ACT, &[(TOKEN_HEADER, "wba-acts")], 1_000), 401, "it has expired");
    }

    #[test]
    fn without_tokens_this_machine_may_look_and_nobody_may_change() {
        let (file, issued) = (AdminTokens::default(), Snapshot::default());
        let logins = Logins { file: &file, issued: Some(&issued) };
        for host in ["127.0.0.1:8788", "localhost:8788", "[::1]:8788", "localhost"] {
            assert!(ask(&logins, LOOK, &[("host", host)], 0).is_ok(), "{host}");
        }
        assert_eq!(ask(&logins, LOOK, &[("host", "evil.example:8788")], 0).expect_err("refused").status, 403);
        let refusal = ask(&logins, ACT, &[("host", "localhost")], 0).expect_err("refused");
        assert!(refusal.status == 403 && refusal.message.contains("weighbridge keys"), "{refusal:?}");
        assert!(ask(&logins, Needs::Signature, &[("host", "hooks.example")], 0).is_ok());
    }

    #[test]
    fn while_tokens_are_not_known_nobody_is_let_in() {
        let file = AdminTokens::default();
        let logins = Logins { file: &file, issued: None };
        assert_eq!(ask(&logins, LOOK, &[("host", "localhost")], 0).expect_err("refused").status, 503);
        assert!(ask(&logins, Needs::Nothing, &[("host", "localhost")], 0).is_ok());
    }
}
