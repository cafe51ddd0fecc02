//! AWS signatures.

use crate::domain::Secret;

/// AWS credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsCredentials {
    /// The id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// The token that goes with temporary ones.
    pub session_token: Option<Secret>,
}

/// Signs.
pub fn sign(
    method: &hyper::Method,
    uri: &hyper::Uri,
    headers: &hyper::HeaderMap,
    body: &[u8],
    credentials: &AwsCredentials,
    region: &str,
    now: std::time::SystemTime,
) -> Result<Vec<(hyper::header::HeaderName, hyper::header::HeaderValue)>, std::io::Error> {
    todo!("{method} {uri} {headers:?} {body:?} {credentials:?} {region} {now:?}")
}
