//! An issuer's public keys (JWKS).

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde_json::Value;

use super::fetch::FetchError;

/// The most keys of one issuer that are kept.
const MOST_KEYS: usize = 64;

/// One public key.
pub(super) struct Verifier {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
    written: Jwk,
}

/// Every key with which an issuer may have signed.
#[derive(Default)]
pub(super) struct KeySet(Vec<Verifier>);

impl KeySet {
    /// Reads a JWKS. Keys that are for something else, or of a kind that the issuer does not sign with, are left out.
    pub(super) fn read(body: &[u8], algorithms: &[Algorithm]) -> Result<Self, FetchError> {
        let set: Value = serde_json::from_slice(body).map_err(|_| FetchError::NotKeys)?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(FetchError::NotKeys)?;
        let keys: Vec<Verifier> = keys.iter().filter_map(|key| verifier(key, algorithms)).take(MOST_KEYS).collect();
        if keys.is_empty() { Err(FetchError::NoneFits) } else { Ok(Self(keys)) }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.iter().map(|key| &key.written).eq(other.0.iter().map(|key| &key.written))
    }

    /// The keys with which a token of this header may be signed: that which it names, or every one of its kind.
    pub(super) fn for_header(&self, header: &Header) -> impl Iterator<Item = &Verifier> {
        let named = header.kid.as_deref();
        let fits = move |key: &&Verifier| named.is_none_or(|named| key.id.as_deref() == Some(named));
        let algorithm = header.alg;
        self.0.iter().filter(fits).filter(move |key| key.algorithms.contains(&algorithm))
    }

    /// Whether there is one for this token.
    pub(super) fn has_for(&self, token: &str) -> bool {
        jsonwebtoken::decode_header(token).is_ok_and(|header| self.for_header(&header).next().is_some())
    }
}

fn verifier(written: &Value, allowed: &[Algorithm]) -> Option<Verifier> {
    let written: Jwk = serde_json::from_value(written.clone()).ok()?;
    if written.common.public_key_use.as_ref().is_some_and(|r#use| *r#use != PublicKeyUse::Signature) {
        return None;
    }
    let of_kind = kind(&written.algorithm);
    let mut algorithms: Vec<Algorithm> = of_kind.iter().copied().filter(|one| allowed.contains(one)).collect();
    if let Some(own) = &written.common.key_algorithm {
        algorithms.retain(|one| KeyAlgorithm::from(*one) == *own);
    }
    let key = DecodingKey::from_jwk(&written).ok()?;
    (!algorithms.is_empty()).then(|| Verifier { id: written.common.key_id.clone(), algorithms, key, written })
}

/// What a key of this kind can have signed; nothing, if it is a shared secret.
fn kind(key: &AlgorithmParameters) -> &'static [Algorithm] {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    use jsonwebtoken::jwk::EllipticCurve::{Ed25519, P256, P384};
    match key {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) if key.curve == P256 => &[ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == P384 => &[ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == Ed25519 => &[EdDSA],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The public keys of RFC 7515, appendices A.2 and A.3.
    const RSA: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB""#;
    const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
    const SECRET: &str =
        r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow""#;

    fn read(keys: &[&str], algorithms: &[Algorithm]) -> Result<KeySet, FetchError> {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key}}}")).collect();
        KeySet::read(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes(), algorithms)
    }

    #[test]
    fn keys_that_cannot_be_the_issuers_are_left_out() {
        let both = [Algorithm::RS256, Algorithm::ES256];
        assert_eq!(read(&[RSA, EC, SECRET, r#"{"kty":"new""#], &both).map(|keys| keys.len()).ok(), Some(2));
        assert_eq!(read(&[RSA, EC], &[Algorithm::ES256]).map(|keys| keys.len()).ok(), Some(1));
        let for_something_else = [format!("{RSA},\"use\":\"enc\""), format!("{EC},\"alg\":\"ES384\"")];
        assert!(read(&for_something_else.each_ref().map(String::as_str), &both).is_err());
        assert!(read(&[SECRET], &[Algorithm::HS256]).is_err(), "a shared secret is no public key");
        for garbage in ["", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1,null]}"] {
            assert!(KeySet::read(garbage.as_bytes(), &both).is_err(), "{garbage}");
        }
    }

    #[test]
    fn a_token_names_its_key_or_may_be_signed_with_any_of_its_kind() {
        let named = format!("{RSA},\"kid\":\"a\"");
        let keys = read(&[&named, RSA, EC], &[Algorithm::RS256, Algorithm::ES256]).expect("keys");
        let count = |kid: Option<&str>, algorithm| {
            let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
            keys.for_header(&header).count()
        };
        assert_eq!((count(Some("a"), Algorithm::RS256), count(Some("b"), Algorithm::RS256)), (1, 0));
        assert_eq!((count(None, Algorithm::RS256), count(None, Algorithm::ES256)), (2, 1));
        assert_eq!(count(Some("a"), Algorithm::ES256), 0, "a key of another kind");
    }
}
