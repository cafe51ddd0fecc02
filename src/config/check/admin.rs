//! Who may see and change what the admin port has.

use std::collections::HashMap;

use super::Checker;
use crate::config::located::Located;
use crate::config::raw::{RawAdmin, RoleWord};
use crate::domain::{Digest, KeyName};
use crate::registry::{AdminToken, Moment, Role};

impl Checker<'_, '_> {
    pub(super) fn admin_tokens(&mut self, raw: &RawAdmin) -> Vec<AdminToken> {
        let mut by_digest: HashMap<Digest, &str> = HashMap::new();
        let mut tokens = Vec::with_capacity(raw.tokens.len());
        for (name, token) in self.named(&raw.tokens, "an admin token") {
            let subject = format!("admin token `{}`", name.value());
            let made_by = "weighbridge keys new --admin";
            let digest = self.digest(token.sha256.as_ref(), &token.span(), &subject, made_by);
            if token.role.is_none() && !self.was_taken_out(&token.span(), "role") {
                let hint = "`viewer` looks, `operator` also changes keys and budgets, `admin` also tokens";
                self.findings.error(token.span(), format!("{subject} has no `role`")).hint(hint);
            }
            let expires = self.expires(token.expires.as_ref(), &subject);
            let (Some(digest), Some(role), Ok(key_name)) = (digest, token.role, KeyName::parse(name)) else { continue };
            if let Some(other) = by_digest.insert(digest, name) {
                let span = token.sha256.as_ref().map_or(token.span(), Located::span);
                let message = format!("admin tokens `{}` and `{other}` have the same `sha256`", name.value());
                self.findings.error(span, message).hint("make a token for each: `weighbridge keys new --admin`");
            }
            let role = match role {
                RoleWord::Viewer => Role::Viewer,
                RoleWord::Operator => Role::Operator,
                RoleWord::Admin => Role::Admin,
            };
            let expires = expires.map(|millis| Moment::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)));
            tokens.push(AdminToken { name: key_name, digest, role, expires });
        }
        tokens
    }
}
