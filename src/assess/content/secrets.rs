//! Secrets: keys of public formats, passwords in URLs, literals beside a word that names a secret.

use super::{Found, before, window};

/// A public format of keys.
pub(super) struct Format {
    /// How such a key begins, lower case.
    pub(super) prefix: &'static str,
    /// The same, as it is written.
    written: &'static str,
    /// How many characters follow at least.
    least: usize,
    /// Which characters beside letters and digits may follow.
    also: &'static [u8],
}

const fn format(prefix: &'static str, written: &'static str, least: usize, also: &'static [u8]) -> Format {
    Format { prefix, written, least, also }
}

/// The formats, from the makers' documentation.
pub(super) const FORMATS: &[Format] = &[
    format("akia", "AKIA", 16, b""),
    format("asia", "ASIA", 16, b""),
    format("ghp_", "ghp_", 30, b""),
    format("gho_", "gho_", 30, b""),
    format("ghu_", "ghu_", 30, b""),
    format("ghs_", "ghs_", 30, b""),
    format("ghr_", "ghr_", 30, b""),
    format("github_pat_", "github_pat_", 40, b"_"),
    format("glpat-", "glpat-", 18, b"-_"),
    format("glsa_", "glsa_", 30, b"_"),
    format("sk_live_", "sk_live_", 16, b"_"),
    format("sk_test_", "sk_test_", 16, b"_"),
    format("rk_live_", "rk_live_", 16, b"_"),
    format("rk_test_", "rk_test_", 16, b"_"),
    format("whsec_", "whsec_", 20, b"+/="),
    format("sk-", "sk-", 20, b"-_"),
    format("gsk_", "gsk_", 30, b""),
    format("xoxb-", "xoxb-", 18, b"-"),
    format("xoxp-", "xoxp-", 18, b"-"),
    format("xoxa-", "xoxa-", 18, b"-"),
    format("xoxs-", "xoxs-", 18, b"-"),
    format("xapp-", "xapp-", 18, b"-"),
    format("hooks.slack.com/services/", "hooks.slack.com/services/", 24, b"/"),
    format("discord.com/api/webhooks/", "discord.com/api/webhooks/", 40, b"/-_"),
    format("aiza", "AIza", 30, b"-_"),
    format("ya29.", "ya29.", 20, b"-_"),
    format("gocspx-", "GOCSPX-", 20, b"-_"),
    format("sg.", "SG.", 30, b".-_"),
    format("npm_", "npm_", 30, b""),
    format("pypi-", "pypi-", 40, b"-_"),
    format("dop_v1_", "dop_v1_", 40, b""),
    format("dckr_pat_", "dckr_pat_", 20, b"-_"),
    format("hf_", "hf_", 28, b""),
    format("r8_", "r8_", 30, b""),
    format("shpat_", "shpat_", 28, b""),
    format("shpss_", "shpss_", 28, b""),
    format("sq0atp-", "sq0atp-", 20, b"-_"),
    format("sq0csp-", "sq0csp-", 20, b"-_"),
    format("nrak-", "NRAK-", 24, b""),
    format("pmak-", "PMAK-", 24, b"-"),
    format("lin_api_", "lin_api_", 30, b""),
    format("figd_", "figd_", 30, b"-_"),
    format("hvs.", "hvs.", 20, b"-_"),
    format("atlasv1.", "atlasv1.", 30, b"-_"),
    format("eyj", "eyJ", 40, b"-_.="),
    format("hrku-", "HRKU-", 36, b"-_"),
    format("key-", "key-", 32, b""),
    format("dapi", "dapi", 32, b""),
    format("xkeysib-", "xkeysib-", 60, b"-"),
    format("ops_eyj", "ops_eyJ", 100, b"-_"),
    format("ssws 00", "SSWS 00", 36, b"-_"),
    format("glrt-", "glrt-", 18, b"-_"),
    format("gldt-", "gldt-", 18, b"-_"),
    format("atatt3", "ATATT3", 60, b"-_="),
    format("atctt3", "ATCTT3", 60, b"-_="),
    format("sbp_", "sbp_", 36, b""),
    format("sb_secret_", "sb_secret_", 20, b"_-"),
    format("rzp_live_", "rzp_live_", 14, b""),
    format("sntrys_", "sntrys_", 40, b"-_="),
    format("sntryu_", "sntryu_", 40, b""),
    format("nvapi-", "nvapi-", 50, b"-_"),
    format("pplx-", "pplx-", 40, b""),
    format("xai-", "xai-", 60, b""),
    format("tvly-", "tvly-", 24, b"-"),
    format("cfpat-", "CFPAT-", 36, b"-_"),
    format("pul-", "pul-", 36, b""),
    format("ezak", "EZAK", 40, b""),
    format("shpca_", "shpca_", 28, b""),
    format("shppa_", "shppa_", 28, b""),
    format("dt0c01.", "dt0c01.", 24, b"."),
    format("ltai", "LTAI", 17, b""),
    format("abia", "ABIA", 16, b""),
    format("acca", "ACCA", 16, b""),
    format("dp.pt.", "dp.pt.", 36, b""),
    format("phx_", "phx_", 36, b""),
    format(":aa", ":AA", 33, b"-_"),
    format("accountkey=", "AccountKey=", 40, b"+/="),
    format("sharedaccesskey=", "SharedAccessKey=", 30, b"+/="),
    format("age-secret-key-1", "AGE-SECRET-KEY-1", 40, b""),
    format("private key-----", "PRIVATE KEY-----", 20, b"+/=\\\n\r -:,"),
    format("private key block-----", "PRIVATE KEY BLOCK-----", 20, b"+/=\\\n\r -:,."),
];

/// Words that name a secret, in the languages that prompts come in.
pub(super) const WORDS: &str = "pass|password|passwd|passphrase|passcode|pwd|secret|api_key|apikey|api-key|api key|access_key|access key|secret key|private_key|encryption_key|encryption key|signing_key|signing key|master_key|master key|\
    client_secret|token|bearer|authorization|credential|passwort|kennwort|geheimer schlüssel|geheime schlüssel|contraseña|clave|senha|chave|palavra-passe|\
    mot de passe|clé|chiave|parola|wachtwoord|sleutel|hasło|klucz|heslo|klíč|lösenord|nyckel|adgangskode|salasana|şifre|parola|anahtar|mật khẩu|khóa|kata sandi|kunci|susi|\
    пароль|ключ|密码|密钥|口令|秘密|パスワード|鍵|キー|비밀번호|암호|키|كلمة المرور|كلمة السر|المفتاح|مفتاح|पासवर्ड|कुंजी|סיסמה|κωδικός";

/// A key of a public format that begins at `start`.
pub(super) fn of_format(text: &str, start: usize, format: &Format) -> Option<Found> {
    let bytes = text.as_bytes();
    let rest = bytes[start..].strip_prefix(format.written.as_bytes())?;
    // A Telegram bot's number stands before the colon.
    let numbered = format.written.starts_with(':');
    if start > 0 && (bytes[start - 1].is_ascii_digit() != numbered || bytes[start - 1].is_ascii_alphabetic()) {
        return None;
    }
    let allowed = |byte: &&u8| byte.is_ascii_alphanumeric() || format.also.contains(byte);
    let length = rest.iter().take(4096).take_while(allowed).count();
    let value = &rest[..length];
    // A JSON web token has three parts and its second begins like its first.
    if format.written == "eyJ"
        && !(memchr::memmem::find(value, b".eyJ").is_some() || value.split(|b| *b == b'.').count() == 5)
    {
        return None;
    }
    // Class names go on in small letters after `sk-`: a key has digits.
    let digits =
        format.written != "sk-" || value.iter().any(u8::is_ascii_digit) || value.iter().any(u8::is_ascii_uppercase);
    let end = start + format.written.len() + length;
    (length >= format.least && digits && varied(value) && !is_placeholder(value)).then_some(Found { start, end })
}

/// A password in a URL, the place after `://` given.
pub(super) fn in_url(text: &str, after_scheme: usize) -> Option<Found> {
    let rest = window(text, after_scheme, 200);
    let authority = rest.split(['/', ' ', '\n', '"', '\'', '`', '<', '?', ')']).next()?;
    let (user_info, host) = authority.rsplit_once('@')?;
    let (_, password) = user_info.split_once(':')?;
    let trivial = [
        "password", "passwd", "pass", "pwd", "secret", "user", "postgres", "root", "admin", "guest", "example", "test",
        "mysql", "redis", "pw",
    ];
    let real = password.len() >= 4 && !host.is_empty() && !trivial.contains(&password.to_ascii_lowercase().as_str());
    let start = after_scheme + user_info.len() - password.len();
    (real && !is_placeholder(password.as_bytes())).then_some(Found { start, end: start + password.len() })
}

/// A literal that follows a word which names a secret.
pub(super) fn after_word(text: &str, start: usize, end: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let word = &text[start..end];
    if word.is_ascii() && start > 0 && bytes[start - 1].is_ascii_alphabetic() && !bytes[start].is_ascii_uppercase() {
        return None;
    }
    let rest = window(text, end, 220);
    let short = word.eq_ignore_ascii_case("pass");
    if short && rest.starts_with(char::is_alphanumeric) {
        return None;
    }
    let (link, skipped) = link(rest).or_else(|| follows_at_once(rest, word))?;
    let skipped = skipped + scheme(&rest[skipped..]);
    let value_at = end + skipped;
    let rest = &rest[skipped..];
    let (literal, quoted, lead) = literal(rest)?;
    if is_uuid(literal) || short && link == Link::Said {
        return None;
    }
    let found = Found { start: value_at + lead, end: value_at + lead + literal.len() };
    if is_placeholder(literal.as_bytes()) || is_lookup(&rest[lead + literal.len()..], literal) {
        return None;
    }
    let digit = literal.bytes().any(|byte| byte.is_ascii_digit());
    let alpha = literal.bytes().any(|byte| byte.is_ascii_alphabetic()) || !literal.is_ascii();
    let weak_word = ["token", "bearer", "authorization", "credential", "secret", "access key", "access_key"]
        .contains(&word.to_ascii_lowercase().as_str());
    let real = match (link, quoted) {
        // `the password is "Tulip"`: said in words and put in quotation marks.
        (Link::Said, true) => literal.chars().count() >= 3 && (!weak_word || digit || !is_code_before(text, start)),
        (Link::Said, false) => literal.len() >= 6 && digit && alpha,
        (Link::Assigned, true) if weak_word => literal.len() >= 16 && digit && alpha,
        (Link::Assigned, true) => literal.len() >= 4 && (literal.len() >= 6 || digit) && !is_plain_name(literal, word),
        (Link::Assigned, false) if weak_word => literal.len() >= 16 && digit && alpha,
        (Link::Assigned, false) => literal.len() >= 6 && digit && alpha,
    };
    real.then_some(found)
}

/// A long random value that stands behind `token` or `key` with nothing but a space between.
fn follows_at_once(rest: &str, word: &str) -> Option<(Link, usize)> {
    let value = rest.strip_prefix(' ')?.split(char::is_whitespace).next()?;
    let names_one = ["token", "api key", "access key", "secret key"].contains(&word.to_ascii_lowercase().as_str());
    let has = |sort: fn(&u8) -> bool| value.as_bytes().iter().any(sort);
    let random = value.len() >= 24
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (names_one && random).then_some((Link::Assigned, 1))
}

/// How many bytes the name of a scheme takes, as in `Authorization: Basic …`.
fn scheme(rest: &str) -> usize {
    let quote = usize::from(rest.starts_with(['"', '\'']));
    let schemes = ["Basic ", "Bearer ", "Token ", "basic ", "bearer ", "token "];
    schemes.iter().find(|scheme| rest[quote..].starts_with(**scheme)).map_or(0, |scheme| quote + scheme.len())
}

fn is_uuid(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Programs that take a password as an argument.
pub(super) const COMMANDS: &str = "mysql|mysqldump|mysqladmin|mariadb|sshpass|curl|wget|http|docker";

/// A password among the arguments of the program that is named at `start`.
pub(super) fn in_command(text: &str, start: usize, end: usize) -> Option<Found> {
    let program = &text[start..end];
    let line = window(text, end, 300);
    let line = &line[..line.find('\n').unwrap_or(line.len())];
    if !line.starts_with(' ') {
        return None;
    }
    let options: &[&str] = match program {
        "sshpass" | "docker" => &[" -p ", " --password "],
        "curl" | "http" => &[" -u ", " --user ", " -a "],
        "wget" => &[" --password=", " --http-password="],
        _ => &[" -p", " --password="],
    };
    let (option, at) = options.iter().find_map(|option| Some((*option, line.find(option)?)))?;
    let from = at + option.len();
    let given = &line[from..];
    let quote = usize::from(given.starts_with(['"', '\'']));
    let value = given[quote..].split([' ', '"', '\'']).next()?;
    let login = option == " -u " || option == " --user " || option == " -a ";
    let (skipped, password) =
        if login { value.split_once(':').map(|(user, it)| (user.len() + 1, it))? } else { (0, value) };
    let mixed =
        password.bytes().any(|byte| byte.is_ascii_digit()) && password.bytes().any(|byte| byte.is_ascii_alphabetic());
    let real =
        password.len() >= 6 && mixed && !password.contains(['$', '<', '{']) && !is_placeholder(password.as_bytes());
    let start = end + from + quote + skipped;
    real.then_some(Found { start, end: start + password.len() })
}

/// How far from the word the joint ends.
const SAID_WITHIN: usize = 24;

/// How a word and its value are joined.
#[derive(Clone, Copy, PartialEq)]
enum Link {
    /// By a sign, as in code or settings.
    Assigned,
    /// By words.
    Said,
}

/// The joint at the start of `rest`, and how many bytes it takes.
fn link(rest: &str) -> Option<(Link, usize)> {
    let name_goes_on =
        rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(rest.len()).min(24);
    let name_goes_on =
        if rest.is_char_boundary(name_goes_on) && rest[..name_goes_on].is_ascii() { name_goes_on } else { 0 };
    let after = &rest[name_goes_on..];
    let closed = after.trim_start_matches(['"', '\'', ']', '`', '*', ' ']);
    let signs = ["=>", ":=", "==", "=", "：", ":"];
    if let Some(sign) = signs.into_iter().find(|sign| closed.starts_with(sign)) {
        if sign == "==" || closed.starts_with("://") {
            return None;
        }
        let spaced = closed[sign.len()..].trim_start_matches([' ', '\t']);
        let link = if sign == "：" || (sign == ":" && after.starts_with(' ')) { Link::Said } else { Link::Assigned };
        return Some((link, rest.len() - spaced.len()));
    }
    let said = [
        " is ", " is: ", " was ", " es ", " è ", " ist ", " lautet ", " est ", " é ", " to ", " jest ", " är ", " er ",
        " on ", " - ", " — ", " – ", " этo ", " это ", " ay ", " adalah ", " là ", " هي ", " هو ", "是", "为", "は",
        "が", "는 ", "은 ", " है ",
    ];
    let near = window(after, 0, SAID_WITHIN);
    let spoken = said.into_iter().find_map(|said| Some((near.find(said).filter(|at| *at <= 12)?, said)))?;
    let spaced = after[spoken.0 + spoken.1.len()..].trim_start();
    Some((Link::Said, rest.len() - spaced.len()))
}

/// The literal at the start of `rest`: its text, whether it is quoted, and how many bytes of quotation mark precede it.
fn literal(rest: &str) -> Option<(&str, bool, usize)> {
    let opening = rest.chars().next()?;
    let closing = match opening {
        '"' | '\'' | '`' => opening,
        '“' | '„' => '”',
        '«' => '»',
        '「' => '」',
        '『' => '』',
        '‘' => '’',
        _ => {
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | ')' | '}' | '<'))
                .unwrap_or(rest.len());
            return (end > 0).then(|| (rest[..end].trim_end_matches('.'), false, 0));
        }
    };
    let lead = opening.len_utf8();
    let inner = &rest[lead..];
    let end = inner.find(|c: char| c == closing || (opening == '„' && c == '“') || c == '\n')?;
    let value = &inner[..end];
    (!value.is_empty() && value.len() <= 120 && !value.contains(' ')).then_some((value, true, lead))
}

/// Whether a value says that the real one is to be put there.
fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let marks: [&[u8]; 18] = [
        b"your",
        b"xxx",
        b"...",
        b"***",
        b"<",
        b"${",
        b"{{",
        b"%(",
        b"changeme",
        b"change_me",
        b"placeholder",
        b"redacted",
        b"insert",
        b"replace",
        b"example_",
        b"todo",
        b"my_",
        b"my-",
    ];
    marks.iter().any(|mark| memchr::memmem::find(&lower, mark).is_some()) || !varied(value) && value.len() > 4
}

/// Whether a value has more than a few different characters.
fn varied(value: &[u8]) -> bool {
    let mut seen = [false; 256];
    value.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= 4
}

/// Whether the value is looked up elsewhere: an environment variable, a call, a field.
fn is_lookup(after: &str, literal: &str) -> bool {
    let plain = literal.trim_start_matches(['$', '@', '&', '!']);
    let lookups = [
        "process.env",
        "os.environ",
        "os.getenv",
        "getenv",
        "env(",
        "env.",
        "env[",
        "secrets.",
        "vault",
        "config.",
        "config[",
        "settings.",
        "self.",
        "this.",
        "req.",
        "request.",
        "params",
        "props.",
        "user.",
        "var.",
        "local.",
        "ref:",
        "null",
        "none",
        "nil",
        "undefined",
        "true",
        "false",
        "string",
        "str",
        "bytes",
        "http",
    ];
    let lower = plain.to_ascii_lowercase();
    let called = after.starts_with(['(', '[']) || literal.contains('(') || literal.contains('[');
    literal.starts_with('$') || called || lookups.iter().any(|lookup| lower.starts_with(lookup))
}

/// Whether the value is only a name again, as in `type: "password"` or `name="passwordField"`.
fn is_plain_name(literal: &str, word: &str) -> bool {
    let lower = literal.to_ascii_lowercase();
    let names = [
        "password",
        "passwd",
        "secret",
        "token",
        "required",
        "string",
        "text",
        "hidden",
        "invalid",
        "incorrect",
        "forgot",
        "reset",
        "missing",
        "bearer",
    ];
    let letters =
        literal.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b' '));
    lower.contains(&word.to_ascii_lowercase())
        || names.iter().any(|name| lower.contains(name))
        || (letters && literal.contains(['.', '/', '_']))
}

fn is_code_before(text: &str, start: usize) -> bool {
    before(text, start, 3).contains(['.', '(', '_', '$', '<'])
}
