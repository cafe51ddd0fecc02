//! Secrets, and addresses that may hold one: found where the file says, never in it.

use hyper::header::HeaderValue;

use super::Checker;
use crate::config::Strictness;
use crate::config::located::Located;
use crate::config::raw::{RawSecret, RawUrl};
use crate::domain::Secret;

impl Checker<'_, '_> {
    /// A secret from where the file says; `key` is the name that it has there, `subject` whose it is.
    pub(super) fn secret(&mut self, key: &str, written: &Located<RawSecret>, subject: &str) -> Option<Secret> {
        let surroundings = self.surroundings;
        let (found, what) = match (&written.env, &written.file) {
            (Some(name), None) => ((surroundings.env)(name), format!("the environment variable `{name}`")),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(surroundings.path(file)).ok();
                (text.map(|text| text.trim().to_owned()), format!("the file `{file}`"))
            }
            _ => {
                let message = format!("`{key}` of {subject} needs either `env` or `file`");
                self.findings.error(written.span(), message).hint("such as `{ env = \"NAME\" }`");
                return None;
            }
        };
        let found = found.filter(|text| !text.is_empty());
        match found {
            Some(text) if HeaderValue::from_str(&text).is_ok() => Some(Secret::new(text)),
            Some(_) => {
                self.findings.error(written.span(), format!("{what} holds characters that no key has"));
                None
            }
            None => {
                let message = format!("{subject} takes its key from {what}, which is not there");
                match surroundings.strictness {
                    Strictness::Check => self.findings.warning(written.span(), message),
                    Strictness::Serve => self.findings.error(written.span(), message),
                };
                None
            }
        }
    }

    /// An address that may hold a password, which then stands elsewhere.
    pub(super) fn private_url(&mut self, key: &str, written: &Located<RawUrl>) -> Option<Secret> {
        match written.value() {
            RawUrl::Secret(secret) => {
                let secret = RawSecret { env: secret.env.clone(), file: secret.file.clone() };
                self.secret("url", &Located::new(written.span(), secret), &format!("`{key}`"))
            }
            RawUrl::Text(text) => {
                let authority = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
                let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
                if user.is_some_and(|user| user.contains(':')) {
                    let message = format!("`{key}` holds a password");
                    let hint =
                        "secrets stay out of this file: `{ env = \"NAME\" }` or `{ file = \"path\" }` with the address";
                    self.findings.error(written.span(), message).hint(hint);
                    return None;
                }
                Some(Secret::new(text.as_str()))
            }
        }
    }
}
