//! The body of a request, read once and under limits: size and pace on the wire, size and ratio after decoding.
//!
//! A body that is refused is not read to its end. Decoding knows the four codings that developer tools send; a body
//! whose coding header got lost on the way is known by zstd's magic number.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::domain::{Failure, FailureKind};

/// What a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a body, as it comes and again after it is decoded.
    pub max_body_bytes: usize,
    /// Bytes of a body that is passed on as it comes (files, forms).
    pub max_upload_bytes: u64,
    /// How many times larger than its coded form a decoded body may be (beyond the first mebibyte).
    pub max_ratio: u32,
    /// Levels of arrays and objects inside each other.
    pub max_depth: u32,
    /// The longest pause between two pieces of a body.
    pub stall_timeout: Duration,
    /// From the head to the last byte of the body.
    pub total_timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_upload_bytes: 512 << 20,
            max_ratio: 200,
            max_depth: 128,
            stall_timeout: Duration::from_secs(15),
            total_timeout: Duration::from_secs(120),
        }
    }
}

/// A decoded body smaller than this is never called a bomb, whatever its ratio.
const RATIO_FREE_BYTES: usize = 1 << 20;

/// Bodies larger than this on the wire are decoded on a thread of their own, so that no other request waits.
const INLINE_DECODE_BYTES: usize = 64 << 10;

/// RFC 9659: the largest window that a zstd body on the web may ask for, 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A body and its size as it came.
#[derive(Debug)]
pub struct ReadBody {
    /// The decoded bytes.
    pub bytes: Bytes,
    /// Bytes on the wire.
    pub wire_bytes: u64,
}

/// Reads and decodes a request's body.
///
/// # Errors
/// `TooLarge`, `TooSlow`, `Unsupported` (a coding we do not read), `Malformed` (corrupt), `ClientGone`.
pub async fn body(incoming: Incoming, headers: &HeaderMap, bounds: &Bounds) -> Result<ReadBody, Failure> {
    let coding = Coding::of(headers)?;
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > bounds.max_body_bytes as u64) {
        return Err(too_large(bounds));
    }
    let wire = tokio::time::timeout(bounds.total_timeout, collect(incoming, bounds)).await;
    let wire = wire.unwrap_or_else(|_| Err(too_slow("the body took too long to arrive")))?;
    let wire_bytes = wire.len() as u64;
    let coding = coding.or_else(|| Coding::sniff(&wire));
    let bytes = match coding {
        None => wire,
        Some(coding) if wire.len() <= INLINE_DECODE_BYTES => decode(&wire, coding, bounds)?,
        Some(coding) => {
            let bounds = *bounds;
            let decoded = tokio::task::spawn_blocking(move || decode(&wire, coding, &bounds)).await;
            decoded.unwrap_or_else(|_| Err(Failure::new(FailureKind::Internal, "decoding the body failed")))?
        }
    };
    Ok(ReadBody { bytes, wire_bytes })
}

async fn collect(mut incoming: Incoming, bounds: &Bounds) -> Result<Bytes, Failure> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(bounds.stall_timeout, incoming.frame()).await;
        let frame = frame.map_err(|_| too_slow("the body stopped arriving"))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Failure::new(FailureKind::ClientGone, "the body broke off"))?;
        let Ok(piece) = frame.into_data() else { continue };
        match &first {
            // Most bodies come in one piece, which need not be copied.
            None => first = Some(piece),
            Some(begin) => {
                if rest.is_empty() {
                    let hint = incoming.size_hint().lower() as usize;
                    rest.reserve((begin.len() + piece.len() + hint).min(bounds.max_body_bytes));
                    rest.extend_from_slice(begin);
                }
                rest.extend_from_slice(&piece);
            }
        }
        if rest.len().max(first.as_ref().map_or(0, Bytes::len)) > bounds.max_body_bytes {
            return Err(too_large(bounds));
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`: one member after the other.
    Gzip,
    /// `deflate`: in zlib's frame, or bare.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`, with windows up to 8 MiB.
    Zstd,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(None) };
        match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Coding::Gzip)),
            "deflate" => Ok(Some(Coding::Deflate)),
            "br" => Ok(Some(Coding::Brotli)),
            "zstd" => Ok(Some(Coding::Zstd)),
            other => {
                let known = "send it plain or as one of gzip, deflate, br, zstd";
                let other: String = other.chars().take(40).collect();
                Err(Failure::new(
                    FailureKind::Unsupported,
                    format!("the body's content-encoding is {other:?}: {known}"),
                ))
            }
        }
    }

    /// A zstd frame begins with a number that no JSON text begins with.
    fn sniff(wire: &[u8]) -> Option<Self> {
        wire.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]).then_some(Coding::Zstd)
    }
}

/// Decodes a whole body.
///
/// # Errors
/// `Malformed` for what is not of this coding, `TooLarge` for what is more than the bounds allow, which is not decoded to
/// its end.
pub fn decode(wire: &[u8], coding: Coding, bounds: &Bounds) -> Result<Bytes, Failure> {
    let by_ratio = wire.len().saturating_mul(bounds.max_ratio as usize).max(RATIO_FREE_BYTES);
    let most = by_ratio.min(bounds.max_body_bytes);
    let decoder: Box<dyn Read + '_> = match coding {
        Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(wire)),
        // "deflate" means zlib, yet some clients send it bare; zlib's first byte tells.
        Coding::Deflate if wire.first().is_some_and(|byte| byte & 0x0f == 8) => {
            Box::new(flate2::read::ZlibDecoder::new(wire))
        }
        Coding::Deflate => Box::new(flate2::read::DeflateDecoder::new(wire)),
        Coding::Brotli => Box::new(brotli_decompressor::Decompressor::new(wire, 16 << 10)),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(wire).map_err(|_| corrupt())?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| corrupt())?;
            Box::new(decoder)
        }
    };
    let mut decoded = Vec::with_capacity((wire.len() * 4).min(most));
    decoder.take(most as u64 + 1).read_to_end(&mut decoded).map_err(|_| corrupt())?;
    if decoded.len() > most {
        return Err(too_large(bounds));
    }
    Ok(decoded.into())
}

fn corrupt() -> Failure {
    Failure::new(FailureKind::Malformed, "the body does not decode as its content-encoding says")
}

fn too_slow(message: &str) -> Failure {
    Failure::new(FailureKind::TooSlow, message)
}

fn too_large(bounds: &Bounds) -> Failure {
    let most = bounds.max_body_bytes;
    let ratio = bounds.max_ratio;
    let message = format!("the body is too large: at most {most} bytes, decoded too, and {ratio} times its coded size");
    Failure::new(FailureKind::TooLarge, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = br#"{"model":"auto","messages":[{"role":"user","content":"hello hello hello"}]}"#;

    fn coded(coding: &str, text: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        let write = |mut encoder: flate2::write::GzEncoder<Vec<u8>>| {
            encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory")
        };
        match coding {
            "gzip" => write(flate2::write::GzEncoder::new(Vec::new(), level)),
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory")
            }
            "bare" => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory")
            }
            _ => zstd::encode_all(text, 3).expect("memory"),
        }
    }

    #[test]
    fn codings_are_decoded() {
        let check = |wire: &[u8], coding| {
            let decoded = decode(wire, coding, &Bounds::default()).expect("decodes");
            assert_eq!(decoded, TEXT, "{coding:?}");
        };
        check(&coded("gzip", TEXT), Coding::Gzip);
        check(&coded("deflate", TEXT), Coding::Deflate);
        check(&coded("bare", TEXT), Coding::Deflate);
        check(&coded("zstd", TEXT), Coding::Zstd);
        assert_eq!(Coding::sniff(&coded("zstd", TEXT)), Some(Coding::Zstd));
        assert_eq!(Coding::sniff(TEXT), None);
        // A brotli stream of one uncompressed meta-block with one letter.
        let brotli = [0x0b, 0x00, 0x80, b'a', 0x03];
        assert_eq!(decode(&brotli, Coding::Brotli, &Bounds::default()).expect("decodes"), b"a"[..]);
    }

    #[test]
    fn a_bomb_is_refused_by_ratio_and_by_size() {
        let bomb = coded("gzip", &vec![b' '; 8 << 20]);
        assert_eq!(decode(&bomb, Coding::Gzip, &Bounds::default()).expect_err("a bomb").kind, FailureKind::TooLarge);
        let small = Bounds { max_body_bytes: 10, ..Bounds::default() };
        let refused = decode(&coded("zstd", TEXT), Coding::Zstd, &small).expect_err("too large");
        assert_eq!(refused.kind, FailureKind::TooLarge);
    }

    #[test]
    fn what_does_not_decode_is_malformed() {
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
            let refused = decode(b"\x08plain text is none of these", coding, &Bounds::default());
            assert_eq!(refused.expect_err("corrupt").kind, FailureKind::Malformed, "{coding:?}");
        }
    }

    #[test]
    fn an_unknown_coding_is_named() {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, "snappy".parse().expect("a value"))]);
        let refused = Coding::of(&headers).expect_err("unknown");
        assert_eq!(refused.kind, FailureKind::Unsupported);
        assert!(refused.message.contains("snappy"));
    }
}
