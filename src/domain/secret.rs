//! Credentials that do not print, and their hashes.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a secret. Secrets are 256 random bits, so a fast hash is enough: there is nothing to guess.
pub type Digest = [u8; 32];

/// The digest of a secret.
pub fn digest(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

/// A digest as 64 hexadecimal digits.
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest that 64 hexadecimal digits write.
pub fn from_hex(text: &str) -> Option<Digest> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    let bytes = pairs.collect::<Option<Vec<u8>>>().filter(|_| text.len() == 64)?;
    bytes.try_into().ok()
}

/// A credential. It has no `Display`, and its `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a credential.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The credential itself, for the one place that sends or hashes it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("sk-live-123")), "Secret(…)");
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = digest("wb-good");
        assert_eq!(from_hex(&hex(&digest)), Some(digest));
        assert_eq!(from_hex(&hex(&digest).to_uppercase()), Some(digest));
        for bad in ["", "0g", &hex(&digest)[1..], &format!("{}00", hex(&digest)), &"ü".repeat(32)] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
