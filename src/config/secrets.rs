//! Tells credentials from other strings of a configuration, so that none is kept in a file that people share.

/// How the credentials of known makers begin, and how long they are at least.
const KNOWN: &[(&str, usize)] = &[
    ("sk-", 20),
    ("sk_live_", 20),
    ("rk_live_", 20),
    ("wb-", 40),
    ("AKIA", 20),
    ("ASIA", 20),
    ("AIza", 35),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("hf_", 30),
    ("gsk_", 30),
    ("eyJhbGciOi", 40),
];

/// Whether the string at this path of the file looks like a credential.
pub(super) fn is_one(text: &str, path: &str) -> bool {
    let place = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase();
    if place == "api_key" {
        return true;
    }
    if place == "sha256" {
        return false;
    }
    let bearer = ["authorization", "x-api-key", "api-key", "x-goog-api-key"].contains(&place.as_str());
    bearer
        || text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ',' | '@' | '/')).any(is_key)
        || text.contains("-----BEGIN ")
}

fn is_key(word: &str) -> bool {
    let known = KNOWN.iter().any(|(start, least)| word.starts_with(start) && word.len() >= *least);
    known && has_many_kinds(word)
}

/// A credential mixes letters and digits; a model's name that happens to begin like one has words in it.
fn has_many_kinds(word: &str) -> bool {
    let longest_run = word.split(['-', '_', '.']).map(str::len).max().unwrap_or(0);
    longest_run >= 12 && word.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_from_names() {
        for secret in ["sk-proj-0000000000000000FAKE", "AKIA0000000000000000", "Bearer sk-0000000000000000000000"] {
            assert!(is_one(secret, "endpoints.a.model"), "{secret}");
        }
        for name in ["sk-learn-helper-of-the-team", "gpt-5-mini", "https://api.openai.com/v1", "everything-else"] {
            assert!(!is_one(name, "endpoints.a.model"), "{name}");
        }
    }

    #[test]
    fn a_plain_string_where_a_credential_belongs_is_one() {
        assert!(is_one("changeme", "endpoints.a.api_key"));
        assert!(is_one("Basic abc", "endpoints.a.headers.Authorization"));
        assert!(!is_one(&"0".repeat(64), "keys.a.sha256"));
    }
}
