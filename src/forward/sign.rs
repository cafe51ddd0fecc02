//! Amazon's signature (SigV4) on a request to Bedrock.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4::SigningParams;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::Secret;

/// What Bedrock is called in a signature.
const SERVICE: &str = "bedrock";

/// What stands for itself in a path; all else is encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsCredentials {
    /// Names the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// Goes with keys that live only for a while.
    pub session_token: Option<Secret>,
}

/// A request as it will be sent, but for its signature.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its whole URI, the path encoded once.
    pub uri: &'a Uri,
    /// Its headers. Only `content-type` and `x-amz-…` are signed: others may change on the way.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

/// Why a request could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct CannotSign(String);

/// The headers that sign a request to Bedrock in this region; they replace those of the same names. A signature is good
/// for some minutes, so each attempt is signed anew.
///
/// # Errors
/// If the URI names no host or a header is no text.
pub fn sign(
    request: Unsigned<'_>,
    credentials: &AwsCredentials,
    region: &str,
    time: SystemTime,
) -> Result<Vec<(HeaderName, HeaderValue)>, CannotSign> {
    sign_for(SERVICE, request, credentials, region, time)
}

fn sign_for(
    service: &str,
    request: Unsigned<'_>,
    credentials: &AwsCredentials,
    region: &str,
    time: SystemTime,
) -> Result<Vec<(HeaderName, HeaderValue)>, CannotSign> {
    let failed = |error: &dyn std::error::Error| CannotSign(error.to_string());
    if request.uri.host().is_none() {
        return Err(CannotSign("its URI names no host".to_owned()));
    }
    let identity = Credentials::new(
        &credentials.access_key_id,
        credentials.secret_access_key.expose(),
        credentials.session_token.as_ref().map(|token| token.expose().to_owned()),
        None,
        "routes.toml",
    )
    .into();
    // The defaults are those of every service but S3: the path is encoded a second time for the signature.
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?;
    let headers = signed_headers(request.headers)?;
    let body = SignableBody::Bytes(request.body);
    let signable = SignableRequest::new(request.method.as_str(), request.uri.to_string(), headers.into_iter(), body)
        .map_err(|error| failed(&error))?;
    let signed = http_request::sign(signable, &params.into()).map_err(|error| failed(&error))?;
    let (headers, _) = signed.into_parts().0.into_parts();
    headers
        .iter()
        .map(|signed| {
            let mut value = HeaderValue::from_str(signed.value()).map_err(|error| failed(&error))?;
            let name = HeaderName::from_static(signed.name());
            value.set_sensitive(signed.sensitive() || name == header::AUTHORIZATION);
            Ok((name, value))
        })
        .collect()
}

fn signed_headers(headers: &HeaderMap) -> Result<Vec<(&str, &str)>, CannotSign> {
    let mut signed = Vec::new();
    for (name, value) in headers {
        // What the signature itself brings.
        let is_ours = matches!(name.as_str(), "x-amz-date" | "x-amz-security-token");
        if !is_ours && (*name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz-")) {
            let text = value.to_str().map_err(|_| CannotSign(format!("its header `{name}` is no text")))?;
            signed.push((name.as_str(), text));
        }
    }
    Ok(signed)
}

/// A model's name as one segment of a path: `:` and the `/` of an ARN are encoded.
pub fn path_segment(model: &str) -> String {
    utf8_percent_encode(model, UNRESERVED).to_string()
}

/// The region in the name of a Bedrock host, a private one's too: what follows `bedrock-runtime`.
pub fn region_of(host: &str) -> Option<&str> {
    let mut labels = host.split('.');
    labels.find(|label| matches!(*label, "bedrock-runtime" | "bedrock-runtime-fips"))?;
    labels.next().filter(|region| region.contains('-'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 2015-08-30T12:36:00Z, the moment of Amazon's published examples.
    fn moment() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160)
    }

    fn example_credentials(token: Option<&str>) -> AwsCredentials {
        AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(Secret::new),
        }
    }

    fn value<'a>(signed: &'a [(HeaderName, HeaderValue)], name: &str) -> Option<&'a str> {
        signed.iter().find(|(found, _)| found == name).map(|(_, value)| value.to_str().expect("text"))
    }

    fn authorization(method: Method, uri: &'static str, token: Option<&str>) -> String {
        let (uri, headers) = (Uri::from_static(uri), HeaderMap::new());
        let request = Unsigned { method: &method, uri: &uri, headers: &headers, body: b"" };
        let signed = sign_for("service", request, &example_credentials(token), "us-east-1", moment()).expect("signed");
        assert_eq!(value(&signed, "x-amz-date"), Some("20150830T123600Z"));
        assert_eq!(value(&signed, "x-amz-security-token"), token);
        value(&signed, "authorization").expect("a signature").to_owned()
    }

    /// The signatures are those that Amazon publishes in its signing test suite, by the names of the cases.
    #[test]
    fn signatures_are_those_of_amazons_published_examples() {
        let check = |method: Method, uri: &'static str, token: Option<&str>, signature: &str| {
            let also = if token.is_some() { ";x-amz-security-token" } else { "" };
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date{also}, Signature={signature}"
            );
            assert_eq!(authorization(method, uri, token), expected, "{uri}");
        };
        let (get, post) = (Method::GET, Method::POST);
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        check(get.clone(), "https://example.amazonaws.com/", None, vanilla);
        let vanilla = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        check(post, "https://example.amazonaws.com/", None, vanilla);
        let with_token = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
        check(get, "https://example.amazonaws.com/", Some(token), with_token);
    }

    /// The signature is what Amazon's own library for Python (botocore) gives for this request.
    #[test]
    fn a_models_colon_is_encoded_once_in_the_path_and_again_in_the_signature() {
        let path = format!("/model/{}/converse", path_segment("anthropic.claude-haiku-4-5-20251001-v1:0"));
        assert_eq!(path, "/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/converse");
        let uri: Uri = format!("https://bedrock-runtime.us-east-1.amazonaws.com{path}").parse().expect("a URI");
        let json = HeaderValue::from_static("application/json");
        let agent = (header::USER_AGENT, HeaderValue::from_static("any"));
        let headers: HeaderMap = [(header::CONTENT_TYPE, json), agent].into_iter().collect();
        let body = br#"{"messages":[]}"#;
        let request = Unsigned { method: &Method::POST, uri: &uri, headers: &headers, body };
        let signed = sign(request, &example_credentials(None), "us-east-1", moment()).expect("signed");
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=12022bdcc7aa58aa0318a8347415a126aa0b5354e1e8fe0aa1f9585bc3d47c9f";
        assert_eq!(value(&signed, "authorization"), Some(expected));
        assert!(signed.iter().any(|(name, value)| *name == header::AUTHORIZATION && value.is_sensitive()));
        let other = sign(Unsigned { body: b"{}", ..request }, &example_credentials(None), "us-east-1", moment());
        assert_ne!(value(&other.expect("signed"), "authorization"), Some(expected), "the body is signed");
    }

    #[test]
    fn an_arn_is_one_segment() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.a-b_c~v1:0";
        let encoded = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.a-b_c~v1%3A0";
        assert_eq!(path_segment(arn), encoded);
    }

    #[test]
    fn a_host_tells_its_region() {
        let check = |host: &str, region: Option<&str>| assert_eq!(region_of(host), region, "{host}");
        check("bedrock-runtime.us-east-1.amazonaws.com", Some("us-east-1"));
        check("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1"));
        check("vpce-0a-1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com", Some("eu-west-1"));
        check("bedrock-runtime.amazonaws.com", None);
        check("localhost", None);
    }

    #[test]
    fn a_uri_without_a_host_is_not_signed() {
        let (uri, headers) = (Uri::from_static("/model/x/converse"), HeaderMap::new());
        let request = Unsigned { method: &Method::POST, uri: &uri, headers: &headers, body: b"" };
        assert!(sign(request, &example_credentials(None), "us-east-1", moment()).is_err());
    }
}
