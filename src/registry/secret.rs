//! Secrets: made here, shown once, stored nowhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{Digest, Secret, digest};

/// How many of the random characters are told, so that a key is recognised in a list: 24 bits of 256.
const TOLD: usize = 4;

/// Whose secret it is, told by how it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A caller's key.
    Key,
    /// A token for the admin port.
    Token,
}

impl Kind {
    fn beginning(self) -> &'static str {
        match self {
            Kind::Key => "wb",
            Kind::Token => "wba",
        }
    }
}

/// A secret that was just made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The secret itself, to be shown once.
    pub secret: Secret,
    /// How it begins, by which it is recognised.
    pub prefix: String,
    /// Its hash, which is what is kept.
    pub digest: Digest,
}

/// There is no randomness to make a secret from.
#[derive(Debug, thiserror::Error)]
#[error("the system has no randomness: {0}")]
pub struct NoRandomness(getrandom::Error);

/// A new secret that tells its name: 256 random bits.
///
/// # Errors
/// If the system has no randomness.
pub fn make(kind: Kind, name: &str) -> Result<Made, NoRandomness> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(NoRandomness)?;
    Ok(made(kind, name, random))
}

fn made(kind: Kind, name: &str, random: [u8; 32]) -> Made {
    let text = URL_SAFE_NO_PAD.encode(random);
    let beginning = kind.beginning();
    let secret = format!("{beginning}-{name}-{text}");
    Made {
        prefix: format!("{beginning}-{name}-{}…", &text[..TOLD]),
        digest: digest(&secret),
        secret: Secret::new(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_how_the_secret_begins_and_no_more_than_that() {
        let made = made(Kind::Key, "ana", [7; 32]);
        let beginning = made.prefix.trim_end_matches('…');
        assert!(made.secret.expose().starts_with(beginning) && beginning.len() == "wb-ana-".len() + TOLD);
        assert_eq!(made.secret.expose().len(), "wb-ana-".len() + 43);
        assert_eq!(digest(made.secret.expose()), made.digest);
        assert!(!format!("{made:?}").contains(made.secret.expose()));
    }

    #[test]
    fn two_secrets_differ() {
        let make = || make(Kind::Token, "ops").expect("randomness").digest;
        assert_ne!(make(), make());
    }
}
