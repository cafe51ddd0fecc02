//! How people and tools name a pull request: `example/shop#42`, `shop#42`, `#42`, `42`, `group/project!7`, or its
//! address.

use std::fmt;

/// A pull request, as far as it was named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PullRequest {
    /// The repository, whole (`example/shop`) or by its last part (`shop`); `None`: not named.
    pub repository: Option<Box<str>>,
    /// Its number in the repository.
    pub number: u64,
    /// What the code host writes before the number.
    mark: char,
}

impl PullRequest {
    /// One that is known whole.
    pub fn new(repository: &str, number: u64, mark: char) -> Self {
        Self { repository: Some(repository.into()), number, mark }
    }

    /// The pull request that is named in `text`, or `None` if none is.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((_, rest)) = text.split_once("://") {
            return Self::of_address(rest);
        }
        let (repository, mark, number) = match text.rsplit_once(['#', '!']) {
            Some((repository, number)) => (repository, if text.contains('!') { '!' } else { '#' }, number),
            None => ("", '#', text),
        };
        let repository = (!repository.is_empty()).then(|| repository.into());
        Some(Self { repository, number: whole(number)?, mark })
    }

    /// `github.com/example/shop/pull/42`, `gitlab.com/group/project/-/merge_requests/7`, and whatever follows.
    fn of_address(address: &str) -> Option<Self> {
        let (_, path) = address.split_once('/')?;
        let shapes = [("/pull/", '#'), ("/pulls/", '#'), ("/-/merge_requests/", '!'), ("/merge_requests/", '!')];
        shapes.into_iter().find_map(|(middle, mark)| {
            let (repository, rest) = path.split_once(middle)?;
            let number = rest.split(['/', '?', '#']).next()?;
            Some(Self { repository: Some(repository.into()), number: whole(number)?, mark })
        })
    }

    /// Whether `other` may be the same: the numbers are, and the repositories are as far as both are named.
    pub fn may_be(&self, other: &PullRequest) -> bool {
        self.number == other.number
            && match (&self.repository, &other.repository) {
                (Some(one), Some(other)) => is_same_repository(one, other),
                _ => true,
            }
    }
}

/// Whether two names mean the same repository: case does not count, and `shop` is short for `example/shop`.
pub fn is_same_repository(one: &str, other: &str) -> bool {
    let ends_with = |long: &str, short: &str| {
        long.len() > short.len() + 1
            && long.is_char_boundary(long.len() - short.len())
            && long.as_bytes()[long.len() - short.len() - 1] == b'/'
            && long[long.len() - short.len()..].eq_ignore_ascii_case(short)
    };
    one.eq_ignore_ascii_case(other) || ends_with(one, other) || ends_with(other, one)
}

fn whole(digits: &str) -> Option<u64> {
    // `parse` would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl fmt::Display for PullRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.repository.as_deref().unwrap_or_default(), self.mark, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_named_in_many_ways() {
        let check = |text, expected: &str| {
            assert_eq!(PullRequest::parse(text).map(|pr| pr.to_string()).as_deref(), Some(expected), "{text}");
        };
        check("example/shop#42", "example/shop#42");
        check("#42", "#42");
        check("42", "#42");
        check("group/sub/project!7", "group/sub/project!7");
        check("https://github.com/example/shop/pull/42", "example/shop#42");
        check("https://github.com/example/shop/pull/42/files?w=1", "example/shop#42");
        check("https://gitlab.example.com/group/sub/project/-/merge_requests/7#note_1", "group/sub/project!7");
        for bad in
            ["", "#", "shop#", "shop#x", "PAY-7", "+7", "-7", "https://github.com/example/shop", "99999999999999999999"]
        {
            assert_eq!(PullRequest::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_not_named_may_be_the_same() {
        let check = |one, other, expected| {
            let parse = |text| PullRequest::parse(text).unwrap();
            assert_eq!(parse(one).may_be(&parse(other)), expected, "{one} {other}");
            assert_eq!(parse(other).may_be(&parse(one)), expected, "{other} {one}");
        };
        check("example/shop#42", "Example/Shop#42", true);
        check("example/shop#42", "shop#42", true);
        check("example/shop#42", "42", true);
        check("example/shop#42", "example/workshop#42", false);
        check("workshop#42", "shop#42", false);
        check("example/shop#42", "example/shop#43", false);
    }
}
