//! Personal data: a person's name with a mail address, a phone or an identity, card or account number.

use super::{Found, before, window};

/// Mailboxes of roles, programs and examples, not of people.
const ROLES: &[&str] = &[
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "support",
    "info",
    "admin",
    "administrator",
    "sales",
    "help",
    "helpdesk",
    "contact",
    "security",
    "hello",
    "team",
    "dev",
    "devs",
    "ops",
    "billing",
    "abuse",
    "postmaster",
    "webmaster",
    "hostmaster",
    "root",
    "git",
    "bot",
    "user",
    "username",
    "test",
    "tester",
    "me",
    "you",
    "your",
    "name",
    "email",
    "mail",
    "foo",
    "bar",
    "someone",
    "somebody",
    "example",
    "service",
    "office",
    "jobs",
    "careers",
    "press",
    "marketing",
    "privacy",
    "legal",
    "feedback",
    "notifications",
    "alerts",
    "build",
    "ci",
    "deploy",
    "jenkins",
    "github",
    "gitlab",
    "actions",
    "dependabot",
    "renovate",
    "dpo",
    "accounts",
    "accounting",
    "invoices",
    "orders",
    "kontakt",
    "buchhaltung",
    "datenschutz",
    "soporte",
    "ventas",
    "facturas",
];

/// The first place where a person is named with what identifies or reaches them.
pub(super) fn find(text: &str) -> Option<Found> {
    mail(text).or_else(|| numbers(text))
}

/// A mail address that is a person's: by its own form, or with a name or a phone beside it.
fn mail(text: &str) -> Option<Found> {
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'@', bytes) {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
        let local_length = bytes[..at].iter().rev().take(64).take_while(|byte| part(byte)).count();
        let domain_length = bytes[at + 1..].iter().take(120).take_while(|byte| part(byte)).count();
        let (start, end) = (at - local_length, at + 1 + domain_length);
        let domain = text[at + 1..end].trim_end_matches('.');
        if !is_mailbox(&text[start..at], domain)
            || matches!(bytes.get(end), Some(b':' | b'/'))
            || before(text, start, 90).rsplit(char::is_whitespace).next().is_some_and(|token| token.contains("://"))
        {
            continue;
        }
        let around = (before(text, start, 90), window(text, end, 60));
        let named = names_someone(around.0) || names_someone(around.1);
        let keyed = [
            "name\"",
            "name:",
            "phone",
            "address",
            "dob",
            "birth",
            "ssn",
            "tel",
            "الاسم",
            "הטלפון",
            "姓名",
            "電話",
            "电话",
            "氏名",
            "имя",
        ];
        let keyed =
            keyed.iter().any(|key| around.0.to_lowercase().contains(key) || around.1.to_lowercase().contains(key));
        let local = &text[start..at];
        let personal_form = local.split_once(['.', '_']).is_some_and(|(first, last)| {
            first.len() >= 2
                && last.len() >= 2
                && local.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_'))
        });
        if named || keyed || personal_form {
            return Some(Found { start, end });
        }
    }
    None
}

fn is_mailbox(local: &str, domain: &str) -> bool {
    let lower = local.to_ascii_lowercase();
    let role = ROLES.contains(&lower.as_str())
        || lower.ends_with("bot")
        || lower.contains("noreply")
        || lower.contains("no-reply");
    let top = domain.rsplit('.').next().unwrap_or_default();
    let whole = domain.contains('.') && top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    !local.is_empty() && whole && !role && !domain.contains("noreply") && !domain.starts_with('.')
}

/// Whether two words in a row are written like a name.
fn names_someone(text: &str) -> bool {
    let mut before_was_capital = false;
    for word in text.split(|c: char| {
        c == ' '
            || c == ','
            || c == '"'
            || c == '\n'
            || c == '<'
            || c == '('
            || c == '|'
            || c == '\''
            || c == ';'
            || c == ':'
    }) {
        let word = word.trim_end_matches(['.', ')', '>']);
        let mut letters = word.chars();
        let capital = letters.next().is_some_and(char::is_uppercase)
            && word.chars().count() >= 2
            && letters.all(|letter| letter.is_lowercase() || letter == '-' || letter == '’');
        if capital && before_was_capital {
            return true;
        }
        before_was_capital = capital;
    }
    false
}

/// Identity, card, account and phone numbers.
fn numbers(text: &str) -> Option<Found> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit).map(|skip| at + skip) {
        let separator = |place: usize| {
            matches!(bytes[place], b' ' | b'-' | b'.' | b'(' | b')')
                && bytes.get(place + 1).is_some_and(|next| next.is_ascii_digit() || matches!(next, b'(' | b' ' | b'-'))
        };
        let mut end = digit;
        while end < bytes.len() && end - digit < 44 && (bytes[end].is_ascii_digit() || separator(end)) {
            end += 1;
        }
        let found = Found { start: digit, end };
        let inside_word = digit > 0
            && (bytes[digit - 1].is_ascii_alphanumeric()
                || matches!(bytes[digit - 1], b'_' | b'.' | b'-' | b'/' | b'#'))
            || bytes.get(end).is_some_and(|next| next.is_ascii_alphabetic() || *next == b'_');
        if let Some(found) = home(text, digit) {
            return Some(found);
        }
        if !inside_word && (is_identity(&bytes[digit..end]) || is_card(text, found) || is_phone(text, found)) {
            return Some(found);
        }
        if let Some(found) = account(text, digit) {
            return Some(found);
        }
        at = end.max(digit + 1);
    }
    None
}

/// Words for streets, as they stand behind an English house number.
const STREETS: [&str; 9] = ["street", "st", "avenue", "ave", "road", "lane", "drive", "boulevard", "court"];

/// A home address: a house number with a street, and a person's name before it.
fn home(text: &str, digit: usize) -> Option<Found> {
    let mut words = window(text, digit, 50).split([' ', ',', '\n']);
    let number = words.next()?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=5).contains(&digits) || number.len() > digits + 1 {
        return None;
    }
    let capital = |word: &str| word.starts_with(|first: char| first.is_uppercase());
    let street: Vec<&str> = words.take_while(|word| capital(word)).take(3).collect();
    let last = street.iter().position(|word| STREETS.contains(&word.trim_end_matches('.').to_lowercase().as_str()))?;
    let length = number.len() + street[..=last].iter().map(|word| word.len() + 1).sum::<usize>();
    (last > 0 && names_someone(before(text, digit, 60))).then_some(Found { start: digit, end: digit + length })
}

/// A US social security number.
fn is_identity(number: &[u8]) -> bool {
    number.len() == 11
        && number
            .iter()
            .enumerate()
            .all(|(place, byte)| if matches!(place, 3 | 6) { *byte == b'-' } else { byte.is_ascii_digit() })
}

/// A payment card's number: its check digit holds, and it is grouped or called a card.
fn is_card(text: &str, found: Found) -> bool {
    let number = &text[found.start..found.end];
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    if !(13..=19).contains(&digits.len()) || !(3..=6).contains(&digits[0]) || number.contains(['.', '(']) {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { *digit } else { digit * 2 % 10 + digit / 5 })
        .sum();
    let grouped = number.split([' ', '-']).rev().skip(1).all(|part| part.len() >= 4) && number.contains([' ', '-']);
    let called = [
        "card",
        "visa",
        "amex",
        "mastercard",
        "credit",
        "karte",
        "tarjeta",
        "carte",
        "cartão",
        "卡",
        "カード",
        "cc",
        "pan",
    ];
    let near = before(text, found.start, 60).to_lowercase();
    sum.is_multiple_of(10) && (grouped || called.iter().any(|call| near.contains(call)))
}

/// A phone number: international or grouped the American way, and beside a name or a word for phones.
fn is_phone(text: &str, found: Found) -> bool {
    let number = &text[found.start..found.end];
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let lead = before(text, found.start, 2);
    let international = lead.ends_with('+') || lead.ends_with("+(") || number.starts_with("00");
    let groups: Vec<usize> =
        number.split([' ', '-', '.', '(', ')']).map(str::len).filter(|length| *length > 0).collect();
    let american = matches!(groups[..], [3, 3, 4] | [1, 3, 3, 4] | [3, 3, 3] | [3, 4]);
    let near = before(text, found.start, 90);
    // A number that is called one, right after a person's name, is one whatever its groups.
    let named = before(text, found.start, 8).to_lowercase();
    let told = groups.len() >= 2 && ["tel", "phone", "mobil", "handy", "cell"].iter().any(|word| named.contains(word));
    let chinese = digits == 11
        && number.starts_with('1')
        && ["手机", "电话", "電話", "手機"]
            .iter()
            .any(|word| near.ends_with(word) || near.trim_end_matches([' ', ':', '：', '号', '是']).ends_with(word));
    if chinese {
        return true;
    }
    if !(7..=15).contains(&digits) || !(international && digits >= 8 || american || told) {
        return false;
    }
    let called = [
        "phone",
        "tel",
        "mobile",
        "cell",
        "call",
        "whatsapp",
        "handy",
        "telefon",
        "teléfono",
        "móvil",
        "电话",
        "手机",
        "電話",
        "携帯",
        "الهاتف",
        "телефон",
    ];
    let lower = near.to_lowercase();
    (names_someone(near) && (international || groups.len() >= 3))
        || called.iter().any(|call| lower.contains(call))
            && (lower.contains("name") || names_someone(near) || names_someone(window(text, found.end, 60)))
}

/// How long an IBAN is, by country.
const IBAN_LENGTHS: &str = "AD24 AE23 AT20 BE16 BG22 BR29 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GR27 HR21 HU28 IE22 IL23 IS26 IT27 LI21 \
    LT20 LU20 LV21 MC27 MT31 NL18 NO15 PL28 PT25 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TR26 UA29";

/// An IBAN whose check digits begin at `digit`.
fn account(text: &str, digit: usize) -> Option<Found> {
    let start = digit.checked_sub(2)?;
    let bytes = text.as_bytes();
    let country = &bytes[start..digit];
    if !country.iter().all(u8::is_ascii_uppercase) || start > 0 && bytes[start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let mut end = digit;
    while end < bytes.len()
        && end - start < 42
        && (bytes[end].is_ascii_digit()
            || bytes[end].is_ascii_uppercase()
            || bytes[end] == b' '
                && bytes.get(end + 1).is_some_and(|next| next.is_ascii_digit() || next.is_ascii_uppercase()))
    {
        end += 1;
    }
    let length = IBAN_LENGTHS.split(' ').find_map(|one| one.strip_prefix(std::str::from_utf8(country).ok()?))?;
    let length: usize = length.parse().ok()?;
    let places: Vec<usize> = (start..end).filter(|place| bytes[*place] != b' ').take(length).collect();
    let end = places.last()? + 1;
    if places.len() < length || bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let signs: Vec<u8> = places.iter().map(|place| bytes[*place]).collect();
    let value = |byte: u8| if byte.is_ascii_digit() { u32::from(byte - b'0') } else { u32::from(byte - b'A') + 10 };
    let rest = signs[4..].iter().chain(&signs[..4]).fold(0, |rest, byte| {
        let value = value(*byte);
        (rest * if value > 9 { 100 } else { 10 } + value) % 97
    });
    (rest == 1).then_some(Found { start, end })
}
