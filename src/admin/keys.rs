//! Keys and tokens that are made, rotated and revoked over HTTP, and the log of it.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::reply::{Refusal, Reply, json};
use super::{AdminPort, Authorized};
use crate::domain::{KeyName, Secret};
use crate::registry::{Grants, Moment, Role, Subject, length};

/// How many lines of the audit log are told at once, unless fewer are asked for.
const MOST_LINES: u32 = 1_000;

impl AdminPort {
    /// Every key: those of the file by name only, for what they may do stands there.
    pub(super) async fn keys(&self) -> Result<Reply, Refusal> {
        let snapshot = self.registry.refresh().await?;
        let known = self.proxy.config.snapshot().known();
        let file = snapshot.in_file(Subject::Key, &known.file_keys);
        Ok(json(StatusCode::OK, &json!({"keys": snapshot.keys, "file_keys": file})))
    }

    pub(super) async fn create_key(&self, who: &Authorized, body: &Bytes) -> Result<Reply, Refusal> {
        let mut wish: Map<String, Value> = parsed(body)?;
        let name = wish.remove("name").ok_or_else(|| Refusal::malformed("`name` is missing: the key's name"))?;
        let name: KeyName = read(name)?;
        let grants: Grants = read(Value::Object(wish))?;
        let known = self.proxy.config.snapshot().known();
        let (key, secret) = self.registry.create_key(&who.who, &known, &name, &grants).await?;
        Ok(shown_once(StatusCode::CREATED, "key", &json!(key), &secret))
    }

    pub(super) async fn rotate_key(&self, who: &Authorized, name: &str, body: &Bytes) -> Result<Reply, Refusal> {
        #[derive(Deserialize, Default)]
        #[serde(default, deny_unknown_fields)]
        struct Wish {
            grace: Option<String>,
        }
        let wish: Wish = parsed(body)?;
        let grace = wish.grace.as_deref().map(length).transpose().map_err(Refusal::malformed)?.unwrap_or_default();
        let known = self.proxy.config.snapshot().known();
        let (key, secret) = self.registry.rotate_key(&who.who, &known, &name_in(name)?, grace).await?;
        Ok(shown_once(StatusCode::OK, "key", &json!(key), &secret))
    }

    pub(super) async fn revoke_key(&self, who: &Authorized, name: &str) -> Result<Reply, Refusal> {
        let known = self.proxy.config.snapshot().known();
        self.registry.revoke_key(&who.who, &known, &name_in(name)?).await?;
        Ok(json(StatusCode::OK, &json!({"revoked": name})))
    }

    pub(super) async fn tokens(&self) -> Result<Reply, Refusal> {
        let snapshot = self.registry.refresh().await?;
        let known = self.proxy.config.snapshot().known();
        let file = snapshot.in_file(Subject::Token, &known.file_tokens);
        Ok(json(StatusCode::OK, &json!({"tokens": snapshot.tokens, "file_tokens": file})))
    }

    pub(super) async fn create_token(&self, who: &Authorized, body: &Bytes) -> Result<Reply, Refusal> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wish {
            name: KeyName,
            role: Role,
            expires: Option<Moment>,
        }
        let wish: Wish = parsed(body)?;
        let known = self.proxy.config.snapshot().known();
        let made = self.registry.create_token(&who.who, &known, &wish.name, wish.role, wish.expires).await?;
        Ok(shown_once(StatusCode::CREATED, "token", &json!(made.0), &made.1))
    }

    pub(super) async fn revoke_token(&self, who: &Authorized, name: &str) -> Result<Reply, Refusal> {
        let known = self.proxy.config.snapshot().known();
        self.registry.revoke_token(&who.who, &known, &name_in(name)?).await?;
        Ok(json(StatusCode::OK, &json!({"revoked": name})))
    }

    /// The audit log, the newest line first: `?since=2026-11-01&below=120&limit=50`.
    pub(super) async fn audit(&self, query: &str) -> Result<Reply, Refusal> {
        let (mut since, mut below, mut most) = (Moment::from_millis(0), None, MOST_LINES);
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let number = || value.parse::<i64>().map_err(|_| Refusal::malformed(format!("`{key}` is no number")));
            match key {
                "since" => {
                    let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                    since = value.parse().map_err(Refusal::malformed)?;
                }
                "below" => below = Some(number()?),
                "limit" => most = u32::try_from(number()?).unwrap_or(MOST_LINES).clamp(1, MOST_LINES),
                _ => return Err(Refusal::malformed(format!("`{key}` is not known: `since`, `below`, `limit`"))),
            }
        }
        let lines = self.registry.audit_log(since, below, most).await?;
        Ok(json(StatusCode::OK, &json!({ "audit": lines })))
    }
}

/// What was made, with the secret that is shown only now.
fn shown_once(status: StatusCode, what: &str, made: &Value, secret: &Secret) -> Reply {
    json(status, &json!({"secret": secret.expose(), what: made}))
}

fn name_in(text: &str) -> Result<KeyName, Refusal> {
    KeyName::parse(text).map_err(|error| Refusal::malformed(error.to_string()))
}

/// The body as JSON; an empty one is an empty object.
pub(super) fn parsed<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal::malformed(format!("the body: {error}")))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::malformed(error.to_string()))
}
