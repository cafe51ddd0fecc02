//! Issuers of callers' tokens, and who may use the admin port, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::value::Datetime;

use super::super::located::Located;
use super::{DoorWord, DurationText, Named, choices};

/// Who signs tokens (JWT) that callers may show instead of a key.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawIssuer {
    /// The `iss` of its tokens, such as `https://login.example.com`.
    pub issuer: Option<Located<String>>,
    /// The `aud` that its tokens must have.
    pub audience: Option<Located<String>>,
    /// Where its public keys (JWKS) are. Default: what `<issuer>/.well-known/openid-configuration` says.
    pub jwks_url: Option<Located<String>>,
    /// The algorithms it signs with. Default `["RS256", "ES256"]`.
    pub algorithms: Option<Vec<Located<String>>>,
    /// Which of a token's claims say who asks.
    pub claims: RawClaims,
    /// Claims that a token must have, with this value (in a list: among others).
    pub require: Named<String>,
    /// How long its public keys are used before they are fetched again. Default `10m`.
    pub refresh: Option<Located<DurationText>>,
    /// The tiers its callers may use. Default: all.
    pub tiers: Option<Vec<Located<String>>>,
    /// The models its callers may ask for by name; `gpt-*` means all that begin so. Default: all.
    pub models: Option<Vec<Located<String>>>,
    /// What its callers may ask for: `chat`, `embeddings` … Default: everything.
    pub doors: Option<Vec<Located<DoorWord>>>,
    /// Whether its callers may name a tier or an endpoint themselves. Default true.
    pub may_choose: Option<bool>,
    /// A PEM file with the only authorities trusted for it. Default: those of the platform.
    pub ca_file: Option<Located<String>>,
}

/// Which of a token's claims say who asks; `a.b` is the claim `b` inside `a`.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawClaims {
    /// The person. Default `email`.
    pub engineer: Option<Located<String>>,
    /// The person's team. Default: none, a header may tell.
    pub team: Option<Located<String>>,
    /// What the work is for. Default: none, a header may tell.
    pub feature: Option<Located<String>>,
}

/// Who may see and change what the admin port has.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawAdmin {
    /// Tokens by name. With none, everybody on this machine may look and nobody may change.
    pub tokens: Named<RawAdminToken>,
}

/// A token for the admin port.
#[derive(Deserialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct RawAdminToken {
    /// The SHA-256 of the token, 64 hexadecimal digits. `weighbridge keys new --admin` makes one and prints it.
    pub sha256: Option<Located<String>>,
    /// What it may do.
    pub role: Option<RoleWord>,
    /// From this date on it is refused.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub expires: Option<Located<Datetime>>,
}

choices! {
    /// What somebody may do on the admin port.
    RoleWord {
        /// Look.
        Viewer = "viewer",
        /// Also make, rotate and revoke callers' keys, override budgets, tell outcomes.
        Operator = "operator",
        /// Also make and revoke tokens for the admin port.
        Admin = "admin"
    }
}
